"""What a person should try instead of a value that was refused; never applied, only told.

The traps come from real messages: a Cyrillic letter in a permit number, full-width digits, a Java date, a lost zero.
A suggestion is told only when it would have been valid itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Final

from gateway.facts import Fact
from gateway.identifiers import check_kz_number

Params = Mapping[str, str]
_LOOKALIKES: Final = str.maketrans("АВЕЗКМНОРСТХУІЅЈаеорсухіѕј", "ABE3KMHOPCTXYISJaeopcyxisj")
_CYRILLIC: Final = re.compile(r"[\u0400-\u052f]")
_FULL_WIDTH: Final = re.compile(r"[\uff01-\uff5e\u3000]")
_NO_BREAK: Final = re.compile(r"[\u00a0\u2007\u202f]")
_JAVA_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2} [0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})"
    r" ([A-Z]{2,5}|GMT[+-][0-9:]+) ([0-9]{4})"
)
_DMY: Final = re.compile(r"([0-3][0-9])\.([01][0-9])\.([12][0-9]{3})")
_NO_ZONE: Final = re.compile(r"[0-9]{14}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")
_COMMA: Final = re.compile(r"[+-]?[0-9][0-9 \u00a0\u2007\u202f]*,[0-9]+")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:[ \u00a0\u2007\u202f][0-9]{3})+(?:\.[0-9]+)?")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+")
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,3}")
_CODE_OF_NINE: Final = re.compile(r"[0-9]{9}")
_COMMODITY: Final = frozenset({"145"})
NUMBERS: Final = frozenset({"numeric", "amount", "quantity", "measure", "decimal", "integer", "int"})
DATES: Final = frozenset({"date", "datetime", "datetimestring", "time"})
_SOME_DAY: Final = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
_EXAMPLE: Final = "for example "
_MANY: Final = 20
"""Longer lists of codes are not told whole."""
_LONGEST: Final = 200
"""Longer values get no suggestion: nobody mistypes one letter in them, and patterns cost time on them."""


class Wanted:
    """What the schema wants of one value: its facts, and what the refusal itself told."""

    def __init__(self, fact: Fact | None, refused: Params, format_code: str) -> None:
        self.pattern = refused.get("pattern") or (fact.pattern if fact else "")
        self.codes = tuple(filter(None, refused.get("codes", "").split(", "))) or (fact.choices if fact else ())
        self.form = fact.format if fact else ""
        self.commodity = fact is not None and fact.wco_id in _COMMODITY
        self.number = (fact is not None and fact.type in NUMBERS) or "xs:decimal" in refused.get("kind", "")
        self.date = (fact is not None and (fact.type in DATES or fact.name == "DateTimeString")) or bool(format_code)
        self.iso = "xs:date" in refused.get("kind", "") or (fact is not None and fact.type in ("date", "datetime"))
        self.zoned = format_code == "304" or (fact is not None and fact.type == "datetime")
        self.day = format_code == "102" or (fact is not None and fact.type == "date")
        self.bin = "[0-9]{12}" in self.pattern
        self.ascii = bool(self.pattern or self.codes or self.number or self.date)
        self.example = example_of(fact)

    @property
    def sample(self) -> str:
        """A date or time written as it is wanted here; empty where no date is wanted."""
        return _written(_SOME_DAY, self) if self.date else ""

    def takes(self, value: str) -> bool:
        """True when a suggestion is safe to make: it would have passed everything we know of."""
        if self.codes:
            return value in self.codes
        if self.number and not _PLAIN_NUMBER.fullmatch(value):
            return False
        return _matches(self.pattern, value) and _fits(self.form, value)


def hints(value: str, fact: Fact | None, refused: Params, format_code: str = "") -> dict[str, str]:
    """Params for the words of a finding: `form`, `pattern`, `codes`, the name of a trap as `hint`, and `try`."""
    wanted = Wanted(fact, refused, format_code)
    told = {
        "form": wanted.form,
        "pattern": wanted.pattern,
        "codes": _some(wanted.codes, value),
        "sample": wanted.sample,
        "example": "" if wanted.codes else wanted.example or wanted.sample,
    }
    if len(value) <= _LONGEST:
        told |= _trap(value, wanted)
    return {key: text for key, text in told.items() if text}


def _some(codes: tuple[str, ...], value: str) -> str:
    """All codes of a short list; of a long one those that look most like the value."""
    if len(codes) <= _MANY:
        return ", ".join(codes)
    near = get_close_matches(value[:_LONGEST], codes, n=5, cutoff=0.5) or codes[:5]
    return ", ".join([*near, "…"])


def example_of(fact: Fact | None) -> str:
    """The example that ends the note of a schema table's row (`...; for example 57505`), else empty."""
    _, found, example = fact.note.rpartition(_EXAMPLE) if fact else ("", "", "")
    return example if found else ""


