"""Every reason that the code gives for a refusal can be said in Russian and Kazakh."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.model import LANGUAGES, Language
from gateway.reasons import in_language, known
from gateway.words import say
from tests.schemas import ROOT

FILES = (
    "gateway/mapping/*.py", "gateway/facts/*.py", "gateway/codes/lists.py", "gateway/identifiers.py", "gateway/xml.py",
    "gateway/strict_json.py", "gateway/shell/partners.py",
    "gateway/shell/config.py", "gateway/shell/transformer*.py", "adapters/*/converters.py",
)  # fmt: skip
REFUSALS = {
    "ValueError", "CodeRefused", "NoWayBack", "OutOfBounds", "EnvelopeMalformed", "Converter", "_shaped", "_problem",
    "problem", "say", "_say",
}  # fmt: skip
SPOKEN = {"reason", "why"}
QUIET = {
    "not well-formed at line {}, column {}: {}", "JSON: {} at {}", "scopes of two documents", "{} {}{}",
}  # fmt: skip
"""Details of the log, and what is read again before it is told."""
SILENT = {"generate", "provenance", "write"}
"""Modules of the mapping whose texts are programs, or parts of XML."""
OTHERS = tuple(language for language in LANGUAGES if language != "en")
SLOT = re.compile(r"\{[0-9]?\*?\}")


def template(node: ast.AST) -> str:
    """The text of a literal with `{}` for what is filled in; of two slots in a row one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return "".join(parts).replace("{}{}", "{}")
    return ""


def reasons(file: Path) -> Iterator[str]:
    """Every text in a file that may be the reason of a finding."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            yield from (template(arg) for arg in node.args if name in REFUSALS)
            yield from (template(word.value) for word in node.keywords if word.arg in SPOKEN)
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (template(value) for key, value in pairs if key is not None and template(key) in SPOKEN)
        if file.parent.name == "mapping" and file.stem not in SILENT:
            yield from _listed(node)


def _listed(node: ast.AST) -> Iterator[str]:
    """Reasons of rows stand in tables, too: what holds of a row, and what is said of it then."""
    if isinstance(node, ast.Tuple):
        yield from (text for text in map(template, node.elts) if text.count(" ") > 1)
    if isinstance(node, ast.Dict):
        yield from (template(key) for key in node.keys if key is not None)
    if isinstance(node, ast.Return) and node.value is not None:
        yield template(node.value)


def said_in_source() -> set[str]:
    files = [file for pattern in FILES for file in ROOT.glob(pattern)]
    assert len(files) > 20
    return {text for file in files for text in reasons(file) if " " in text.strip()} - QUIET


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_of_the_source_is_translated(language: Language) -> None:
    found = said_in_source()
    assert len(found) > 90
    assert sorted(found - set(known(language))) == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_what_the_reason_fills(language: Language) -> None:
    """As many slots, each once; and no English left."""
    for key, text in known(language).items():
        slots = SLOT.findall(text)
        assert len(slots) == key.count("{}"), key
        numbers = [slot[1] for slot in slots if slot[1].isdigit()]
        assert not numbers or sorted(numbers + [str(at) for at in range(len(slots) - len(numbers))]) == [
            str(at) for at in range(len(slots))
        ], key
        assert text != key and re.search("[А-Яа-яәғқңөұүһі]", text), key


def test_languages_know_the_same_reasons() -> None:
    assert known("ru").keys() == known("kk").keys()


@pytest.mark.parametrize(
    ("reason", "russian"),
    [
        ("not a date of format 102", "не дата формата 102"),
        ("code list units (1) has no code XQZ", "в списке кодов units (1) нет кода XQZ"),
        ("code list units (1) has no code XQZ on 2026-01-01", "в списке кодов units (1) на 2026-01-01 нет кода XQZ"),
        ("upper has no way back: small and capital letters become one",
         "у upper нет обратного пути: строчные и прописные буквы становятся одинаковыми"),
        ("unknown: missing", "неизвестно: missing"),
        ("Start tag expected", "Start tag expected"),
        ("", ""),
    ],
)  # fmt: skip
def test_values_stay_as_they_are(reason: str, russian: str) -> None:
    """Only what the words call a reason is translated inside a reason; what nobody knows is told as it came."""
    assert in_language(reason, "ru") == russian
    assert in_language(reason, "en") == reason


def test_a_finding_is_one_language_and_ends_with_a_full_stop() -> None:
    """Whoever said what stands at its end."""
    params = {"value": "x", "reason": "no such day or time"}
    assert say("mapping.convert", params, "ru").text == "Не удаётся преобразовать «x»: нет такого дня или времени."
    assert say("xml.malformed", {"reason": "Start tag expected."}, "en").text.endswith("expected.")
    assert say("xml.malformed", {"reason": "too many nodes"}, "en").text.endswith("too many nodes.")
