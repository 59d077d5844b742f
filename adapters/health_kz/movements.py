"""What a ledger operation moves: reserved, written off and given back, per permit line and declaration item. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from adapters.health_kz import words
from adapters.health_kz.checks import Balances, Failure, failed_checks, in_unit, line_of
from adapters.health_kz.permits import Permit
from adapters.health_kz.requests import QUERY, Item, Request

ZERO: Final = Decimal(0)
RESERVE: Final = "РЕЗЕРВ"
DEBIT: Final = "СПИСАНИЕ"
CANCEL: Final = "ОТМЕНА"
REVERSE: Final = "СТОРНО"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One row of the book, never changed. `reservation` = operation id of the reservation it opens or lowers."""

    operation: str
    kind: str
    permit: str
    line: int
    declaration: str
    item: int
    reservation: str = ""
    reserved: Decimal = ZERO
    debited: Decimal = ZERO
    reversed: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What one declaration item still holds of one reservation; `left` 0 = nothing more."""

    item: int
    line: int
    reservation: str
    left: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a declaration has done to a permit so far: its reservations, oldest first, and the net written off."""

    opened: tuple[Open, ...] = ()
    written: tuple[tuple[int, int, Decimal], ...] = ()
    """Item, line, written off less given back."""

    def net(self, item: int, line: int) -> Decimal:
        """What an item has written off on a line and not given back."""
        return next((net for number, row, net in self.written if (number, row) == (item, line)), ZERO)


def past_of(movements: Iterable[Movement]) -> Past:
    """The past that these movements of one declaration on one permit add up to."""
    opened: dict[tuple[int, int, str], Decimal] = {}
    written: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for move in movements:
        if move.reservation:
            key = (move.item, move.line, move.reservation)
            opened[key] = opened.get(key, ZERO) + move.reserved
        written[move.item, move.line] += move.debited - move.reversed
    return Past(
        opened=tuple(Open(item=key[0], line=key[1], reservation=key[2], left=left) for key, left in opened.items()),
        written=tuple((item, line, net) for (item, line), net in written.items()),
    )


def conflict(where: str, item: int | None = None) -> Failure:
    """The failure of an operation that contradicts what the book already says."""
    return Failure(code=words.CONFLICT, where=where, item=item)


def plan(request: Request, permit: Permit, balances: Balances, past: Past) -> tuple[list[Movement], list[Failure]]:
    """The movements of an operation, or every reason why there are none. All items count, or none does."""
    if request.operation in (CANCEL, REVERSE):
        failures = list(_uncountable(request, permit)) or list(_unfounded(request, permit, past))
    else:
        held = _held(request, past)
        failures = failed_checks(request, permit, balances, held)
        if request.operation == DEBIT and request.reservation and not _named(request, past):
            failures.append(conflict("КОДРЕЗЕРВА"))
    if failures or request.operation == QUERY:
        return [], failures
    moves: list[Movement] = []
    for item in request.items:
        moves += _moves(request, permit, item, _after(past, moves))
    return moves, []


def _moves(request: Request, permit: Permit, item: Item, past: Past) -> Iterator[Movement]:
    line, quantity = _counted(permit, item)
    if request.operation == RESERVE:
        yield _move(request, line, item, reservation=request.id, reserved=quantity)
    elif request.operation == REVERSE:
        yield _move(request, line, item, reversed=quantity)
    else:
        yield from _from_reservations(request, line, item, quantity, past)


def _from_reservations(request: Request, line: int, item: Item, quantity: Decimal, past: Past) -> Iterator[Movement]:
    """Oldest reservation first; a write-off takes what is missing from the free balance, a cancellation does not."""
    writes = request.operation == DEBIT
    for held in _named(request, past):
        taken = min(held.left, quantity)
        if (held.item, held.line) == (item.number, line) and taken > 0:
            quantity -= taken
            yield _move(request, line, item, reservation=held.reservation, reserved=-taken,
                        debited=taken if writes else ZERO)  # fmt: skip
    if writes and quantity > 0:
        yield _move(request, line, item, debited=quantity)


def _move(request: Request, line: int, item: Item, *, reservation: str = "", reserved: Decimal = ZERO,
          debited: Decimal = ZERO, reversed: Decimal = ZERO) -> Movement:  # fmt: skip
    return Movement(
        operation=request.id, kind=request.operation, permit=request.permit, line=line,
        declaration=request.declaration, item=item.number, reservation=reservation,
        reserved=reserved, debited=debited, reversed=reversed,
    )  # fmt: skip


def _counted(permit: Permit, item: Item) -> tuple[int, Decimal]:
    line = line_of(permit, item)
    quantity = in_unit(item, line) if line else None
    if line is None or quantity is None:
        raise ValueError(f"item {item.number} cannot be counted")
    return line.number, quantity


def _after(past: Past, moves: Sequence[Movement]) -> Past:
    """The past with what earlier items of the same operation have already taken from the reservations."""
    taken: dict[tuple[int, int, str], Decimal] = defaultdict(Decimal)
    for move in moves:
        taken[move.item, move.line, move.reservation] += move.reserved
    return Past(
        opened=tuple(
            Open(item=held.item, line=held.line, reservation=held.reservation,
                 left=held.left + taken[held.item, held.line, held.reservation])
            for held in past.opened
        ),
        written=past.written,
    )  # fmt: skip


def _named(request: Request, past: Past) -> list[Open]:
    """The reservations an operation may touch: the one it names, else all of its declaration."""
    return [held for held in past.opened if request.reservation in ("", held.reservation)]


def _held(request: Request, past: Past) -> dict[int, Decimal]:
    if request.operation != DEBIT:
        return {}
    held: dict[int, Decimal] = defaultdict(Decimal)
    for row in _named(request, past):
        held[row.item] += row.left
    return held


def _uncountable(request: Request, permit: Permit) -> Iterator[Failure]:
    for item in request.items:
        line = line_of(permit, item)
        if line is None:
            yield Failure(code=words.COMMODITY, where="ТАУАР.ТНВЭД", item=item.number)
        elif in_unit(item, line) is None:
            yield Failure(code=words.UNIT, where="ТАУАР.ЕД", item=item.number)


def _unfounded(request: Request, permit: Permit, past: Past) -> Iterator[Failure]:
    """A cancellation needs a reservation (a freed one counts: freeing twice is harmless), a reversal a write-off."""
    asked: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for item in request.items:
        line, quantity = _counted(permit, item)
        asked[item.number, line] += quantity
        if request.operation == CANCEL:
            if not any((held.item, held.line) == (item.number, line) for held in _named(request, past)):
                yield conflict("КОДРЕЗЕРВА", item.number)
        elif asked[item.number, line] > past.net(item.number, line):
            yield conflict("ТАУАР.КОЛИЧЕСТВО", item.number)