def _trap(value: str, wanted: Wanted) -> dict[str, str]:
    """The first trap that this value fell into, with the suggestion that leads out of it where there is one."""
    for name, spring in _TRAPS:
        candidate = spring(value, wanted)
        if candidate is None:
            continue
        better = _clean(candidate)
        return {"hint": name, "try": better if better != value and better and wanted.takes(better) else ""}
    return {}


def _clean(value: str) -> str:
    """A suggestion free of the other small slips, so that following it once is enough."""
    return " ".join(value.translate(_LOOKALIKES).split()) if _CYRILLIC.search(value) else " ".join(value.split())


def _full_width(value: str, wanted: Wanted) -> str | None:
    if not wanted.ascii or not _FULL_WIDTH.search(value):
        return None
    return unicodedata.normalize("NFKC", value)


def _mixed_alphabet(value: str, wanted: Wanted) -> str | None:
    return value.translate(_LOOKALIKES) if wanted.ascii and _CYRILLIC.search(value) else None


def _invisible(value: str, wanted: Wanted) -> str | None:
    hidden = [c for c in value if unicodedata.category(c) == "Cf"]
    return "".join(c for c in value if c not in hidden) if hidden and wanted.ascii else None


def _java_date(value: str, wanted: Wanted) -> str | None:
    """Only UTC is converted: other zone names are ambiguous."""
    found = _JAVA_DATE.fullmatch(" ".join(value.split()))
    if found is None:
        return None
    if found[2] not in ("UTC", "GMT"):
        return ""
    try:
        when = datetime.strptime(f"{found[1]} {found[3]} +0000", "%b %d %H:%M:%S %Y %z")
    except ValueError:
        return ""
    return _written(when, wanted)


def is_java_date(value: str) -> bool:
    """True for `Wed Nov 13 00:00:00 UTC 2019`, which `java.util.Date` prints and no schema takes."""
    return len(value) <= _LONGEST and _JAVA_DATE.fullmatch(" ".join(value.split())) is not None


def _written(when: datetime, wanted: Wanted) -> str:
    if wanted.iso:
        return when.strftime("%Y-%m-%d" if wanted.day else "%Y-%m-%dT%H:%M:%SZ")
    return when.strftime("%Y%m%d" if wanted.day else "%Y%m%d%H%M%SZ")


def _line_break(value: str, wanted: Wanted) -> str | None:
    inner = value.strip()
    if "\n" not in inner and "\r" not in inner:
        return None
    return re.sub(r"\s+", "" if wanted.date or wanted.number else " ", inner)


def _day_first(value: str, wanted: Wanted) -> str | None:
    found = _DMY.fullmatch(value.strip()) if wanted.date else None
    if found is None:
        return None
    joint = "-" if wanted.iso else ""
    return joint.join((found[3], found[2], found[1])) if not wanted.zoned else ""


def _no_zone(value: str, wanted: Wanted) -> str | None:
    return f"{value.strip()}Z" if wanted.zoned and _NO_ZONE.fullmatch(value.strip()) else None


