"""What the ministry reads in a request: plain values, whatever kind of request it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from adapters.health_kz.converters import from_comma, read_moment
from gateway.xml import Element, parse, text_of

NAMESPACE: Final = "urn:kz:health:permit:1"
QUERY: Final = "ЗАПРОС"
OPERATIONS: Final = {
    "ЗапросРазрешения": QUERY,
    "Резерв": "РЕЗЕРВ",
    "Списание": "СПИСАНИЕ",
    "ОтменаРезерва": "ОТМЕНА",
    "Сторно": "СТОРНО",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One goods item asked about; the quantity is in the unit `unit` of the ministry."""

    number: int
    line: int | None
    commodity: str
    quantity: Decimal
    unit: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question (`operation` = ЗАПРОС) or a ledger operation. `id` is the operation id, `event` when it happened."""

    operation: str
    number: str
    id: str
    reservation: str
    event: datetime
    direction: str
    declaration: str
    declaration_version: str
    accepted: datetime
    operator: str
    permit: str
    kind: str
    version: int | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A document that a declaration item names."""

    item: int
    kind: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the ministry is told of a declaration."""

    number: str
    event: str
    declaration: str
    version: int | None
    """None where the notice does not say: a withdrawal does not."""
    documents: tuple[Named, ...]


def value(parent: Element, path: str) -> str:
    """The text below `path` (local names, `/` between), trimmed; empty when absent."""
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    found = parent.find(steps)
    return "" if found is None else text_of(found).strip()


def children(parent: Element, name: str) -> list[Element]:
    """The children of this name, in order."""
    return list(parent.findall(f"{{{NAMESPACE}}}{name}"))


def read_request(payload: bytes) -> Request:
    """The values of a schema-valid request document. Raises KeyError for another root, ValueError for a bad value."""
    root = parse(payload)
    operation = OPERATIONS[str(root.tag).partition("}")[2]]
    made = read_moment(value(root, "Составлен"))
    happened = value(root, "Событие")
    version = value(root, "Разрешение/Версия")
    return Request(
        operation=operation,
        number=value(root, "Номер"),
        id=value(root, "КодОперации"),
        reservation=value(root, "КодРезерва"),
        event=read_moment(happened) if happened else made,
        direction=value(root, "Направление"),
        declaration=value(root, "Декларация/Номер"),
        declaration_version=value(root, "Декларация/Версия"),
        accepted=read_moment(value(root, "Декларация/Принята")),
        operator=value(root, "Участник/БСН"),
        permit=value(root, "Разрешение/Номер"),
        kind=value(root, "Разрешение/Вид"),
        version=int(version) if version else None,
        items=tuple(_item(node) for node in children(root, "Тауар")),
    )


def _item(node: Element) -> Item:
    line = value(node, "Строка")
    return Item(
        number=int(value(node, "Нөмір")),
        line=int(line) if line else None,
        commodity=value(node, "ТНВЭД"),
        quantity=Decimal(from_comma(value(node, "Количество"))),
        unit=(children(node, "Количество")[0].get("ед") or "").strip(),
        country=value(node, "Страна"),
    )


def read_notice(payload: bytes) -> Notice:
    """The values of a schema-valid notice of a declaration."""
    root = parse(payload)
    version = value(root, "Декларация/Версия")
    return Notice(
        number=value(root, "Номер"),
        event=value(root, "Событие"),
        declaration=value(root, "Декларация/Номер"),
        version=int(version) if version else None,
        documents=tuple(named for node in children(root, "Тауар") for named in _named(node)),
    )


def _named(item: Element) -> list[Named]:
    number = int(value(item, "Нөмір"))
    return [
        Named(item=number, kind=value(node, "Вид"), number=value(node, "Номер")) for node in children(item, "Документ")
    ]
