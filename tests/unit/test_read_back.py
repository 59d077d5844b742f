"""The second pass finds what is missing, what is there twice, and what came in another order."""

from __future__ import annotations

from typing import Any

from gateway.cli.chaos_plan import KILL, STOP, plan
from gateway.cli.read_back import Books, Verdict, judge
from gateway.cli.traffic import Acknowledged
from gateway.model import NOTICE_TYPE, DocumentType, MessageId
from gateway.shell.host_faults import KINDS
from tests.builders import CUSTOMS, HEALTH


def acknowledged(number: int) -> Acknowledged:
    """The number-th question of one line."""
    return Acknowledged(
        conversation=f"talk-{number}", message_id=MessageId(f"urn:uuid:{number}"), sender=CUSTOMS, receiver=HEALTH,
        type=DocumentType("LPCO_QUERY"), line=0, number=number, receipt="r", seconds=0.1,
    )  # fmt: skip


def row(number: int, type: str = "HEALTH_PERMIT_QUERY", **more: str) -> dict[str, Any]:
    return {"conversation": f"talk-{number}", "type": type, **more}


def found(there: list[dict[str, Any]], back: list[dict[str, Any]], replies: list[dict[str, Any]]) -> Verdict:
    """What three questions came to."""
    books = Books(received={HEALTH: there, CUSTOMS: back}, answered={HEALTH: replies, CUSTOMS: []})
    return judge([acknowledged(number) for number in (1, 2, 3)], books)


def replies(*numbers: int) -> list[dict[str, Any]]:
    return [row(number, state="sent", code="") for number in numbers]


def test_all_is_well() -> None:
    """Two were delivered and answered, of one the sender has a notice."""
    verdict = found([row(1), row(2)], [row(1), row(2), row(3, NOTICE_TYPE)], replies(1, 2))
    assert (verdict.acknowledged, verdict.lost, verdict.doubled, verdict.disordered) == (5, [], [], [])


def test_a_message_or_an_answer_that_is_nowhere_is_lost() -> None:
    """Only what was promised: an answer that was refused, or is still owed, is not missed."""
    owed = [row(1, state="owed", code=""), row(2, state="refused", code="schema.violation")]
    assert len(found([row(1), row(2)], [], owed).lost) == 1
    assert len(found([row(1), row(2), row(3)], [row(1)], replies(1, 2)).lost) == 1


def test_a_message_or_an_answer_that_is_there_twice_is_doubled() -> None:
    """Delivered, and told as failed, is twice too."""
    assert len(found([row(1), row(2), row(3), row(3)], [], []).doubled) == 1
    assert len(found([row(1), row(2), row(3)], [row(1), row(1)], replies(1)).doubled) == 1
    assert len(found([row(1), row(2), row(3)], [row(3, NOTICE_TYPE)], []).doubled) == 1


def test_what_overtook_is_out_of_order() -> None:
    """A sender that waited for each receipt may rely on its order."""
    assert len(found([row(2), row(1), row(3)], [], []).disordered) == 1


def test_the_same_seed_makes_the_same_plan() -> None:
    """With as many kills as were asked for, each process before any a second time."""
    crew = ["worker-1", "gateway-1", "database"]
    faults = plan(7, 6, crew, [HEALTH])
    assert faults == plan(7, 6, crew, [HEALTH])
    assert faults != plan(8, 6, crew, [HEALTH])
    assert [fault.act for fault in faults].count(KILL) == 6
    assert [fault.act for fault in faults].count(STOP) == 3
    assert {fault.act for fault in faults} <= {KILL, STOP, *KINDS}
    turns = [fault.whom for fault in faults if fault.whom in crew]
    assert set(turns[:3]) == set(turns[3:6]) == set(crew)
