"""How the ministry writes times, numbers and business numbers, and the way back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

from gateway.identifiers import check_kz_number
from gateway.model import Converter

ASTANA: Final = timezone(timedelta(hours=5))
ASTANA_BEFORE: Final = timezone(timedelta(hours=6))
CHANGE: Final = datetime(2024, 3, 1, tzinfo=ASTANA_BEFORE)
"""Kazakhstan keeps one time, UTC+5, since 1 March 2024; Astana kept UTC+6 before."""
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_WCO_304 = re.compile(r"([0-9]{14})(Z|[+-][0-9]{2}(?:[0-9]{2})?)")
_MOMENT = re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_POINT = re.compile(r"[0-9]{1,15}(\.[0-9]+)?")
_COMMA = re.compile(r"[0-9]{1,15}(,[0-9]{1,3})?")
_BIN = re.compile(r"(KZ)?([0-9]{12})")
_MOMENT_FORMAT: Final = "%d.%m.%Y %H:%M:%S"
_DECIMALS: Final = 3


def astana(at: datetime) -> datetime:
    """The same instant as the clock on the wall in Astana showed it; `at` is aware."""
    return at.astimezone(ASTANA if at >= CHANGE else ASTANA_BEFORE)


def moment_text(at: datetime) -> str:
    """`DD.MM.YYYY HH:MM:SS`, Astana time."""
    there = astana(at)
    return there.strftime(f"%d.%m.{there.year:04} %H:%M:%S")


def read_moment(text: str) -> datetime:
    """The instant of an Astana `DD.MM.YYYY HH:MM:SS`, in UTC; ValueError otherwise.

    The hour that Astana lived twice (29.02.2024 23:00-24:00) is read as its first time.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError("not DD.MM.YYYY HH:MM:SS")
    naive = datetime.strptime(text, _MOMENT_FORMAT)  # noqa: DTZ007 - the zone follows from the date
    before = naive.replace(tzinfo=ASTANA_BEFORE)
    return (before if before < CHANGE else naive.replace(tzinfo=ASTANA)).astimezone(UTC)


def _iso(text: str) -> datetime:
    if not _ISO.fullmatch(text):
        raise ValueError("not an ISO 8601 time with zone")
    return datetime.fromisoformat(text)


def _wco_304(text: str) -> datetime:
    """EDIFACT 2379 code 304: 14 digits, then Z or an offset of two or four digits."""
    found = _WCO_304.fullmatch(text)
    if found is None:
        raise ValueError("not YYYYMMDDHHMMSS with zone")
    digits, zone = found.groups()
    offset = "+0000" if zone == "Z" else zone.ljust(5, "0")
    return datetime.strptime(digits + offset, "%Y%m%d%H%M%S%z")


def _iso_text(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def _text_304(at: datetime) -> str:
    there = at.astimezone(UTC)
    return f"{there.year:04}{there.strftime('%m%d%H%M%SZ')}"


def to_comma(text: str) -> str:
    """A canonical number the ministry's way: comma, at most three decimals, no padding; ValueError if it would lose."""
    if not _POINT.fullmatch(text):
        raise ValueError("not a plain non-negative number")
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > _DECIMALS:
        raise ValueError("the ministry counts at most three decimals")
    whole = whole.lstrip("0") or "0"
    return f"{whole},{rest}" if rest else whole


def from_comma(text: str) -> str:
    """The canonical text of a number with a decimal comma; ValueError otherwise."""
    if not _COMMA.fullmatch(text):
        raise ValueError("not a number with a decimal comma")
    number = Decimal(text.replace(",", "."))
    return format(number.normalize(), "f") if number else "0"


def business_number(text: str) -> str:
    """The BIN or IIN of a number with or without the country prefix KZ; ValueError for anything else."""
    found = _BIN.fullmatch(text)
    if found is None:
        raise ValueError("not a BIN of twelve digits")
    return check_kz_number(found[2])


def _shaped(pattern: str, reason: str) -> Converter:
    """Lets a text through unchanged if it has this shape, and says what is wrong otherwise."""
    shape = re.compile(pattern)

    def same(text: str) -> str:
        if not shape.fullmatch(text):
            raise ValueError(reason)
        return text

    return Converter(there=same, back=same)


CONVERTERS: Final = {
    "declaration": _shaped(
        "([0-9]{2}|[0-9]{5}|[0-9]{8})/[0-9]{6}/[0-9]{5,7}", "not a declaration number: office / DDMMYY / serial"
    ),
    "office": _shaped("[0-9]{2}|[0-9]{5}|[0-9]{8}", "not a customs office of 2, 5 or 8 digits"),
    "commodity": _shaped("[0-9]{10}", "not a commodity code of ten digits"),
    "country": _shaped("[A-Z]{2}", "not a country code of two letters A-Z"),
    "procedure": _shaped("[0-9]{2}", "not a procedure of two digits"),
    "astana": Converter(there=lambda text: moment_text(_iso(text)), back=lambda text: _iso_text(read_moment(text))),
    "astana304": Converter(
        there=lambda text: moment_text(_wco_304(text)), back=lambda text: _text_304(read_moment(text))
    ),
    "comma": Converter(there=to_comma, back=from_comma),
    "bin": Converter(there=business_number, back=business_number),
}
"""What the tables of `mappings/health_kz` call by name; `back:comma` reads what `comma` writes."""
