"""The second pass: every promise is looked for in the book of whom it was made about."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.request import ProxyHandler, build_opener

from gateway.cli.demo_town import Town
from gateway.cli.traffic import Acknowledged
from gateway.model import NOTICE_TYPE, PartnerId

SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What all partners hold: what they received and what they answered, in their order."""

    received: Mapping[PartnerId, Sequence[Mapping[str, Any]]]
    answered: Mapping[PartnerId, Sequence[Mapping[str, Any]]]

    @property
    def owed(self) -> int:
        """Answers that their partner has not handed over yet."""
        return sum(row["state"] == "owed" for rows in self.answered.values() for row in rows)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found: each entry names a conversation and what is wrong with it."""

    acknowledged: int = 0
    """Promises: messages and business answers for which the gateway gave its receipt."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)


def read_books(town: Town) -> Books:
    """All books, from the partners themselves."""
    told = {partner: _log(town.residents[partner].log_url) for partner in town.residents}
    return Books(
        received={partner: log["received"] for partner, log in told.items()},
        answered={partner: log["replies"] for partner, log in told.items()},
    )


def judge(acknowledged: Sequence[Acknowledged], books: Books) -> Verdict:
    """Each message is at its receiver once, or its sender has one notice; each answer is at who asked, once."""
    verdict = Verdict()
    talks = {one.conversation: one for one in acknowledged}
    got = {partner: Counter(_conversations(rows, notices=False)) for partner, rows in books.received.items()}
    notices = {partner: Counter(_conversations(rows, notices=True)) for partner, rows in books.received.items()}
    for one in acknowledged:
        there, told = got[one.receiver][one.conversation], notices[one.sender][one.conversation]
        _weigh(verdict, there + told, 1, f"{one.conversation} {one.type}: {there} arrived, {told} notices")
    for partner, rows in books.answered.items():
        answers = Counter(row["conversation"] for row in rows if row["state"] == SENT and not row["code"])
        for name, promised in answers.items():
            asked = talks.get(name)
            if asked is not None and asked.receiver == partner:
                back = got[asked.sender][name]
                _weigh(verdict, back, promised, f"{name} answer to {asked.type}: {promised} promised, {back} arrived")
    verdict.disordered = list(_disordered(acknowledged, books))
    return verdict


def _weigh(verdict: Verdict, got: int, promised: int, words: str) -> None:
    verdict.acknowledged += promised
    if got < promised:
        verdict.lost.append(words)
    if got > promised:
        verdict.doubled.append(words)


def _conversations(rows: Sequence[Mapping[str, Any]], *, notices: bool) -> list[str]:
    return [row["conversation"] for row in rows if (row["type"] == NOTICE_TYPE) is notices]


def _disordered(acknowledged: Sequence[Acknowledged], books: Books) -> list[str]:
    """Messages of one kind that one sender sent one after the other, each after the receipt of the one before."""
    place = {
        partner: {row["conversation"]: number for number, row in enumerate(rows)}
        for partner, rows in books.received.items()
    }
    lines: dict[tuple[Any, ...], list[Acknowledged]] = defaultdict(list)
    for one in sorted(acknowledged, key=lambda one: one.number):
        if one.conversation in place[one.receiver]:
            lines[one.line, one.sender, one.receiver, one.type].append(one)
    return [
        f"{later.conversation} {later.type} came before {earlier.conversation}"
        for line in lines.values()
        for earlier, later in pairwise(line)
        if place[later.receiver][later.conversation] < place[earlier.receiver][earlier.conversation]
    ]


def _log(url: str) -> dict[str, Any]:
    with build_opener(ProxyHandler({})).open(f"{url}?bare", timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
