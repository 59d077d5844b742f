"""The answers of the simulated ministry, in its own XML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Final

from adapters.health_kz import words
from adapters.health_kz.checks import Balances, Failure, is_exhausted
from adapters.health_kz.converters import moment_text, to_comma
from adapters.health_kz.permits import EXHAUSTED, EXPIRED, ISSUED, Permit
from adapters.health_kz.remarks import Remark
from adapters.health_kz.requests import NAMESPACE, QUERY, Notice, Request

_YES: Final = {True: "иә", False: "жоқ"}


@dataclass(slots=True)
class Element:
    """An element being written; text and attribute values are escaped when it is."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)

    def xml(self, depth: int = 0) -> str:
        """This element and all below it, indented by two spaces a level."""
        head = "".join(f' {name}="{escape(value)}"' for name, value in self.attributes.items())
        body = escape(self.text, quote=False)
        if self.children:
            body = "\n" + "".join(child.xml(depth + 1) for child in self.children) + "  " * depth
        return f"{'  ' * depth}<{self.name}{head}>{body}</{self.name}>\n"


def _root(name: str) -> Element:
    return Element(name, attributes={"xmlns": NAMESPACE})


def _add(parent: Element, name: str, text: str = "") -> Element:
    node = Element(name, text)
    parent.children.append(node)
    return node


def _bytes(root: Element) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root.xml()}'.encode()


def _texts(parent: Element, code: str, extra: tuple[str, str] = ("", "")) -> None:
    kazakh, russian = words.TEXTS[code]
    _add(parent, "МәтінҚаз", f"{kazakh} {extra[0]}".strip())
    _add(parent, "ТекстРус", f"{russian} {extra[1]}".strip())


def answer(
    request: Request,
    *,
    number: str,
    now: datetime,
    failures: Sequence[Failure],
    permit: Permit | None,
    balances: Balances,
    late: bool = False,
    code: str = "",
) -> bytes:
    """ОтветРазрешения for a question, ОтветУчёта for an operation. The first failure is the decision, unless `code`."""
    asked = request.operation == QUERY
    root = _root("ОтветРазрешения" if asked else "ОтветУчёта")
    _add(root, "Номер", number)
    _add(root, "НаЗапрос", request.number)
    _add(root, "Составлен", moment_text(now))
    if not asked:
        _add(root, "Операция", request.operation)
        _add(root, "КодОперации", request.id)
        _add(root, "Опоздание", _YES[late])
    decision = code or (failures[0].code if failures else words.OK)
    _add(root, "Решение", decision)
    if decision == words.OK and not asked:
        _add(root, "МәтінҚаз", words.COUNTED[0])
        _add(root, "ТекстРус", words.COUNTED[1])
    else:
        _texts(root, decision, failures[0].extra if failures else ("", ""))
    declaration = _add(root, "Декларация")
    _add(declaration, "Номер", request.declaration)
    _add(declaration, "Версия", request.declaration_version)
    _permit(root, request, permit, balances, now)
    for failure in failures:
        _failure(root, failure)
    if permit is not None:
        _lines(root, permit, balances)
    return _bytes(root)


def _permit(root: Element, request: Request, permit: Permit | None, balances: Balances, now: datetime) -> None:
    node = _add(root, "Разрешение")
    _add(node, "Номер", request.permit)
    _add(node, "Вид", permit.kind if permit else request.kind)
    if permit is None:
        return
    _add(node, "Версия", str(permit.version))
    _add(node, "Состояние", state_now(permit, balances, now))
    _add(node, "ДействуетС", _day(permit.valid_from))
    _add(node, "ДействуетДо", _day(permit.valid_to))
    _add(node, "Разовое", _YES[permit.single_use])
    _add(node, "ВладелецБСН", permit.holder)


def state_now(permit: Permit, balances: Balances, now: datetime) -> str:
    """What the register shows today: its own state, or EXHAUSTED by the ledger, or EXPIRED by the calendar."""
    state = permit.state_at(now)
    if state == ISSUED and is_exhausted(permit, balances):
        return EXHAUSTED
    if state == ISSUED and permit.day_of(now) > permit.valid_to:
        return EXPIRED
    return state


def _day(day: date) -> str:
    return day.strftime("%d.%m.%Y")


def _failure(root: Element, failure: Failure) -> None:
    node = _add(root, "Замечание")
    _add(node, "Код", failure.code)
    _add(node, "Поле", failure.where)
    if failure.item is not None:
        _add(node, "Тауар", str(failure.item))
    if failure.hint:
        _add(node, "Подсказка", failure.hint)
    _texts(node, failure.code, failure.extra)


def _lines(root: Element, permit: Permit, balances: Balances) -> None:
    for line in permit.lines:
        totals = balances[line.number]
        node = _add(root, "Остаток")
        node.attributes["ед"] = line.unit
        _add(node, "Строка", str(line.number))
        _add(node, "ТНВЭД", line.commodity)
        _add(node, "Разрешено", _number(totals.authorised))
        _add(node, "Зарезервировано", _number(totals.reserved))
        _add(node, "Списано", _number(totals.debited))
        _add(node, "Сторнировано", _number(totals.reversed))
        _add(node, "Доступно", _number(totals.balance))


def _number(value: Decimal) -> str:
    return to_comma(format(value, "f"))


def notice_answer(
    notice: Notice, *, number: str, now: datetime, outcome: str, texts: tuple[str, str], remarks: Sequence[Remark]
) -> bytes:
    """ОтветДекларации: what the ministry made of a notice; `texts` in Kazakh and Russian."""
    root = _root("ОтветДекларации")
    _add(root, "Номер", number)
    _add(root, "НаУведомление", notice.number)
    _add(root, "Составлен", moment_text(now))
    _declaration(_add(root, "Декларация"), notice)
    _add(root, "Итог", outcome)
    _add(root, "МәтінҚаз", texts[0])
    _add(root, "ТекстРус", texts[1])
    for remark in remarks:
        _remark(_add(root, "Замечание"), remark)
    return _bytes(root)


def _declaration(node: Element, notice: Notice) -> None:
    """The declaration by all the names the notice gave it."""
    if notice.declaration:
        _add(node, "Номер" if notice.ours else "ИнойНомер", notice.declaration)
    if notice.version is not None:
        _add(node, "Версия", str(notice.version))
    if notice.reference:
        reference = _add(node, "Ссылка", notice.reference)
        if notice.reference_is_number:
            reference.attributes["номер"] = _YES[True]


def _remark(node: Element, remark: Remark) -> None:
    _add(node, "Код", remark.code)
    _add(node, "Поле", remark.where)
    _add(node, "Тауар", str(remark.item))
    if remark.document:
        _add(node, "Документ", remark.document)
    extra = f" ({remark.extra})" if remark.extra else ""
    _add(node, "ТекстРус", f"{words.TEXTS[remark.code][1]}{extra}")
