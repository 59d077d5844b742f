"""The simulated receiver of China and the simulated register: versions, gaps, repeats, totals, durability."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.aeo_registry_kz.simulator import simulator as registry_simulator
from adapters.mra_cn.simulator import MAGIC_KEYS, SLOW_SECONDS, simulator
from gateway.model import Claims, DocumentType, MessageId, PartnerId
from gateway.simulation import Reply
from gateway.xml import Element, parse

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # already the 24th in Beijing
FULL, DELTA, CHECK = DocumentType("CN_AEO_FULL"), DocumentType("CN_AEO_DELTA"), DocumentType("CN_AEO_CHECK")
CLAIMS = Claims(message_id=MessageId("urn:uuid:1"), action="", to="", sender=PartnerId("gateway"))
Give = Callable[[DocumentType, bytes], list[Reply]]


@pytest.fixture
def give(tmp_path: Path) -> Give:
    return receiver(str(tmp_path))


def receiver(folder: str) -> Give:
    behave = simulator(folder)
    return lambda document, payload: behave(document, payload, CLAIMS, NOW)


def record(number: int, version: int, *, latin: str = "Synaq LLP", flag: str = "M", certificate: str = "") -> str:
    """One record; its content follows from number and version alone."""
    code = f"<aeoCode>AEOKZ{991240999000 + number}</aeoCode><recordVer>{version}</recordVer>"
    if flag == "D":
        return f"<aeoRecord>{code}<changeFlag>D</changeFlag><changeDate>20261123</changeDate></aeoRecord>"
    name = f"<nameEn>{latin}</nameEn>" if latin else ""
    return (
        f"<aeoRecord>{code}<changeFlag>{flag}</changeFlag><aeoStatus>1</aeoStatus>"
        f"<certNo>{certificate or f'KZ-AEO-T-{number:04d}'}</certNo><certClass>3</certClass>"
        f'<nameLocal lang="kk">Сынақ {version}</nameLocal>{name}<addr><addrText>Көше {version}</addrText>'
        f"<country>KZ</country></addr><bizType>02</bizType><validFrom>20250301</validFrom>"
        f"<changeDate>20261123</changeDate></aeoRecord>"
    )


def aeo_list(number: int, *records: str, kind: str = "I", total: int | None = None) -> bytes:
    total = len(records) if total is None else total
    head = (
        f"<listId>L{number}</listId><listNo>{number}</listNo><listType>{kind}</listType><sendDate>20261123</sendDate>"
        f"<partyCountry>KZ</partyCountry><agreementNo>KZ-CN</agreementNo><recordTotal>{total}</recordTotal>"
    )
    return f'<AeoList xmlns="urn:cn:gacc:aeo:1"><listHead>{head}</listHead>{"".join(records)}</AeoList>'.encode()


def check(number: int, total: int, digest: str) -> bytes:
    return (
        f'<AeoCheck xmlns="urn:cn:gacc:aeo:1"><checkId>C1</checkId><listNo>{number}</listNo>'
        f"<checkDate>20261130</checkDate><agreementNo>KZ-CN</agreementNo><total>{total}</total>"
        f"<digest>{digest}</digest></AeoCheck>"
    ).encode()


def digest_of(*held: tuple[int, int]) -> str:
    """The digest as the schema's note describes it, written a second time."""
    lines = "".join(f"KZ{991240999000 + number}:{version}\n" for number, version in sorted(held))
    return hashlib.sha256(lines.encode()).hexdigest()


def only(replies: list[Reply]) -> Element:
    (reply,) = replies
    return parse(reply.payload)


def said(root: Element, name: str) -> list[str]:
    return [element.text or "" for element in root.iter(f"{{*}}{name}")]


def holds(give: Give, number: int, *held: tuple[int, int]) -> bool:
    """Whether the receiver holds exactly these (operator, version) pairs after list `number`."""
    return said(only(give(CHECK, check(number, len(held), digest_of(*held)))), "checkResult") == ["Y"]


def test_a_list_is_applied_and_answered_record_by_record_with_the_beijing_date(give: Give) -> None:
    answer = only(give(FULL, aeo_list(1, record(1, 1), record(2, 3), kind="F")))
    assert said(answer, "listResult") == ["Y"]
    assert said(answer, "recResult") == ["0", "0"]
    assert said(answer, "handleDate") == ["20261124"]
    assert holds(give, 1, (1, 1), (2, 3))