def _comma(value: str, wanted: Wanted) -> str | None:
    if not wanted.number or not _COMMA.fullmatch(value.strip()):
        return None
    return _NO_BREAK.sub("", value.strip().replace(" ", "")).replace(",", ".")


def _grouped(value: str, wanted: Wanted) -> str | None:
    if not wanted.number or not _GROUPED.fullmatch(value.strip()):
        return None
    return "".join(_NO_BREAK.sub("", value).split())


def _decomposed(value: str, wanted: Wanted) -> str | None:
    """Letters with their marks apart: ten signs of Korean are eight and twenty; composed they may fit."""
    composed = unicodedata.normalize("NFC", value)
    return composed if len(composed) < len(value) and _fits(wanted.form, composed) else None


def _no_break(value: str, _wanted: Wanted) -> str | None:
    return _NO_BREAK.sub(" ", value) if _NO_BREAK.search(value) else None


def _exponent(value: str, wanted: Wanted) -> str | None:
    if not wanted.number or not _EXPONENT.fullmatch(value.strip()):
        return None
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return ""
    return f"{number:f}" if abs(number.adjusted()) < _LONGEST else ""


def _spaced(value: str, wanted: Wanted) -> str | None:
    joined = "".join(value.split())
    return joined if joined != value.strip() and wanted.pattern and wanted.takes(joined) else None


def _lost_zero(value: str, wanted: Wanted) -> str | None:
    return f"0{value.strip()}" if wanted.commodity and _CODE_OF_NINE.fullmatch(value.strip()) else None


def _lower_case(value: str, wanted: Wanted) -> str | None:
    raised = value.strip().upper()
    return raised if raised != value.strip() and wanted.takes(raised) else None


def _other_words(value: str, wanted: Wanted) -> str | None:
    """A code from the list with stray space, or without its leading zero."""
    stripped = value.strip()
    return next((code for code in wanted.codes if code.lstrip("0") == stripped and code != stripped), None)


def _bin(value: str, wanted: Wanted) -> str | None:
    """Twelve digits were wanted: too few, too many, with the country in front, or with a wrong check digit."""
    if not wanted.bin:
        return None
    digits = value.strip().removeprefix("KZ")
    try:
        return check_kz_number(digits)
    except ValueError:
        return ""


_TRAPS: Final[tuple[tuple[str, Callable[[str, Wanted], str | None]], ...]] = (
    ("full-width", _full_width),
    ("invisible", _invisible),
    ("java-date", _java_date),
    ("mixed-alphabet", _mixed_alphabet),
    ("line-break", _line_break),
    ("day-first", _day_first),
    ("no-zone", _no_zone),
    ("comma", _comma),
    ("grouped", _grouped),
    ("exponent", _exponent),
    ("spaced", _spaced),
    ("no-break-space", _no_break),
    ("decomposed", _decomposed),
    ("lost-zero", _lost_zero),
    ("leading-zero", _other_words),
    ("lower-case", _lower_case),
    ("bin", _bin),
)
HINTS: Final = (*(name for name, _ in _TRAPS), "escaped")
"""Every trap a hint can name."""


def _matches(pattern: str, value: str) -> bool:
    """True when the XSD pattern takes the value, as far as Python can read the pattern."""
    if not pattern:
        return True
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return False


_TEXT_FORM: Final = re.compile(r"(an|a|n)(\.\.)?([0-9]+)(?:,([0-9]+))?")


def _fits(form: str, value: str) -> bool:
    """True when a value keeps a WCO format (`a2`, `an..35`, `n..16,6`); an empty or unknown format takes all."""
    read = _TEXT_FORM.fullmatch(form)
    if read is None:
        return True
    kind, upto, size, fraction = read.groups()
    if kind == "n":
        digits = re.sub(r"[^0-9]", "", value)
        return len(digits) <= int(size) and len(value.partition(".")[2]) <= int(fraction or 0)
    length_right = len(value) <= int(size) if upto else len(value) == int(size)
    return length_right and (kind == "an" or value.isalpha())
