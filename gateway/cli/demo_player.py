"""Plays the stories of the adapters against a running gateway and judges how each of them ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from threading import Barrier
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener
from uuid import NAMESPACE_URL, uuid5

from gateway.cli.demo_town import Town
from gateway.errors import GatewayError, MessageUnknown
from gateway.model import NOTICE_TYPE, RECEIPT, MessageId, PartnerId
from gateway.replay import Fixture
from gateway.replay.play import values_at
from gateway.shell.client import Client, Letter, Outcome
from gateway.shell.partner_host import RUN_MARK
from gateway.shell.queries import status
from gateway.shell.store import Store
from gateway.xml import parse, text_of

RACE: Final = "-race-"
"""Fixtures in a row with this in their folder's name are sent at the same moment."""
LOOK_EVERY: Final = 0.1


@dataclass(slots=True, kw_only=True)
class Play:
    """One fixture in this run: the ids it got, and what has come of it so far."""

    fixture: Fixture
    message_id: MessageId
    conversation_id: str
    outcome: Outcome | None = None
    failure: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)
    """What the sender received that relates to this message."""
    delivered: bool = False
    happened: str = ""
    ok: bool | None = None


Told = Callable[[Play], None]


class Player:
    """Sends the fixtures as their senders would and waits for what comes of each; `told` hears of every ending."""

    def __init__(self, town: Town, fixtures: Sequence[Fixture], run: str, told: Told = lambda _play: None) -> None:
        self._town = town
        self._told = told
        self.plays = [_play(fixture, run) for fixture in fixtures if fixture.captured is None]
        self._clients = {name: Client(town.hat(name)) for name in {play.fixture.sender for play in self.plays}}
        self._seen: dict[PartnerId, int] = {}

    def run(self, patience: float = 60.0) -> list[Play]:
        """Every play with its ending; what has not ended after `patience` seconds without news has failed."""
        self._mark_logs()
        lines: dict[tuple[str, str], list[Play]] = {}
        for play in self.plays:
            lines.setdefault((play.fixture.sender, play.fixture.receiver), []).append(play)
        with ThreadPoolExecutor(len(lines) or 1) as pool, Store(self._town.dsn, largest=2) as store:
            sending = [pool.submit(self._send_line, line) for line in lines.values()]
            self._watch(store, patience, lambda: all(one.done() for one in sending))
            for one in sending:
                one.result()
        return self.plays

    # --- sending -----------------------------------------------------------------------------------------------------
    def _send_line(self, line: Sequence[Play]) -> None:
        """One line is strictly in order; only a race is sent at one moment."""
        for group in races(line):
            if len(group) == 1:
                self._send(group[0])
                continue
            barrier = Barrier(len(group))
            with ThreadPoolExecutor(len(group)) as pool:
                for running in [pool.submit(self._send, play, barrier) for play in group]:
                    running.result()

    def _send(self, play: Play, barrier: Barrier | None = None) -> None:
        fixture = play.fixture
        letter = Letter(payload=fixture.payload, type=fixture.type, receiver=fixture.receiver,
                        conversation_id=play.conversation_id, relates_to=fixture.relates_to,
                        message_id=play.message_id)  # fmt: skip
        if barrier is not None:
            barrier.wait()
        try:
            play.outcome = self._clients[fixture.sender].send(letter, fixture.style)
        except GatewayError as error:
            play.failure = f"{error.code}: {error.detail}"

    # --- watching ----------------------------------------------------------------------------------------------------
    def _mark_logs(self) -> None:
        """What partners received before this run is not looked at."""
        for partner in self._town.residents:
            rows = self._log(partner, 0)
            self._seen[partner] = max((row["seq"] for row in rows), default=0)

    def _watch(self, store: Store, patience: float, all_sent: Callable[[], bool]) -> None:
        last, open_plays = time.monotonic(), list(self.plays)
        while open_plays or not all_sent():
            sent = all_sent()
            self._read_logs()
            ended = [play for play in open_plays if self._ended(play, store)]
            for play in ended:
                self._told(play)
            open_plays = [play for play in open_plays if play.ok is None]
            if ended or not sent:
                last = time.monotonic()
            if time.monotonic() - last > patience:
                self._give_up(open_plays)
                return
            self._town.check()
            time.sleep(LOOK_EVERY)

    def _give_up(self, plays: Sequence[Play]) -> None:
        for play in plays:
            play.happened, play.ok = play.failure or ("no answer" if play.delivered else "not delivered"), False
            self._told(play)

    def _read_logs(self) -> None:
        known = {play.message_id: play for play in self.plays}
        for partner in {play.fixture.sender for play in self.plays}:
            for row in self._log(partner, self._seen[partner]):
                self._seen[partner] = max(self._seen[partner], row["seq"])
                play = known.get(MessageId(row["relates_to"]))
                if play is not None:
                    play.answers.append(row)

    def _log(self, partner: PartnerId, after: int) -> list[dict[str, Any]]:
        url = f"{self._town.residents[partner].log_url}?after={after}"
        with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
            return list(json.load(answer)["received"])

    # --- judging -----------------------------------------------------------------------------------------------------
    def _ended(self, play: Play, store: Store) -> bool:
        if play.failure:
            play.happened, play.ok = play.failure, False
        elif play.outcome is None:
            return False
        elif play.outcome.code:
            judge_refusal(play)
        elif play.answers:
            self._judge_answer(play)
        elif play.fixture.expect == "delivered" and play.fixture.answer is None:
            self._judge_delivery(play, store)
        return play.ok is not None

    def _judge_answer(self, play: Play) -> None:
        race = next(group for group in races(self.plays) if play in group)
        if len(race) == 1:
            judge_answer(play)
        elif all(member.answers for member in race):
            judge_race(race)

    def _judge_delivery(self, play: Play, store: Store) -> None:
        try:
            found = status(store, play.fixture.sender, play.message_id)
        except MessageUnknown:
            return
        play.delivered = found.state == "delivered"
        if found.state != "queued":
            play.happened, play.ok = f"{found.state}, no answer", play.delivered