def test_a_gap_applies_nothing_and_asks_from_the_first_missing_list(give: Give) -> None:
    give(DELTA, aeo_list(1, record(1, 1)))
    answer = only(give(DELTA, aeo_list(4, record(1, 2), record(2, 1))))
    assert said(answer, "listResult") == ["G"]
    assert said(answer, "resendFrom") == ["2"]
    assert said(answer, "recResult") == []
    assert holds(give, 1, (1, 1))


def test_after_the_missing_lists_the_list_that_was_too_early_is_applied(give: Give) -> None:
    give(DELTA, aeo_list(2, record(1, 2)))
    give(DELTA, aeo_list(1, record(1, 1)))
    assert said(only(give(DELTA, aeo_list(2, record(1, 2)))), "listResult") == ["Y"]
    assert holds(give, 2, (1, 2))


def test_a_full_list_closes_a_gap_and_a_late_delta_after_it_cannot_turn_back(give: Give) -> None:
    give(FULL, aeo_list(5, record(1, 7), kind="F"))
    answer = only(give(DELTA, aeo_list(3, record(1, 4), record(2, 1))))
    assert said(answer, "recResult") == ["2", "0"]
    assert holds(give, 5, (1, 7), (2, 1))


def test_a_full_list_does_not_bring_back_what_was_deleted_later(give: Give) -> None:
    give(DELTA, aeo_list(1, record(1, 1, flag="A")))
    give(DELTA, aeo_list(2, record(1, 2, flag="D")))
    answer = only(give(FULL, aeo_list(3, record(1, 1, flag="A"), kind="F")))
    assert said(answer, "recResult") == ["2"]
    assert said(answer, "memo") == ["已有版本2,旧版本未采用"]
    assert holds(give, 3)


def test_the_same_version_again_is_taken_and_other_content_under_it_is_not(give: Give) -> None:
    give(DELTA, aeo_list(1, record(1, 2, flag="A")))
    assert said(only(give(FULL, aeo_list(2, record(1, 2, flag="M"), kind="F"))), "recResult") == ["0"]
    answer = only(give(DELTA, aeo_list(3, record(1, 2, latin="Other LLP"))))
    assert said(answer, "listResult") == ["P"]
    assert said(answer, "errCode") == ["202"]
    assert said(answer, "errField") == ["recordVer"]


def test_a_record_without_latin_name_is_rejected_with_a_pointer_and_the_others_are_applied(give: Give) -> None:
    answer = only(give(DELTA, aeo_list(1, record(1, 1, latin=""), record(2, 1))))
    assert said(answer, "recResult") == ["1", "0"]
    assert (said(answer, "errCode"), said(answer, "errField")) == (["101"], ["nameEn"])
    assert holds(give, 1, (2, 1))
    give(DELTA, aeo_list(2, record(1, 2)))
    assert holds(give, 2, (1, 2), (2, 1))


def test_the_same_list_gets_the_same_answer_octet_for_octet(give: Give) -> None:
    first = give(DELTA, aeo_list(1, record(1, 1), record(2, 1, latin="")))
    assert give(DELTA, aeo_list(1, record(1, 1), record(2, 1, latin=""))) == first


def test_another_list_under_the_same_number_is_refused_whole(give: Give) -> None:
    give(DELTA, aeo_list(1, record(1, 1)))
    answer = only(give(DELTA, aeo_list(1, record(1, 2))))
    assert (said(answer, "listResult"), said(answer, "errCode")) == (["N"], ["201"])
    assert holds(give, 1, (1, 1))


def test_a_list_with_fewer_records_than_announced_is_refused_whole_and_may_come_again(give: Give) -> None:
    answer = only(give(DELTA, aeo_list(1, record(1, 1), total=2)))
    assert (said(answer, "listResult"), said(answer, "errCode")) == (["N"], ["103"])
    assert said(only(give(DELTA, aeo_list(1, record(1, 1)))), "listResult") == ["Y"]


def test_totals_that_differ_are_answered_with_what_is_held(give: Give) -> None:
    give(DELTA, aeo_list(1, record(2, 5), record(1, 1)))
    answer = only(give(CHECK, check(1, 2, digest_of((1, 1), (2, 4)))))
    assert said(answer, "checkResult") == ["N"]
    assert said(answer, "recordVer") == ["1", "5"]
    assert said(answer, "digest") == [digest_of((1, 1), (2, 5))]


def test_totals_of_a_list_not_yet_received_are_not_compared(give: Give) -> None:
    give(DELTA, aeo_list(1, record(1, 1)))
    answer = only(give(CHECK, check(2, 1, digest_of((1, 1)))))
    assert said(answer, "checkResult") == ["W"]
    assert said(answer, "heldRecord") == []


