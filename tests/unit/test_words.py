"""Everything the gateway can say, it can say in three languages."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue import codes, render
from gateway.model import LANGUAGES, Language
from gateway.schema.hints import HINTS
from gateway.words import SEAL, hint_names, known_keys, rules, say, template
from tests.schemas import ROOT

BOOKS = ROOT / "gateway" / "words"
SLOT = re.compile(r"\{([a-z]+)")
KAZAKH = set("әғқңөұүһі")
INTERNAL = {"xsd.not-expected"}
"""What a complaint is read as before the facts say which finding it is."""
READERS = {
    "schema/rules",
    "schema/explain",
    "schema/recognise",
    "schema/guard",
    "gateway/strict_json",
    "twin/__init__",
    "twin/write",
}
"""Where rules also stand in tables, not only in calls."""
FAMILY = re.compile(r"(?:xsd|trap|xml|schema|mapping|facts|config|rule|json|code|id)\.[a-z]+(?:-[a-z]+)*")


def book(language: str) -> dict[str, Any]:
    return tomllib.loads((BOOKS / f"{language}.toml").read_text(encoding="utf-8"))


def rules_in_source() -> set[str]:
    """Every finding rule written in the source: as `rule=` of a call, or as a text that can only be one."""
    found: set[str] = set()
    for file in [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "rule" and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
            if (
                "/".join(file.with_suffix("").parts[-2:]) in READERS
                and isinstance(node, ast.Constant)
                and isinstance(node.value, str)
            ):
                found.update(FAMILY.findall(node.value) if FAMILY.fullmatch(node.value) else ())
    return {rule for rule in found if FAMILY.fullmatch(rule)} - INTERNAL


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys(language: Language) -> None:
    assert known_keys(language) == known_keys("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_code_has_words(language: Language) -> None:
    said = {error: say(SEAL if error.secret else error.code, {}, language) for error in codes()}
    assert not [error for error, words in said.items() if not (words.title and words.text and words.hint)]
    assert not set(book(language)["codes"]) - {error.code for error in codes()}


def test_every_rule_in_the_source_has_words() -> None:
    found = rules_in_source()
    assert {"xsd.pattern", "trap.no-namespace", "schema.unknown-function", "xml.split-value"} <= found
    families = {rule.removesuffix("*") for rule in rules() if rule.endswith("*")}
    assert not {rule for rule in found if rule not in rules() and not rule.startswith(tuple(families))}


def test_codes_and_rules_share_no_key() -> None:
    assert not set(book("en")["codes"]) & set(rules())


def test_every_trap_has_words_and_every_word_a_trap() -> None:
    assert set(hint_names()) == set(HINTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", rules())
def test_every_language_fills_the_same_slots(rule: str, language: Language) -> None:
    """A translation that forgets the value, or asks for one nobody gives, is found here."""
    english, words = template(rule, "en"), template(rule, language)
    assert set(SLOT.findall(words.text)) == set(SLOT.findall(english.text))
    assert set(SLOT.findall(words.hint)) == set(SLOT.findall(english.hint))


def test_languages_are_what_they_claim_to_be() -> None:
    """No text was left in another language: Kazakh has its own letters, Russian has none of them."""
    texts = {language: list(leaves(book(language))) for language in LANGUAGES}
    assert not [text for text in texts["ru"] if KAZAKH & set(text.lower())]
    assert not [text for text in texts["en"] if re.search("[а-яА-Я]", text)]
    letters = re.compile("[А-Яа-яәғқңөұүһі]")
    bare = {"{file}{key:, {} кілті}: {reason}"}
    assert not [text for text in texts["ru"] + texts["kk"] if not letters.search(text) and text not in bare]
    foreign = set(texts["kk"]) & (set(texts["ru"]) | set(texts["en"]))
    assert not foreign


def leaves(table: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for value in table.values():
        found += leaves(value) if isinstance(value, dict) else [value]
    return found


def test_values_are_never_read_as_templates() -> None:
    words = say("xsd.pattern", {"value": "{form}  {try} ,", "element": "{value}", "form": "a2"}, "en")
    assert words.text == "“{form}  {try} ,” does not have the form of {value}."
    assert words.hint == "Expected: 2 letters."


def test_slots_without_value_leave_no_trace() -> None:
    assert say("xsd.missing", {"missing": "ID", "parent": "Query"}, "en").hint == (
        "Add it; the order of elements is fixed."
    )
    assert say("xsd.value", {"value": "0", "element": "N", "least": "1"}, "ru").hint == "Ожидается: не меньше 1."


@pytest.mark.parametrize(
    ("form", "english"),
    [
        ("a2", "2 letters"), ("an..35", "up to 35 characters"), ("n..5", "up to 5 digits"), ("an3", "3 characters"),
        ("n..16,6", "up to 16 digits, up to 6 of them after the point"), ("whatever", "whatever"),
    ],
)  # fmt: skip
def test_wco_format_is_written_out(form: str, english: str) -> None:
    assert say("xsd.length", {"form": form, "element": "X"}, "en").hint == f"Expected: {english}."


@pytest.mark.parametrize("key", ["mapping.anything-new", "rule.of-an-adapter", "no-such-rule", ""])
@pytest.mark.parametrize("language", LANGUAGES)
def test_unknown_rule_still_has_words(key: str, language: Language) -> None:
    words = say(key, {"reason": "because"}, language)
    assert "because" in words.text
    assert words.hint


def test_catalogue_in_the_docs_is_up_to_date() -> None:
    """`python -m gateway.catalogue > docs/errors.md` makes it anew."""
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == render()


def test_catalogue_names_every_code_and_rule() -> None:
    page = render()
    assert not [error.code for error in codes() if f"`{error.code}`" not in page]
    assert not [rule for rule in rules() if f"### `{rule}`" not in page]
    assert Path(ROOT / "docs").is_dir()
