"""What the gateway says to people, in English, Russian and Kazakh: by refusal code and by finding rule.

The words live in `gateway/words/<language>.toml`. `{name}` is filled from the params; `{name: text {} text}` is said
only when that param has a value; `{form}` is a WCO format (`an..35`) written out in the language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from gateway.model import LANGUAGES, Language
from gateway.reasons import in_language

_SLOT: Final = re.compile(r"\{(?P<name>[a-z]+)(?::(?P<said>[^{}]*(?:\{\}[^{}]*)?))?\}")
_FORM: Final = re.compile(r"(?P<kind>an|a|n)(?P<upto>\.\.)?(?P<n>[0-9]+)(?:,(?P<f>[0-9]+))?")
_STRAY_SPACE: Final = re.compile(r" +([.,;:])|  +")
_REASONS: Final = ("reason", "why")
_ENDS: Final = ".!?…"
_MARK: Final = re.compile("\0([0-9]+)\0")
SEAL: Final = "seal"
"""The key of the one text that every refusal of a seal shares."""
OTHER: Final = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said: `text` says what is wrong, `hint` what to do. `title` only for refusal codes."""

    text: str
    hint: str
    title: str = ""


@cache
def _book(language: Language) -> dict[str, Any]:
    text = resources.files("gateway").joinpath("words", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def say(key: str, params: Mapping[str, str], language: Language) -> Words:
    """The words of a refusal code or a finding rule, filled. Never raises: a rule without words gets its family's.

    Params `hint` (a trap's name) and `try` (a value that would be right) shape the hint.
    """
    book = _book(language)
    entry = book[SEAL] if key == SEAL else book["codes"].get(key)
    if entry is not None:
        return Words(title=entry["title"], text=entry["text"], hint=entry["do"])
    rule = _rule(book["rules"], key)
    known = _spoken(params, book["forms"], language)
    return Words(text=_ended(_fill(rule["text"], known)), hint=_hint(book["hints"], rule["hint"], known))


def template(key: str, language: Language) -> Words:
    """The words of a key as they are written, slots open: for the catalogue."""
    book = _book(language)
    entry = book[SEAL] if key == SEAL else book["codes"].get(key)
    if entry is not None:
        return Words(title=entry["title"], text=entry["text"], hint=entry["do"])
    if key in book["hints"]:
        return Words(text=book["hints"][key], hint="")
    rule = _rule(book["rules"], key)
    return Words(text=rule["text"], hint=rule["hint"])


def _rule(rules: dict[str, dict[str, str]], key: str) -> dict[str, str]:
    return rules.get(key) or rules.get(f"{key.partition('.')[0]}.*") or rules[OTHER]


def _hint(hints: dict[str, str], usual: str, params: Mapping[str, str]) -> str:
    trap = hints.get(params.get("hint", ""))
    told = [trap or _fill(usual, params)]
    if params.get("try"):
        told.append(_fill(hints["try"], params))
    return " ".join(told)


def _spoken(params: Mapping[str, str], forms: dict[str, str], language: Language) -> dict[str, str]:
    """The params with forms and reasons in words of the language."""
    told = dict(params)
    if told.get("form"):
        told["form"] = _form(told["form"], forms)
    return told | {name: in_language(told[name], language) for name in _REASONS if told.get(name)}


def _ended(text: str) -> str:
    """A sentence ends like one, though it ends with what somebody else said."""
    return text if not text or text[-1] in _ENDS else f"{text}."


def _form(form: str, forms: dict[str, str]) -> str:
    """`n..16,6` in words; as it is when it is not a WCO format."""
    read = _FORM.fullmatch(form)
    if read is None:
        return form
    key = f"{read['kind']}{read['upto'] or ''}{',' if read['f'] else ''}"
    return _fill(forms.get(key, form), {"n": read["n"], "f": read["f"] or ""})


def _fill(template: str, params: Mapping[str, str]) -> str:
    """Fill the slots; values go in last and as they are: they are never read as templates, nor tidied."""
    values: list[str] = []

    def slot(match: re.Match[str]) -> str:
        value = params.get(match["name"], "")
        if not value:
            return ""
        values.append(value)
        mark = f"\0{len(values) - 1}\0"
        return mark if match["said"] is None else match["said"].replace("{}", mark, 1)

    tidy = _STRAY_SPACE.sub(lambda found: found[1] or " ", _SLOT.sub(slot, template)).strip()
    return _MARK.sub(lambda found: values[int(found[1])], tidy)


def known_keys(language: Language) -> frozenset[str]:
    """Every key that has words in a language, as `table.key`; for the catalogue and for the test of completeness."""
    book = _book(language)
    keys = {f"{table}/{key}/{part}" for table in ("codes", "rules") for key in book[table] for part in book[table][key]}
    keys |= {f"{table}/{key}" for table in ("hints", "forms", SEAL) for key in book[table]}
    return frozenset(keys)


def rules() -> tuple[str, ...]:
    """Every finding rule that has words of its own, sorted; `family.*` speaks for a whole family."""
    return tuple(sorted(_book(LANGUAGES[0])["rules"]))


def hint_names() -> tuple[str, ...]:
    """Every trap a hint can name, sorted."""
    return tuple(sorted(set(_book(LANGUAGES[0])["hints"]) - {"try"}))
