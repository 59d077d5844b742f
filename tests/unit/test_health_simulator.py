"""The simulated ministry's ledger: sums, replays, races, and every decision in its order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.health_kz.permits import MAGIC_KEYS, P1, P1_BRANCH, P2, Line, Permit
from adapters.health_kz.simulator import Ledger, simulator
from gateway.model import Claims, DocumentType, MessageId, PartnerId
from gateway.simulation import Reply
from gateway.xml import Element, parse

NS = "{urn:kz:health:permit:1}"
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
ROOTS = {"РЕЗЕРВ": "Резерв", "СПИСАНИЕ": "Списание", "ОТМЕНА": "ОтменаРезерва", "СТОРНО": "Сторно"}
TYPES = {"ЗАПРОС": "HEALTH_PERMIT_QUERY", "РЕЗЕРВ": "HEALTH_RESERVE", "СПИСАНИЕ": "HEALTH_DEBIT",
         "ОТМЕНА": "HEALTH_CANCEL", "СТОРНО": "HEALTH_REVERSE"}  # fmt: skip


def ask(
    operation: str = "ЗАПРОС", *, quantity: str = "100", permit: str = "KZ11VTS00000001", kind: str = "ЛС",
    op_id: str = "op-00000001", declaration: str = "57505/191126/0000123", operator: str = P1, direction: str = "ВВОЗ",
    commodity: str = "3004909200", line: str = "1", unit: str = "уп", country: str = "IN",
    accepted: str = "19.11.2026 15:00:00", version: str = "",
) -> bytes:  # fmt: skip
    """A request of the ministry's format; every value can be changed."""
    root = ROOTS.get(operation, "ЗапросРазрешения")
    counted = f"<КодОперации>{op_id}</КодОперации>" if operation in ROOTS else ""
    known = f"<Версия>{version}</Версия>" if version else ""
    row = f"<Строка>{line}</Строка>" if line else ""
    return f"""<{root} xmlns="urn:kz:health:permit:1"><Номер>Q-1</Номер>{counted}
      <Составлен>23.11.2026 11:00:00</Составлен><Событие>23.11.2026 11:00:00</Событие>
      <Направление>{direction}</Направление>
      <Декларация><Номер>{declaration}</Номер><Версия>1</Версия><Принята>{accepted}</Принята></Декларация>
      <Участник><БСН>{operator}</БСН></Участник>
      <Разрешение><Номер>{permit}</Номер><Вид>{kind}</Вид>{known}</Разрешение>
      <Тауар><Нөмір>1</Нөмір>{row}<ТНВЭД>{commodity}</ТНВЭД>
        <Количество ед="{unit}">{quantity}</Количество><Страна>{country}</Страна></Тауар></{root}>""".encode()


def notice(event: str, declaration: str = "57505/191126/0000123", *, version: str = "", permit: str = "") -> bytes:
    """A notice of a declaration; with a permit number, one item that names it."""
    named = f"<Документ><Вид>01081</Вид><Номер>{permit}</Номер></Документ>" if permit else ""
    goods = f"<Тауар><Нөмір>1</Нөмір>{named}</Тауар>" if permit else ""
    known = f"<Версия>{version}</Версия>" if version else ""
    return f"""<УведомлениеДекларации xmlns="urn:kz:health:permit:1"><Номер>N-1</Номер><Событие>{event}</Событие>
      <Когда>23.11.2026 11:00:00</Когда><Декларация><Номер>{declaration}</Номер>{known}</Декларация>
      {goods}</УведомлениеДекларации>""".encode()


def claims(message_id: str) -> Claims:
    return Claims(message_id=MessageId(message_id), action="", to="", sender=PartnerId("gateway"))


