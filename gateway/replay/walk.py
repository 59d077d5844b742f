"""One message of a story on its way: in at our door, accepted or refused, and out to its receiver or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway import receipt as receipts
from gateway.errors import Finding, GatewayError, MappingGap
from gateway.lifecycle import State
from gateway.model import Claims, Profile, Sealed, Verified, Wire
from gateway.pipeline import context_of, forward, prepare
from gateway.reception import receive
from gateway.replay.blame import Blamer, blame_of_gap, blamer, nobody
from gateway.replay.compare import Change, compare
from gateway.replay.fixture import DELIVERED
from gateway.replay.report import Blame, Difference
from gateway.seal.profiles import read_answer
from gateway.testing import Arrival, KeptDelivery, World, as_answered

_SIGNED: Final = ("schema.", "rule.", "route.", "message.")
"""Refusals of a proven sender; they are signed."""
_ROUNDS: Final = 10
"""How often lanes are emptied; a notice may follow a message, nothing follows a notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What goes in, and what must become of it. `sent` is None for captured bytes, whose receipt cannot be matched."""

    hops: tuple[str, str]
    claims: Claims
    wire: Wire
    sent: Sealed | None
    style: Profile
    expect: str
    findings: tuple[str, ...] | None
    out: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`delivered`, or a refusal code with what was said about it; each finding is a difference from finding nothing."""

    code: str
    findings: tuple[Difference, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What came out otherwise, and where the message ended: None where it never got."""

    differences: list[Difference]
    delivery: KeptDelivery | None = None
    arrival: Arrival | None = None


def walk(leg: Leg, world: World) -> Walked:
    """Take one message through the real line. What differs is listed up to the hop where it stopped."""
    hop, onward = leg.hops
    verdict, differences = _accept(leg, world)
    if verdict.code != DELIVERED:
        return Walked(differences=differences + judge(hop, verdict, leg))
    delivery, verdict = _deliver(leg, world)
    differences += judge(onward, verdict, leg)
    arrival = arrival_of(delivery, world) if verdict.code == DELIVERED else None
    if arrival is not None and leg.out is not None:
        differences += differing(onward, leg.out, arrival.verified.payload, blame_of(delivery, world))
    return Walked(differences=differences, delivery=delivery, arrival=arrival)


def judge(hop: str, verdict: Verdict, leg: Leg) -> list[Difference]:
    """The code must be the expected one, and the rules found must be exactly those expected, in any number."""
    if verdict.code != leg.expect:
        got = f"{verdict.code} {verdict.detail}".strip()
        return [Difference(hop=hop, kind="code", path="", expected=leg.expect, got=got), *verdict.findings]
    if leg.findings is None:
        return []
    rules = {finding.got.partition(" ")[0] for finding in verdict.findings}
    missing = [
        Difference(hop=hop, kind="finding", path="", expected=rule, got="")
        for rule in leg.findings
        if rule not in rules
    ]
    return missing + [one for one in verdict.findings if one.got.partition(" ")[0] not in leg.findings]


def differing(hop: str, expected: bytes, got: bytes, blame: Blamer) -> list[Difference]:
    """Where two documents differ, and which rule made each place."""
    return [
        Difference(
            hop=hop, kind=change.kind, path=change.path, expected=change.expected, got=change.got, blame=blame(change)
        )
        for change in compare(expected, got)
    ]


def arrival_of(delivery: KeptDelivery, world: World) -> Arrival:
    """The message as its receiver proved it."""
    return next(one for one in world.courier.arrivals if one.verified.claims.message_id == delivery.message_id)


def blame_of(delivery: KeptDelivery, world: World) -> Blamer:
    """Who made the values of what a delivery carried."""
    setup = world.setup
    corridor = setup.corridors[delivery.corridor]
    if not corridor.mapping:
        return nobody
    context = context_of(world.ledger.as_delivery(delivery), corridor)
    return blamer(setup.translations[corridor.mapping], delivery.entry.document.payload, context)


def empty_lanes(world: World) -> None:
    """Forward what waits until nothing does. Raises the GatewayError of a delivery that would be tried again."""
    for _ in range(_ROUNDS):
        for lane in world.ledger.waiting():
            for delivery in world.ledger.due(lane):
                forward(delivery, world.setup)


def _accept(leg: Leg, world: World) -> tuple[Verdict, list[Difference]]:
    refused = len(world.ledger.intakes)
    answer = receive(leg.wire, leg.style, world.setup)
    if len(world.ledger.intakes) > refused:
        intake = world.ledger.intakes[-1]
        found = tuple(_member(leg.hops[0], finding) for finding in intake.findings)
        verdict = Verdict(code=intake.code, findings=found, detail=_detail(intake.detail, world))
        return verdict, _proof(leg, answer, world) if intake.code.startswith(_SIGNED) else []
    return Verdict(code=DELIVERED), _proof(leg, answer, world, receipts.read_receipt)


def _member(hop: str, members: Mapping[str, object]) -> Difference:
    """A recorded finding: its rule and value where it was found."""
    got = f"{members.get('rule', '')} {members.get('value', '')}".strip()
    return Difference(hop=hop, kind="finding", path=str(members.get("path", "")), expected="", got=got)


def _detail(said: str, world: World) -> str:
    """What was said; for an internal error, what the log has of it."""
    return said or next((f"{type(cause).__name__}: {cause}" for cause in reversed(world.causes)), "")


def _proof(
    leg: Leg, answer: Sealed, world: World, read: Callable[[Verified, Sealed], object] | None = None
) -> list[Difference]:
    """The sender must be able to prove our answer, too: a receipt about what it sent, or a refusal."""
    if leg.sent is None:
        return []
    gateway = world.trust.gateway_for(leg.style)
    try:
        proven = read_answer(as_answered(answer, world.clock()), leg.sent, gateway, world.clock())
        if read is not None:
            read(proven, leg.sent)
    except GatewayError as error:
        got = f"{error.code} {error.detail}"
        return [Difference(hop=leg.hops[0], kind="receipt", path="", expected="a signed answer", got=got)]
    return []


def _deliver(leg: Leg, world: World) -> tuple[KeptDelivery, Verdict]:
    """Where the message came to, judged by the first of its deliveries that goes to the receiver named."""
    entry = world.ledger.entry_of(leg.claims.sender, leg.claims.message_id)
    kept = next(one for one in world.ledger.deliveries.values() if one.entry.id == entry.id)
    try:
        empty_lanes(world)
    except GatewayError as error:
        return kept, Verdict(code=error.code, detail=error.detail)
    if kept.state is State.DELIVERED:
        return kept, Verdict(code=DELIVERED)
    return kept, Verdict(code=kept.code, findings=_gaps(leg.hops[1], kept, world), detail=kept.detail)


def _gaps(hop: str, kept: KeptDelivery, world: World) -> tuple[Difference, ...]:
    """The ledger keeps no findings of a translation that failed; translating again gives the same ones."""
    try:
        prepare(world.ledger.as_delivery(kept), world.setup)
    except MappingGap as error:
        return tuple(_gap(hop, finding, blame_of_gap(finding)) for finding in error.findings)
    except GatewayError as error:
        blame = blame_of(kept, world)
        return tuple(_gap(hop, finding, blame(_place(finding))) for finding in error.findings)
    return ()


def _gap(hop: str, finding: Finding, blame: Blame | None) -> Difference:
    got = f"{finding.rule} {finding.value or finding.params.get('reason', '')}".strip()
    return Difference(hop=hop, kind="finding", path=finding.path, expected="", got=got, blame=blame)


def _place(finding: Finding) -> Change:
    return Change(kind="text", path=finding.path, expected="", got=finding.value)
