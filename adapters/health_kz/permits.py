"""The permits of the simulated ministry: sample values, no real operator, no real permit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from adapters.health_kz.converters import ASTANA, astana

ISSUED: Final = "ВЫДАНО"
SUSPENDED: Final = "ПРИОСТАНОВЛЕНО"
REVOKED: Final = "ОТОЗВАНО"
EXPIRED: Final = "ИСТЕКЛО"
EXHAUSTED: Final = "ИСЧЕРПАНО"
IN_REVIEW: Final = "РАССМОТРЕНИЕ"

UNITS: Final[Mapping[str, tuple[str, Decimal]]] = {
    "уп": ("уп", Decimal(1)),
    "шт": ("шт", Decimal(1)),
    "кг": ("кг", Decimal(1)),
    "г": ("кг", Decimal("0.001")),
    "т": ("кг", Decimal(1000)),
    "л": ("л", Decimal(1)),
    "мл": ("л", Decimal("0.001")),
}
"""Unit of the ministry: the unit it is counted in, and the factor. Pairs that are not here are refused."""

P1: Final = "991240999802"
P1_BRANCH: Final = "991241999907"
P2: Final = "991240999911"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a permit. `commodity` is a code or its beginning; empty `countries` = any origin."""

    number: int
    commodity: str
    authorised: Decimal
    unit: str
    countries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A permit as its register holds it. `changes` are later states with the instant each began, in order."""

    number: str
    kind: str
    holder: str
    lines: tuple[Line, ...]
    valid_from: date = date(2026, 1, 15)
    valid_to: date = date(2026, 12, 31)
    """The last day; it ends at 24:00 in Astana."""
    version: int = 1
    direction: str = "ВВОЗ"
    single_use: bool = False
    branches: frozenset[str] = frozenset()
    """BINs of branches that may use the permit of their head office: none unless the permit names them."""
    consignees: frozenset[str] = frozenset()
    changes: tuple[tuple[datetime, str], ...] = field(default=())

    def state_at(self, at: datetime) -> str:
        """The state written in the register at an instant, whatever the ledger and the calendar say."""
        state = ISSUED
        for since, later in self.changes:
            if since <= at:
                state = later
        return state

    def day_of(self, at: datetime) -> date:
        """The day by which validity is judged: the one in Astana."""
        return astana(at).date()

    def line(self, number: int | None, commodity: str) -> Line | None:
        """The line of this number, or without a number the first one whose code the commodity begins with."""
        if number is not None:
            return next((line for line in self.lines if line.number == number), None)
        return next((line for line in self.lines if commodity.startswith(line.commodity)), None)


def _line(number: int, commodity: str, authorised: str, unit: str, countries: str = "") -> Line:
    return Line(number=number, commodity=commodity, authorised=Decimal(authorised), unit=unit,
                countries=frozenset(countries.split()))  # fmt: skip


def _at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=ASTANA)


_MEDICINE: Final = "3004909200"
_SAMPLES: Final = (
    Permit(number="KZ11VTS00000001", kind="ЛС", holder=P1,
           lines=(_line(1, _MEDICINE, "50000", "уп", "CN DE IN TR"), _line(2, "3002410009", "800", "кг"))),
    Permit(number="KZ12VTS00000002", kind="ЛС", holder=P1, lines=(_line(1, _MEDICINE, "1000", "уп"),),
           valid_from=date(2025, 11, 22), valid_to=date(2026, 11, 21)),
    Permit(number="KZ13VTS00000003", kind="ЛС", holder=P1, lines=(_line(1, _MEDICINE, "1000", "уп"),),
           changes=((_at(2026, 11, 20), REVOKED),)),
    Permit(number="KZ14CTS00000004", kind="СИТЕС", holder=P1, lines=(_line(1, "3004", "10", "кг"),),
           single_use=True),
    Permit(number="KZ15VTS00000005", kind="ЛС", holder=P1, lines=(_line(1, _MEDICINE, "1000", "уп"),)),
    Permit(number="KZ16VTS00000006", kind="ЛС", holder=P1, lines=(_line(1, "3004", "3000", "уп"),),
           version=3, branches=frozenset({P1_BRANCH})),
    Permit(number="KZ17VTS00000007", kind="ЛС", holder=P1, lines=(_line(1, _MEDICINE, "1000", "уп"),),
           changes=((_at(2026, 11, 19), SUSPENDED),)),
    Permit(number="KZ18VTS00000008", kind="ЛС", holder=P1, lines=(_line(1, _MEDICINE, "1000", "уп"),),
           valid_from=date(2027, 1, 1), valid_to=date(2027, 12, 31)),
    Permit(number="KZ19VTS00000009", kind="ЛС", holder=P2, lines=(_line(1, _MEDICINE, "1000", "уп"),),
           direction="ВЫВОЗ"),
    Permit(number="KZ20VTS00000010", kind="ЛС", holder=P1, lines=(_line(1, _MEDICINE, "0", "уп"),)),
)  # fmt: skip
PERMITS: Final[Mapping[str, Permit]] = {permit.number: permit for permit in _SAMPLES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Magic:
    """A permit number that makes the ministry behave as asked. `code` is the decision it then gives."""

    prefix: str
    effect: str
    delay: timedelta = timedelta(0)
    code: str = ""
    silent: bool = False


MAGIC_KEYS: Final[tuple[Magic, ...]] = (
    Magic(prefix="KZ99SIL", effect="no business answer ever comes", silent=True),
    Magic(prefix="KZ99SLW", effect="answers OK, ten seconds late", delay=timedelta(seconds=10), code="00"),
    Magic(prefix="KZ99SEC", effect="answers OK, two seconds late", delay=timedelta(seconds=2), code="00"),
    Magic(prefix="KZ99YES", effect="answers OK whatever is asked; nothing is counted", code="00"),
    Magic(prefix="KZ99REJ", effect="answers with the decision code of the last two digits (01 to 14)", code="*"),
)


def magic_of(number: str) -> Magic | None:
    """The row of MAGIC_KEYS that a permit number calls for, its `code` filled in; None for an ordinary number."""
    found = next((magic for magic in MAGIC_KEYS if number.startswith(magic.prefix)), None)
    if found is None or found.code != "*":
        return found
    last = number[-2:]
    code = last if last in {f"{value:02d}" for value in range(1, 15)} else "01"
    return Magic(prefix=found.prefix, effect=found.effect, code=code)
