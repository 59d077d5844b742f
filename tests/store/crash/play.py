"""Every crash point with its story: what is sent, who dies where, and what everybody has in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from gateway.errors import GatewayError
from gateway.model import DocumentType, MessageId, PartnerId
from gateway.replay import read_fixture
from gateway.shell.client import Client, Letter, Outcome
from tests.store.crash.stage import Stage, wait_until

ROOT: Final = Path(__file__).parents[3]
Down = Callable[[Stage], None]


@dataclass(frozen=True, kw_only=True)
class Story:
    """One message and what must come of it: at its receiver, and back at its sender."""

    fixture: str
    sender: str
    receiver: str
    there: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    code: str = ""
    receiver_down: bool = False
    overdue: bool = False
    later: bool = False
    """The receiver asks once for the message later."""


ASKED: Final = Story(
    fixture="health_kz/fixtures/10-query-ok", sender="customs_kz", receiver="health_kz",
    there=("HEALTH_PERMIT_QUERY",), back=("LPCO_STATUS",),
)  # fmt: skip
LISTED: Final = Story(
    fixture="mra_cn/fixtures/50-full-list", sender="aeo_registry_kz", receiver="mra_cn",
    there=("CN_AEO_FULL",), back=("AEO_RECORD_RESULT",),
)  # fmt: skip
UNFIT: Final = Story(
    fixture="health_kz/fixtures/46-unit-unknown-to-the-ministry", sender="customs_kz", receiver="health_kz",
    back=("NOTICE",),
)  # fmt: skip
SILENT: Final = Story(
    fixture="health_kz/fixtures/23-query-silent", sender="customs_kz", receiver="health_kz",
    there=("HEALTH_PERMIT_QUERY",), back=("LPCO_STATUS",), overdue=True,
)  # fmt: skip
WRONG: Final = Story(
    fixture="health_kz/fixtures/41-element-missing", sender="customs_kz", receiver="health_kz",
    code="schema.violation",
)  # fmt: skip
LATER: Final = Story(**{**LISTED.__dict__, "later": True})
OUTAGE: Final = Story(**{**ASKED.__dict__, "receiver_down": True})

POINTS: Final[dict[str, tuple[Story, str]]] = {
    "doors.accept.before": (ASKED, "a proven message is about to be kept"),
    "doors.accept.after": (ASKED, "message, delivery and evidence are committed; no answer was given"),
    "doors.answer.before": (ASKED, "the signed receipt is ready, none of it has left"),
    "doors.answer.after": (ASKED, "the receipt has left"),
    "doors.refuse.before": (WRONG, "a refused message is about to be recorded"),
    "doors.refuse.after": (WRONG, "the refusal is recorded; no answer was given"),
    "doors.accept-answer.before": (ASKED, "the receiver's business answer is about to be kept"),
    "doors.accept-answer.after": (ASKED, "the business answer is committed; its sender does not know"),
    "doors.keep.before": (LISTED, "a pulling partner asks; what it will get is about to be kept"),
    "doors.keep.after": (LISTED, "what the pulling partner will get is committed"),
    "doors.handout.before": (LISTED, "the message for the pulling partner is ready, none of it has left"),
    "doors.handout.after": (LISTED, "the message has left for the pulling partner"),
    "doors.settle.before": (LISTED, "the pulling partner's receipt came and is about to be kept"),
    "doors.settle.after": (LISTED, "the pulling partner's receipt is committed; it does not know"),
    "doors.receipt-answer.before": (LISTED, "the word that its receipt was taken is ready, none of it has left"),
    "doors.receipt-answer.after": (LISTED, "the word that its receipt was taken has left"),
    "worker.keep.before": (ASKED, "the envelope is sealed and about to be kept"),
    "worker.keep.after": (ASKED, "the envelope is committed, nothing has left"),
    "worker.send.before": (ASKED, "the hold of the lane is proven, nothing has left"),
    "worker.send.after": (ASKED, "the receiver has it and its receipt came; nothing is written of it"),
    "worker.settle.before": (ASKED, "the receipt is proven and about to be kept"),
    "worker.settle.after": (ASKED, "receipt, end of the delivery and evidence are committed"),
    "worker.settle+notice.before": (UNFIT, "a delivery that failed is about to end"),
    "worker.settle+notice.between": (UNFIT, "its end is written, the notice to its sender is not"),
    "worker.settle+notice.uncommitted": (UNFIT, "its end and the notice are written, not committed"),
    "worker.settle+notice.after": (UNFIT, "its end and the notice are committed"),
    "worker.hold.before": (OUTAGE, "the receiver does not answer; that is about to be written"),
    "worker.hold.after": (OUTAGE, "the failed attempt and the wait of the lane are committed"),
    "worker.defer.before": (LATER, "the receiver asked for it later; that is about to be written"),
    "worker.defer.after": (LATER, "the failed attempt and the wait of this message are committed"),
    "worker.silent+notice.before": (SILENT, "an answer is overdue; that is about to be written"),
    "worker.silent+notice.between": (SILENT, "the silence is written, the message to the asker is not"),
    "worker.silent+notice.uncommitted": (SILENT, "silence and message are written, not committed"),
    "worker.silent+notice.after": (SILENT, "silence and message to the asker are committed"),
    "partners.keep.before": (ASKED, "the receiver has the bytes and is about to keep them"),
    "partners.keep.after": (ASKED, "the receiver has kept them; its receipt is lost"),
}
"""Name (who dies, what it was doing, when): the story that is played there, and what is true at that point."""

ELSEWHERE: Final = {
    "CHANGE": "a person pauses, resumes or hurries a lane and sees whether it was done",
    "REQUEUE": "a person sends a delivery again and sees whether it was done",
    "PILOT": "whose turn it is to look whether a partner is back; without it, the next one looks",
    "BEHIND": "lets what stands behind a waiting message wait as long; the order is kept by the picking itself",
    "SLOTS": "the pace of a lane",
    "PROGRESS": "how far a lane has come, for people",
    "LINK": "an archived month, which stays until it is whole in its file",
    "ANCHOR": "an archived month, which stays until it is whole in its file",
    "BEAT": "signs of life, not messages",
    "FORGET": "old signs of life, and ids past the term for which they stay known",
    "NOTE": "the tables change, not messages",
}
"""Statements that write and need no point: why."""


@dataclass(kw_only=True)
class Ending:
    """What became of one point's message, counted at everybody's books."""

    point: str
    what: str
    before: bool
    """The sender had its receipt, or its refusal, when the process died."""
    lost: int = 0
    doubled: int = 0
    again: bool = False
    """The same bytes reached the receiver more than once."""
    same: bool = False


class Play:
    """Plays points on a stage, one after the other."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._clients = {name: Client(stage.hat(PartnerId(name)), 5.0) for name in ("customs_kz", "aeo_registry_kz")}

    def run(self, point: str) -> Ending:
        """Kill at the point, start again, let the sender repeat itself, and compare."""
        story, what = POINTS[point]
        half = point.partition(".")[0]
        letter = self._letter(story, point)
        if story.receiver_down:
            self._stage.down("partners")
        if story.later:
            self._stage.ask_for_later()
        self._stage.arm(point)
        first = self._send(story, letter)
        if story.overdue:
            self._await_received(story.receiver, letter, len(story.there))
            self._stage.let_time_pass(letter.conversation_id)
        self._stage.await_death(half)
        if story.receiver_down:
            self._stage.begin("partners")
        self._stage.begin(half)
        again = [self._send_until_answered(story, letter)]
        self._await_end(story, letter)
        again.append(self._send_until_answered(story, letter))
        return self._compare(Ending(point=point, what=what, before=first is not None), story, letter, [first, *again])

    def pause(self, point: str) -> list[object]:
        """Pause a worker at the point, let another take its lane, wake it: what it did then, nothing if fenced."""
        letter = self._letter(ASKED, f"pause-{point}")
        self._stage.arm(point, "stop")
        self._send_until_answered(ASKED, letter)
        self._stage.await_stop("worker")
        self._stage.begin("worker")
        self._await_end(ASKED, letter)
        before = self._traces(letter)
        self._stage.wake("worker")
        later = self._letter(ASKED, f"woken-{point}")
        self._send_until_answered(ASKED, later)
        self._await_end(ASKED, later)  # the one that woke serves again
        return [trace for trace in self._traces(letter) if trace not in before]

    def _traces(self, letter: Letter) -> list[object]:
        """Every sending of a message and every word of the evidence about it."""
        out = set(self._out_ids(letter))
        with self._stage.open_store() as store:
            words = store.fetch(
                "select e.chain, e.seq, e.event from evidence e join message m on m.id = e.entry"
                " where m.conversation_id = %s order by e.chain, e.seq",
                [letter.conversation_id],
            )
        sent = [f"{number} {one}" for number, one in enumerate(self._stage.sent()) if one in out]
        return [*sent, *words, *self._stage.received(ASKED.receiver, letter.conversation_id)]

    def _letter(self, story: Story, point: str) -> Letter:
        fixture = read_fixture(ROOT / "adapters" / story.fixture)
        return Letter(
            payload=fixture.payload, type=DocumentType(fixture.type), receiver=PartnerId(story.receiver),
            conversation_id=f"crash-{point}", message_id=MessageId(uuid4().urn),
        )  # fmt: skip

    def _send(self, story: Story, letter: Letter) -> Outcome | None:
        try:
            outcome = self._clients[story.sender].send(letter, self._stage.residents[PartnerId(story.sender)].profile)
        except GatewayError:
            return None
        return outcome if outcome.proven else None

    def _send_until_answered(self, story: Story, letter: Letter) -> Outcome:
        found: list[Outcome] = []

        def sent() -> bool:
            outcome = self._send(story, letter)
            found.extend([outcome] if outcome else [])
            return outcome is not None

        wait_until(sent, f"an answer for {letter.conversation_id}")
        return found[-1]

    def _await_received(self, partner: str, letter: Letter, many: int) -> None:
        name = letter.conversation_id
        wait_until(lambda: len(self._stage.received(partner, name)) >= many, f"what {partner} gets of {name}")

    def _await_end(self, story: Story, letter: Letter) -> None:
        self._await_received(story.receiver, letter, len(story.there))
        self._await_received(story.sender, letter, len(story.back))
        with self._stage.open_store() as store:
            wait_until(
                lambda: not store.fetch("select 1 as one from delivery where state = 'queued' limit 1"),
                f"the lanes are empty after {letter.conversation_id}",
            )

    def _compare(self, ending: Ending, story: Story, letter: Letter, answers: list[Outcome | None]) -> Ending:
        name = letter.conversation_id
        there = Counter(self._stage.received(story.receiver, name))
        back = Counter(self._stage.received(story.sender, name))
        wanted = [(there, Counter(story.there)), (back, Counter(story.back))]
        words = {one.receipt.id if one.receipt else one.code for one in answers if one}
        out = set(self._out_ids(letter))
        sent = Counter(one for one in self._stage.sent() if one in out)
        ending.lost = sum((want - got).total() for got, want in wanted)
        ending.doubled = sum((got - want).total() for got, want in wanted)
        ending.again = any(times > 1 for times in sent.values())
        ending.same = len(words) == 1 and (words == {story.code} or not story.code)
        return ending

    def _out_ids(self, letter: Letter) -> Iterator[str]:
        with self._stage.open_store() as store:
            query = (
                "select d.out_id from delivery d join message m on m.id = d.entry and m.received_at = d.received_at"
                " where m.conversation_id = %s"
            )
            for row in store.fetch(query, [letter.conversation_id]):
                yield f"urn:uuid:{row['out_id']}"
