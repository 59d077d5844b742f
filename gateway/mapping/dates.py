"""Dates and times of customs messages, read strictly and written exactly.

The standard library is not used to read them: `datetime.fromisoformat` takes `20200211114212Z` for 14:21:00 and
`strptime` does not know `+01`, both without a word. A time with a zone that goes to a form without one becomes Astana
time: UTC+05:00, all year, for all Kazakhstan since 1 March 2024.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

ASTANA: Final = 300
"""Minutes east of UTC."""
_FURTHEST: Final = 14 * 60
_DAYS_KEPT: Final = 1024
"""Days of one change remembered: a message repeats few of them, and they are nobody's secret."""
_ISO_DAY: Final = r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
_CLOCK: Final = r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2}):(?P<S>[0-9]{2})"
_ZONE: Final = r"(?P<z>Z|[+-][0-9]{2}:[0-9]{2})?"
_SHORT_DAY: Final = r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"
_DOT_DAY: Final = r"(?P<d>[0-9]{2})\.(?P<m>[0-9]{2})\.(?P<y>[0-9]{4})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A day, or a day and a time. `zone` is minutes east of UTC; None = the text did not say."""

    year: int
    month: int
    day: int
    clock: tuple[int, int, int] | None = None
    fraction: str = ""
    zone: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a moment. `local`: read and written as Astana time; `zoned`: it can say its zone."""

    pattern: re.Pattern[str]
    timed: bool
    zoned: bool = False
    local: bool = False


FORMS: Final[dict[str, Form]] = {
    "isodate": Form(re.compile(_ISO_DAY), False),
    "102": Form(re.compile(_SHORT_DAY), False),
    "dmy": Form(re.compile(_DOT_DAY), False),
    "ddmmyy": Form(re.compile(r"(?P<d>[0-9]{2})(?P<m>[0-9]{2})(?P<y>[0-9]{2})"), False),
    "isotime": Form(re.compile(rf"{_ISO_DAY}T{_CLOCK}(?:\.(?P<f>[0-9]{{1,9}}))?{_ZONE}"), True, zoned=True),
    "304": Form(
        re.compile(_SHORT_DAY + r"(?P<H>[0-9]{2})(?P<M>[0-9]{2})(?P<S>[0-9]{2})(?P<z>Z|[+-][0-9]{2}(?:[0-9]{2})?)?"),
        True,
        zoned=True,
    ),
    "203": Form(re.compile(_SHORT_DAY + r"(?P<H>[0-9]{2})(?P<M>[0-9]{2})"), True, local=True),
    "dmyhms": Form(re.compile(rf"{_DOT_DAY} {_CLOCK}"), True, local=True),
    "astana": Form(re.compile(rf"{_ISO_DAY}T{_CLOCK}"), True, local=True),
}


def form_names(before: str, after: str) -> tuple[str, str]:
    """Both names with `iso` replaced by the kind the other side has. ValueError for an unknown name."""
    for name in (before, after):
        if name != "iso" and name not in FORMS:
            raise ValueError(f"no date format {name}; known: iso, {', '.join(FORMS)}")
    if "iso" not in (before, after):
        if FORMS[after].timed and not FORMS[before].timed:
            raise ValueError("a date has no time")
        return before, after
    if before == after:
        return before, after
    timed = FORMS[after if before == "iso" else before].timed
    named = "isotime" if timed else "isodate"
    return (named, after) if before == "iso" else (before, named)


def read_moment(text: str, name: str) -> Moment:
    """What a text says in this format; ValueError for a day or time that does not exist."""
    if name == "iso":
        name = "isotime" if "T" in text else "isodate"
    form = FORMS[name]
    match = form.pattern.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date of format {name}")
    part = match.groupdict()
    moment = Moment(
        year=int(part["y"]) + (2000 if len(part["y"]) == 2 else 0),  # noqa: PLR2004
        month=int(part["m"]),
        day=int(part["d"]),
        clock=(int(part["H"]), int(part["M"]), int(part.get("S") or 0)) if form.timed else None,
        fraction=(part.get("f") or "").rstrip("0"),
        zone=ASTANA if form.local else _zone(part.get("z")),
    )
    _exact(moment)
    return moment


def _zone(text: str | None) -> int | None:
    if not text:
        return None
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    total = hours * 60 + minutes
    if minutes > 59 or total > _FURTHEST:  # noqa: PLR2004
        raise ValueError("no such time zone")
    return -total if text[0] == "-" else total


def _exact(moment: Moment) -> datetime:
    """The moment as Python has it; ValueError says why it does not exist."""
    try:
        return datetime(moment.year, moment.month, moment.day, *(moment.clock or (0, 0, 0)))  # noqa: DTZ001
    except ValueError:
        raise ValueError("no such day or time") from None


def write_moment(moment: Moment, name: str) -> str:
    """The moment in this format; ValueError when the format wants a time and there is none."""
    if name == "iso":
        name = "isodate" if moment.clock is None else "isotime"
    form = FORMS[name]
    if form.timed and moment.clock is None:
        raise ValueError("a date has no time")
    if moment.zone is not None and not form.zoned:
        moment = at_zone(moment, ASTANA)
    return _WRITERS[name](moment)


def at_zone(moment: Moment, zone: int) -> Moment:
    """The same instant on the clocks of another zone; ValueError outside the years 1 to 9999."""
    if moment.zone is None or moment.zone == zone:
        return moment
    try:
        there = _exact(moment) + timedelta(minutes=zone - moment.zone)
    except OverflowError:
        raise ValueError("no such day or time") from None
    clock = (there.hour, there.minute, there.second)
    return replace(moment, year=there.year, month=there.month, day=there.day, clock=clock, zone=zone)


def _iso_day(moment: Moment) -> str:
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}"


def _short_day(moment: Moment) -> str:
    return f"{moment.year:04}{moment.month:02}{moment.day:02}"


def _dot_day(moment: Moment) -> str:
    return f"{moment.day:02}.{moment.month:02}.{moment.year:04}"


def _two_digit_day(moment: Moment) -> str:
    if not 2000 <= moment.year <= 2099:  # noqa: PLR2004
        raise ValueError("two digits cannot say this year")
    return f"{moment.day:02}{moment.month:02}{moment.year - 2000:02}"


def _clock(moment: Moment, between: str = ":") -> str:
    return between.join(f"{number:02}" for number in moment.clock or (0, 0, 0))


def _offset(moment: Moment, between: str, *, short: bool) -> str:
    if not moment.zone:
        return "" if moment.zone is None else "Z"
    hours, minutes = divmod(abs(moment.zone), 60)
    tail = "" if short and not minutes else f"{between}{minutes:02}"
    return f"{'-' if moment.zone < 0 else '+'}{hours:02}{tail}"


def _iso_time(moment: Moment) -> str:
    fraction = f".{moment.fraction}" if moment.fraction else ""
    return f"{_iso_day(moment)}T{_clock(moment)}{fraction}{_offset(moment, ':', short=False)}"


_WRITERS: Final[dict[str, Callable[[Moment], str]]] = {
    "isodate": _iso_day,
    "102": _short_day,
    "dmy": _dot_day,
    "ddmmyy": _two_digit_day,
    "isotime": _iso_time,
    "304": lambda moment: _short_day(moment) + _clock(moment, "") + _offset(moment, "", short=True),
    "203": lambda moment: _short_day(moment) + _clock(moment, "")[:4],
    "dmyhms": lambda moment: f"{_dot_day(moment)} {_clock(moment)}",
    "astana": lambda moment: f"{_iso_day(moment)}T{_clock(moment)}",
}


def day_to_day(before: str, after: str) -> Callable[[str], str] | None:
    """A shorter way for the commonest change, from one form of a day with four digits to another; else None."""
    if before not in _DAY_LAYOUT or after not in _DAY_LAYOUT:
        return None
    match, layout = FORMS[before].pattern.fullmatch, _DAY_LAYOUT[after]

    @lru_cache(maxsize=_DAYS_KEPT)
    def rewrite(text: str) -> str:
        found = match(text) or match(text.strip(" \t\r\n"))
        if found is None:
            raise ValueError(f"not a date of format {before}")
        year, month, day = found.group("y", "m", "d")
        try:
            date(int(year), int(month), int(day))
        except ValueError:
            raise ValueError("no such day or time") from None
        return layout.format(y=year, m=month, d=day)

    return rewrite


_DAY_LAYOUT: Final = {"isodate": "{y}-{m}-{d}", "102": "{y}{m}{d}", "dmy": "{d}.{m}.{y}"}


def loss(before: str, after: str) -> str:
    """Why a date written `after` cannot be turned back into `before`; empty when it can."""
    if "iso" in (before, after):
        return ""
    old, new = FORMS[before], FORMS[after]
    if old.timed and not new.timed:
        return "the time of day is not kept"
    if after == "203" and before != "203":
        return "the seconds are not kept"
    if old.zoned and not new.zoned:
        return "the time zone is not kept"
    return ""