class Desk:
    """A ledger and a counter of message ids: every call is a new message unless it names one."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.count = 0

    def tell(self, payload: bytes, kind: str = "HEALTH_DEC_NOTICE", message_id: str = "") -> list[Reply]:
        self.count += 1
        return self.ledger.receive(DocumentType(kind), payload, claims(message_id or f"m-{self.count}"), NOW)

    def ask(self, operation: str = "ЗАПРОС", message_id: str = "", **values: str) -> Element:
        (reply,) = self.tell(ask(operation, **values), TYPES[operation], message_id)
        return parse(reply.payload)

    def decision(self, operation: str = "ЗАПРОС", **values: str) -> tuple[str, ...]:
        """The decision code, then the codes of all failed checks."""
        answer = self.ask(operation, **values)
        remarks = [node.findtext(f"{NS}Код") or "" for node in answer.findall(f"{NS}Замечание")]
        return (answer.findtext(f"{NS}Решение") or "", *remarks)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Ledger(str(tmp_path / "book.sqlite")))


def available(answer: Element, line: str = "1") -> str:
    rows = [node for node in answer.findall(f"{NS}Остаток") if node.findtext(f"{NS}Строка") == line]
    return rows[0].findtext(f"{NS}Доступно") or ""


def test_a_permit_that_covers_the_goods_answers_ok_with_its_balance(desk: Desk) -> None:
    answer = desk.ask(quantity="12000")
    assert answer.findtext(f"{NS}Решение") == "00"
    assert answer.findtext(f"{NS}НаЗапрос") == "Q-1"
    assert available(answer) == "50000"
    assert available(answer, "2") == "800"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"permit": "KZ11VTS09999999"}, ("01", "01")),
        ({"permit": "KZ16VTS00000006", "version": "2"}, ("02", "02")),
        ({"permit": "KZ18VTS00000008"}, ("03", "03")),
        ({"permit": "KZ12VTS00000002", "accepted": "22.11.2026 00:00:00"}, ("04", "04")),
        ({"permit": "KZ12VTS00000002", "accepted": "21.11.2026 23:59:59"}, ("00",)),
        ({"permit": "KZ17VTS00000007"}, ("05", "05")),
        ({"permit": "KZ13VTS00000003", "accepted": "20.11.2026 00:00:00"}, ("06", "06")),
        ({"permit": "KZ13VTS00000003", "accepted": "19.11.2026 23:59:59"}, ("00",)),
        ({"operator": P2}, ("07", "07")),
        ({"operator": P1_BRANCH}, ("07", "07")),
        ({"permit": "KZ16VTS00000006", "operator": P1_BRANCH}, ("00",)),
        ({"direction": "ВЫВОЗ"}, ("08", "08")),
        ({"commodity": "3004900000"}, ("09", "09")),
        ({"commodity": "3004900000", "line": ""}, ("09", "09")),
        ({"commodity": "3002410009", "line": "", "unit": "кг", "quantity": "800"}, ("00",)),
        ({"line": "7"}, ("01", "01")),
        ({"country": "US"}, ("10", "10")),
        ({"unit": "кг"}, ("11", "11")),
        ({"quantity": "50001"}, ("12", "12")),
        ({"quantity": "50000,001"}, ("12", "12")),
        ({"permit": "KZ20VTS00000010"}, ("13", "13", "12")),
    ],
)
def test_every_decision_code(desk: Desk, values: dict[str, str], expected: tuple[str, ...]) -> None:
    assert desk.decision(**values) == expected


def test_all_failed_checks_are_told_in_their_order(desk: Desk) -> None:
    """Revoked, other holder, other direction, other goods, unknown unit, expired: the first is the decision."""
    found = desk.decision(permit="KZ13VTS00000003", operator=P2, direction="ТРАНЗИТ", commodity="0808108006",
                          unit="кг", accepted="02.01.2027 10:00:00")  # fmt: skip
    assert found == ("06", "06", "07", "08", "09", "11", "04")


def test_a_number_of_two_alphabets_is_not_found_and_says_why(desk: Desk) -> None:
    answer = desk.ask(permit="КZ11VTS00000001")
    assert answer.findtext(f"{NS}Решение") == "01"
    assert answer.findtext(f"{NS}Замечание/{NS}Подсказка") == "АЛФАВИТ"


def test_grams_are_counted_in_kilograms(desk: Desk) -> None:
    answer = desk.ask("РЕЗЕРВ", commodity="3002410009", line="2", unit="г", quantity="250")
    assert answer.findtext(f"{NS}Решение") == "00"
    assert available(answer, "2") == "799,75"


def test_reserve_then_write_off_leaves_the_balance_of_the_corridor(desk: Desk) -> None:
    reserved = desk.ask("РЕЗЕРВ", quantity="12000")
    assert available(reserved) == "38000"
    written = desk.ask("СПИСАНИЕ", quantity="12000", op_id="op-00000002")
    assert available(written) == "38000"
    totals = desk.ledger.balances("KZ11VTS00000001")[1]
    assert (totals.reserved, totals.debited) == (Decimal(0), Decimal(12000))


def test_the_same_operation_id_counts_once_and_answers_the_same(desk: Desk) -> None:
    first = desk.tell(ask("РЕЗЕРВ", quantity="12000"), "HEALTH_RESERVE")
    again = desk.tell(ask("РЕЗЕРВ", quantity="12000"), "HEALTH_RESERVE")
    assert first == again
    assert desk.ledger.balances("KZ11VTS00000001")[1].reserved == Decimal(12000)


def test_the_same_operation_id_with_other_content_is_a_conflict(desk: Desk) -> None:
    desk.ask("РЕЗЕРВ", quantity="12000")
    assert desk.decision("РЕЗЕРВ", quantity="13000") == ("14", "14")
    assert desk.decision("СПИСАНИЕ", quantity="12000") == ("14", "14")
    assert desk.ledger.balances("KZ11VTS00000001")[1].balance == Decimal(38000)


def test_a_withdrawn_declaration_frees_its_reservation(desk: Desk) -> None:
    desk.ask("РЕЗЕРВ", quantity="5000")
    (reply,) = desk.tell(notice("ОТОЗВАНА"))
    assert parse(reply.payload).findtext(f"{NS}Итог") == "СНЯТО"
    assert desk.ledger.balances("KZ11VTS00000001")[1].balance == Decimal(50000)
    assert desk.decision("ОТМЕНА", quantity="5000", op_id="op-00000003") == ("00",)
    assert desk.decision("РЕЗЕРВ", quantity="1", op_id="op-00000004") == ("14", "14")
    assert desk.ledger.balances("KZ11VTS00000001")[1].balance == Decimal(50000)


def test_a_cancellation_needs_a_reservation_and_a_reversal_a_write_off(desk: Desk) -> None:
    assert desk.decision("ОТМЕНА", quantity="1", op_id="op-00000011") == ("14", "14")
    assert desk.decision("СТОРНО", quantity="1", op_id="op-00000012") == ("14", "14")
    desk.ask("СПИСАНИЕ", quantity="10", op_id="op-00000013")
    assert desk.decision("СТОРНО", quantity="11", op_id="op-00000014") == ("14", "14")
    assert desk.decision("СТОРНО", quantity="10", op_id="op-00000015") == ("00",)
    assert desk.ledger.balances("KZ11VTS00000001")[1].balance == Decimal(50000)


def test_a_single_use_permit_is_exhausted_by_its_first_write_off(desk: Desk) -> None:
    cites = {"permit": "KZ14CTS00000004", "kind": "СИТЕС", "unit": "кг"}
    assert desk.decision("СПИСАНИЕ", quantity="1", **cites) == ("00",)
    answer = desk.ask(quantity="1", **cites)
    assert answer.findtext(f"{NS}Решение") == "13"
    assert answer.findtext(f"{NS}Разрешение/{NS}Состояние") == "ИСЧЕРПАНО"


def test_a_write_off_of_before_the_revocation_counts_and_is_marked_late(desk: Desk) -> None:
    answer = desk.ask("СПИСАНИЕ", permit="KZ13VTS00000003", quantity="10", accepted="19.11.2026 10:00:00")
    assert answer.findtext(f"{NS}Решение") == "00"
    assert answer.findtext(f"{NS}Опоздание") == "иә"


def test_an_older_version_of_a_notice_is_acknowledged_and_ignored(desk: Desk) -> None:
    desk.tell(notice("ИЗМЕНЕНА", version="3"))
    desk.ask("РЕЗЕРВ", quantity="5000")
    (reply,) = desk.tell(notice("ОТОЗВАНА", version="2"))
    assert "ескі" in (parse(reply.payload).findtext(f"{NS}МәтінҚаз") or "")
    assert desk.ledger.balances("KZ11VTS00000001")[1].reserved == Decimal(5000)
    desk.tell(notice("ОТОЗВАНА"))
    assert desk.ledger.balances("KZ11VTS00000001")[1].reserved == Decimal(0)


def test_a_notice_that_names_an_unknown_permit_gets_a_remark(desk: Desk) -> None:
    (reply,) = desk.tell(notice("ПОДАНА", permit="KZ11VTS09999999"))
    answer = parse(reply.payload)
    assert answer.findtext(f"{NS}Итог") == "ЗАМЕЧАНИЯ"
    assert answer.findtext(f"{NS}Замечание/{NS}Документ") == "KZ11VTS09999999"


def test_magic_numbers_are_silent_slow_or_refuse_as_asked(desk: Desk) -> None:
    assert desk.tell(ask(permit="KZ99SIL00000001"), "HEALTH_PERMIT_QUERY") == []
    assert desk.tell(notice("ПОДАНА", permit="KZ99SIL00000001")) == []
    assert desk.tell(b"<Notice/>", "NOTICE") == []
    (slow,) = desk.tell(ask(permit="KZ99SLW00000001"), "HEALTH_PERMIT_QUERY")
    assert slow.delay == 10.0
    assert desk.decision(permit="KZ99REJ00000005")[0] == "05"
    assert desk.decision(permit="KZ99YES00000001") == ("00",)
    assert {magic.prefix for magic in MAGIC_KEYS} == {"KZ99SIL", "KZ99SLW", "KZ99SEC", "KZ99YES", "KZ99REJ"}


def test_the_same_message_gets_the_same_bytes_also_after_a_restart(tmp_path: Path) -> None:
    first = simulator(str(tmp_path))(DocumentType("HEALTH_PERMIT_QUERY"), ask(), claims("m-1"), NOW)
    later = datetime(2026, 11, 24, 6, tzinfo=UTC)
    again = simulator(str(tmp_path))(DocumentType("HEALTH_PERMIT_QUERY"), ask(), claims("m-1"), later)
    assert first == again


def test_of_many_who_race_for_the_last_thousand_exactly_one_wins(tmp_path: Path) -> None:
    """Eight declarations ask at the same moment for all that is left; each has its own connection to the book."""
    path = str(tmp_path / "book.sqlite")
    Ledger(path)

    def race(number: int) -> str:
        payload = ask("РЕЗЕРВ", permit="KZ15VTS00000005", quantity="1000", op_id=f"race-{number:06d}",
                      declaration=f"57505/191126/{number:07d}")  # fmt: skip
        (reply,) = Ledger(path).receive(DocumentType("HEALTH_RESERVE"), payload, claims(f"r-{number}"), NOW)
        return parse(reply.payload).findtext(f"{NS}Решение") or ""

    with ThreadPoolExecutor(8) as pool:
        decisions = sorted(pool.map(race, range(1, 9)))
    assert decisions == ["00"] + ["12"] * 7
    assert Ledger(path).balances("KZ15VTS00000005")[1].balance == Decimal(0)


_SMALL = Permit(
    number="KZ50VTS00000050", kind="ЛС", holder=P1,
    lines=(Line(number=1, commodity="3004", authorised=Decimal(10), unit="уп"),),
)  # fmt: skip
_OPERATION = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(sorted(ROOTS)),
        "op_id": st.integers(1, 12).map(lambda number: f"op-{number:08d}"),
        "quantity": st.sampled_from(["0,1", "0,3", "1", "2,5", "4", "7", "10", "10,001"]),
        "declaration": st.sampled_from(["57505/191126/0000123", "57505/191126/0000124"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(operations=st.lists(_OPERATION, min_size=1, max_size=25), replay=st.randoms(use_true_random=False))
def test_the_ledger_is_the_sum_of_its_movements_in_any_order(operations: list[dict[str, str]], replay: object) -> None:
    """Whatever is sent, in whatever order, and sent again: sum = balance, nothing below zero, each id counts once."""
    again = [*operations, *operations]
    replay.shuffle(again)  # type: ignore[attr-defined]
    with TemporaryDirectory() as folder:
        ledger = Ledger(f"{folder}/book.sqlite", {_SMALL.number: _SMALL})
        desk = Desk(ledger)
        answers: dict[tuple[str, ...], set[str]] = {}
        for values in again:
            answer = desk.ask(permit=_SMALL.number, **values)
            key = tuple(values.values())
            answers.setdefault(key, set()).add(answer.findtext(f"{NS}Решение") or "")
        totals = ledger.balances(_SMALL.number)[1]
        moves = ledger.movements(_SMALL.number)
        balance = _SMALL.lines[0].authorised
        for move in moves:
            balance += move.reversed - move.reserved - move.debited
            assert balance >= 0
        assert balance == totals.balance
        assert totals.reserved == sum((move.reserved for move in moves), Decimal(0)) >= 0
        assert totals.debited == sum((move.debited for move in moves), Decimal(0)) >= totals.reversed
        assert all(
            len({(m.kind, m.declaration) for m in moves if m.operation == move.operation}) == 1 for move in moves
        )
        assert all(len(found) == 1 for found in answers.values())
