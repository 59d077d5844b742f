"""May this permit be used for these goods: every check, in its order, all failures told. Pure: no clock, no store."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from adapters.health_kz import words
from adapters.health_kz.permits import EXHAUSTED, IN_REVIEW, ISSUED, REVOKED, SUSPENDED, UNITS, Line, Permit
from adapters.health_kz.requests import Item, Request

_STATES: Final = {
    SUSPENDED: words.SUSPENDED,
    REVOKED: words.REVOKED,
    EXHAUSTED: words.EXHAUSTED,
    IN_REVIEW: words.NOT_VALID_YET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed check: its code, the field it points at, the goods item, and what the texts add."""

    code: str
    where: str
    item: int | None = None
    hint: str = ""
    extra: tuple[str, str] = ("", "")
    """Added to the Kazakh and the Russian text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The ledger of one permit line."""

    authorised: Decimal
    reserved: Decimal = Decimal(0)
    debited: Decimal = Decimal(0)
    reversed: Decimal = Decimal(0)

    @property
    def balance(self) -> Decimal:
        """What can still be reserved or written off."""
        return self.authorised - self.reserved - self.debited + self.reversed


Balances = Mapping[int, Totals]
Held = Mapping[int, Decimal]
"""What is reserved for each goods item of the declaration that asks, by item number, in the line's unit."""


def in_unit(item: Item, line: Line) -> Decimal | None:
    """The item's quantity in the unit of the line; None when the pair of units is not known."""
    counted, factor = UNITS.get(item.unit, ("", Decimal(0)))
    wanted, per = UNITS[line.unit]
    return item.quantity * factor / per if counted == wanted else None


def line_of(permit: Permit, item: Item) -> Line | None:
    """The permit line an item is counted on."""
    return permit.line(item.line, item.commodity)


def is_exhausted(permit: Permit, balances: Balances) -> bool:
    """True after the first write-off of a single-use permit, or when nothing is left and nothing is held."""
    if permit.single_use and any(totals.debited > totals.reversed for totals in balances.values()):
        return True
    return all(totals.balance == 0 and totals.reserved == 0 for totals in balances.values())


def not_found(request: Request) -> Failure:
    """The failure of an unknown number, with a hint when its letters are of more than one alphabet."""
    alphabets = {unicodedata.name(char, "?").split()[0] for char in request.permit if char.isalpha()}
    if len(alphabets) > 1:
        return Failure(code=words.NOT_FOUND, where="РАЗРЕШЕНИЕ.НОМЕР", hint="АЛФАВИТ", extra=words.MIXED)
    return Failure(code=words.NOT_FOUND, where="РАЗРЕШЕНИЕ.НОМЕР")


def failed_checks(request: Request, permit: Permit, balances: Balances, held: Held) -> list[Failure]:
    """Every failed check: version, state, holder, direction, commodity, country, unit, quantity, validity.

    The permit is judged as it stood when the declaration was accepted. `held` counts for a write-off only: what its
    own declaration item reserved is there to be written off. Empty list = the permit may be used.
    """
    found = [*_of_permit(request, permit, balances)]
    items = [*_of_items(request, permit)]
    found += [failure for code in (words.NOT_FOUND, words.COMMODITY, words.COUNTRY, words.UNIT)
              for failure in items if failure.code == code]  # fmt: skip
    found += _of_quantity(request, permit, balances, held)
    found += _of_validity(request, permit)
    return found


def _of_permit(request: Request, permit: Permit, balances: Balances) -> Iterator[Failure]:
    if request.kind != permit.kind:
        yield Failure(code=words.NOT_FOUND, where="РАЗРЕШЕНИЕ.ВИД")
    if request.version is not None and request.version != permit.version:
        yield Failure(
            code=words.VERSION_OLD if request.version < permit.version else words.NOT_FOUND, where="РАЗРЕШЕНИЕ.ВЕРСИЯ"
        )
    state = permit.state_at(request.accepted)
    if state == ISSUED and is_exhausted(permit, balances):
        state = EXHAUSTED
    if state != ISSUED:
        yield Failure(code=_STATES[state], where="РАЗРЕШЕНИЕ.НОМЕР")
    if request.operator not in {permit.holder} | permit.branches | permit.consignees:
        yield Failure(code=words.HOLDER, where="УЧАСТНИК.БСН")
    if request.direction != permit.direction:
        yield Failure(code=words.DIRECTION, where="НАПРАВЛЕНИЕ")


def _of_items(request: Request, permit: Permit) -> Iterator[Failure]:
    for item in request.items:
        line = line_of(permit, item)
        if line is None:
            code, where = (words.NOT_FOUND, "ТАУАР.СТРОКА") if item.line else (words.COMMODITY, "ТАУАР.ТНВЭД")
            yield Failure(code=code, where=where, item=item.number)
            continue
        if not item.commodity.startswith(line.commodity):
            yield Failure(code=words.COMMODITY, where="ТАУАР.ТНВЭД", item=item.number)
        if line.countries and item.country not in line.countries:
            yield Failure(code=words.COUNTRY, where="ТАУАР.СТРАНА", item=item.number)
        if in_unit(item, line) is None:
            yield Failure(code=words.UNIT, where="ТАУАР.ЕД", item=item.number)


def _of_quantity(request: Request, permit: Permit, balances: Balances, held: Held) -> Iterator[Failure]:
    """Items on the same line are added up: together they may not ask for more than there is."""
    left = {number: totals.balance for number, totals in balances.items()}
    for item in request.items:
        line = line_of(permit, item)
        asked = in_unit(item, line) if line is not None else None
        if line is None or asked is None:
            continue
        fresh = max(asked - held.get(item.number, Decimal(0)), Decimal(0))
        if fresh > left[line.number]:
            rest = f"{format(left[line.number].normalize(), 'f')} {line.unit}".replace(".", ",")
            yield Failure(code=words.QUANTITY, where="ТАУАР.КОЛИЧЕСТВО", item=item.number,
                          extra=(f"Қалдық: {rest}.", f"Остаток: {rest}."))  # fmt: skip
        else:
            left[line.number] -= fresh


def _of_validity(request: Request, permit: Permit) -> Iterator[Failure]:
    day = permit.day_of(request.accepted)
    if day < permit.valid_from:
        yield Failure(code=words.NOT_VALID_YET, where="ДЕКЛАРАЦИЯ.ПРИНЯТА")
    if day > permit.valid_to:
        yield Failure(code=words.EXPIRED, where="ДЕКЛАРАЦИЯ.ПРИНЯТА")