def _play(fixture: Fixture, run: str) -> Play:
    """Ids of this run: the same fixture id gives the same id, so that a duplicate stays a duplicate."""
    mark = f"{fixture.conversation_id or fixture.folder.name}{RUN_MARK}{run}"
    message_id = uuid5(NAMESPACE_URL, f"{fixture.message_id}{RUN_MARK}{run}")
    return Play(fixture=fixture, message_id=MessageId(f"urn:uuid:{message_id}"), conversation_id=mark)


def new_run() -> str:
    """The name of a run: sorts by time."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S")


def races(plays: Sequence[Play]) -> Iterator[list[Play]]:
    """The plays in their order, those that race each other together."""
    for racing, group in groupby(plays, lambda play: RACE in play.fixture.folder.name):
        members = list(group)
        yield from [members] if racing else ([play] for play in members)


def judge_refusal(play: Play) -> None:
    """Refused at the door: by the code and the rules that the fixture tells?"""
    outcome, fixture = play.outcome, play.fixture
    assert outcome is not None  # noqa: S101 - the caller looked
    rules = [finding.get("rule", "") for finding in outcome.findings]
    play.happened = f"{outcome.code}: {', '.join(dict.fromkeys(rules))}" if rules else outcome.code
    as_told = fixture.findings is None or set(rules) == set(fixture.findings)
    play.ok = outcome.code == fixture.expect and as_told


def judge_answer(play: Play) -> None:
    """The last thing that came back is what the fixture tells."""
    row, fixture = play.answers[-1], play.fixture
    if row["type"] == NOTICE_TYPE:
        code = notice_code(row)
        play.happened, play.ok = f"notice: {code}", code == fixture.expect
        return
    wanted: Mapping[str, str] = fixture.answer.values if fixture.answer else {}
    root = parse(row["payload"].encode())
    wrong = [f"{path} is {'/'.join(values_at(root, path)) or 'missing'}, not {value}" for path, value in wanted.items()
             if value not in values_at(root, path)]  # fmt: skip
    kind_ok = fixture.answer is not None and fixture.answer.type in (None, row["type"])
    play.happened = f"{row['type']} {decision(row)}" + (f" ({'; '.join(wrong)})" if wrong else "")
    play.ok = fixture.expect == "delivered" and kind_ok and not wrong


def judge_race(race: Sequence[Play]) -> None:
    """Whoever came first wins; as many win and lose as the fixtures tell."""
    got = sorted(decision(play.answers[-1]) for play in race)
    wanted = sorted(wanted_decision(play) for play in race)
    for play in race:
        play.happened = f"{play.answers[-1]['type']} {decision(play.answers[-1])} (race)"
        play.ok = got == wanted


def decision(row: Mapping[str, Any]) -> str:
    """The word of decision in an answer, else its function code."""
    root = parse(row["payload"].encode())
    for name in ("DecisionCode", "FunctionCode"):
        found = next((text_of(leaf) for leaf in root.iter(f"{{*}}{name}")), None)
        if found is not None:
            return found
    return ""


def wanted_decision(play: Play) -> str:
    """The decision that a fixture's answer tells."""
    values = play.fixture.answer.values if play.fixture.answer else {}
    return next((value for path, value in values.items() if path.endswith("/DecisionCode")), "")


def notice_code(row: Mapping[str, Any]) -> str:
    """The refusal code in a notice of ours."""
    return str(parse(row["payload"].encode()).findtext(f"{{{RECEIPT}}}Code", ""))