@pytest.mark.parametrize(("certificate", "code"), [("KZ-AEO-T-9102", "102"), ("KZ-AEO-T-9301", "301")])
def test_magic_certificates_reject_with_their_code(give: Give, certificate: str, code: str) -> None:
    assert certificate in MAGIC_KEYS
    assert said(only(give(DELTA, aeo_list(1, record(1, 1, certificate=certificate)))), "errCode") == [code]
    assert holds(give, 1)


def test_the_slow_certificate_delays_the_answer(give: Give) -> None:
    (reply,) = give(DELTA, aeo_list(1, record(1, 1, certificate="KZ-AEO-T-9000")))
    assert reply.delay == SLOW_SECONDS


def test_a_lost_answer_is_given_when_the_list_comes_again(give: Give) -> None:
    lost = aeo_list(1, record(1, 1, certificate="KZ-AEO-T-9999"))
    assert give(DELTA, lost) == []
    assert holds(give, 1, (1, 1))
    assert said(only(give(DELTA, lost)), "listResult") == ["Y"]


def test_other_documents_are_not_answered(give: Give) -> None:
    assert give(DocumentType("NOTICE"), b"<Notice/>") == []


def test_the_register_survives_a_restart(tmp_path: Path) -> None:
    first = receiver(str(tmp_path))(DELTA, aeo_list(1, record(1, 1)))
    again = receiver(str(tmp_path))
    assert again(DELTA, aeo_list(1, record(1, 1))) == first
    assert holds(again, 1, (1, 1))


Version = tuple[int, int, str]
HISTORIES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.sampled_from("AMDX")),
    min_size=1,
    max_size=8,
    unique_by=lambda item: item[:2],
)


def written(item: Version) -> str:
    """X stands for a version that is not acceptable: no Latin name."""
    number, version, flag = item
    return record(number, version, latin="" if flag == "X" else "Synaq LLP", flag="M" if flag == "X" else flag)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_order_of_arrival_ends_in_the_same_register(chosen: st.DataObject) -> None:
    """Shuffled and repeated versions, in lists cut anywhere: what is held is the newest acceptable version of each."""
    history = chosen.draw(HISTORIES)
    arrivals = chosen.draw(st.permutations(history)) + chosen.draw(st.lists(st.sampled_from(history), max_size=3))
    cut = chosen.draw(st.integers(0, len(arrivals)))
    with tempfile.TemporaryDirectory() as folder:
        give = receiver(folder)
        for number, part in enumerate((arrivals[:cut], arrivals[cut:]), start=1):
            give(DELTA, aeo_list(number, *map(written, part)))
        newest: dict[int, Version] = {}
        for item in sorted(history):
            if item[2] != "X":
                newest[item[0]] = item
        assert holds(give, 2, *((number, version) for number, version, flag in newest.values() if flag != "D"))


def test_the_simulated_registry_keeps_an_answer_once(tmp_path: Path) -> None:
    keep = registry_simulator(str(tmp_path))
    answer = (
        b'<AEORecordResult xmlns="urn:swgw:aeo:1"><ListID>L3</ListID><SequenceNumeric>3</SequenceNumeric>'
        b"<IssueDate>2026-11-25</IssueDate><DecisionCode>PARTLY</DecisionCode><AppliedNumeric>0</AppliedNumeric>"
        b"<AEOMutualRecognitionParty><TIN><PrefixCode>KZ</PrefixCode><ID>991240999911</ID></TIN>"
        b"<VersionNumeric>2</VersionNumeric><DecisionCode>REJECTED</DecisionCode><Error><ValidationCode>101"
        b"</ValidationCode><Pointer><TagID>KZ516</TagID></Pointer></Error></AEOMutualRecognitionParty>"
        b"</AEORecordResult>"
    )
    for _ in range(2):
        assert keep(DocumentType("AEO_RECORD_RESULT"), answer, CLAIMS, NOW) == []
    assert keep(DocumentType("NOTICE"), b"<Notice/>", CLAIMS, NOW) == []
    with closing(sqlite3.connect(tmp_path / "aeo_registry_kz.sqlite")) as connection:
        assert connection.execute("SELECT about, decision FROM answer").fetchall() == [("L3", "PARTLY")]
        kept = connection.execute("SELECT tin, version, decision, error, pointer FROM record_result").fetchall()
    assert kept == [("KZ991240999911", 2, "REJECTED", "101", "KZ516")]
