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
    """A document that a declaration item names. `kind` is the EAEU code, or that of another list as given.

    `qualifier` is what the unit carried behind `#`.
    """

    kind: str
    number: str
    unit: str = ""
    qualifier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """A declaration item as a notice tells it. `other_codes`: commodity codes of another nomenclature or length."""

    number: int
    commodity: str
    other_codes: tuple[str, ...]
    documents: tuple[Named, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the ministry is told of a declaration."""

    number: str
    event: str
    declaration: str
    """Our number or another country's; empty while the declaration is known by its reference alone."""
    version: int | None
    """None where the notice does not say: a withdrawal does not."""
    ours: bool
    """The number is one of Kazakhstan."""
    reference: str
    reference_is_number: bool
    goods: tuple[Goods, ...]

    @property
    def documents(self) -> tuple[Named, ...]:
        """The documents of all items."""
        return tuple(named for goods in self.goods for named in goods.documents)


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
    ours = value(root, "Декларация/Номер")
    references = root.findall(f"{{{NAMESPACE}}}Декларация/{{{NAMESPACE}}}Ссылка")
    return Notice(
        number=value(root, "Номер"),
        event=value(root, "Событие"),
        declaration=ours or value(root, "Декларация/ИнойНомер"),
        version=int(version) if version else None,
        ours=bool(ours),
        reference=value(root, "Декларация/Ссылка"),
        reference_is_number=any(node.get("номер") for node in references),
        goods=tuple(_goods(node) for node in children(root, "Тауар")),
    )


def _goods(item: Element) -> Goods:
    return Goods(
        number=int(value(item, "Нөмір")),
        commodity=value(item, "ТНВЭД"),
        other_codes=tuple(text_of(node).strip() for node in children(item, "ИнойКодТовара")),
        documents=tuple(_named(node) for node in children(item, "Документ")),
    )


def _named(document: Element) -> Named:
    units = [node.attrib for node in children(document, "Количество")]
    return Named(
        kind=value(document, "Вид") or value(document, "ВидИной"),
        number=value(document, "Номер"),
        unit="".join(str(unit.get("ед", "")).strip() for unit in units),
        qualifier="".join(str(unit.get("уточнение", "")).strip() for unit in units),
    )
