"""No wrapping of a sealed message is read as something else; what only travels badly is still read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from gateway.model import SOAP11, SOAP12, Wire
from tests.desk import Desk, make_desk, query
from tests.forge import reseal
from tests.oracles import by_xmlsec
from tests.soap import party, wired
from tests.wrapping import IDS, PARTS, PLACES, forged_seals, harmless, wrapped_messages

Maker = Callable[[], tuple[str, Wire]]


def _own(kind: str, soap: str) -> Maker:
    return lambda: (kind, wired(query(party(kind), soap=soap)))


def _with_lists(kind: str) -> Maker:
    """The same message as stacks seal it that list inclusive prefixes everywhere, the default namespace among them."""

    def make() -> tuple[str, Wire]:
        wire = wired(query(party(kind)))
        root = etree.fromstring(wire.body.replace(b"<env:Envelope ", b'<env:Envelope xmlns="urn:default" ', 1))
        lists = {f"#{part}": "#default env" for part in ("id-body", "id-to", "id-ts", "id-bst")}
        reseal(root, who=party(kind), prefixes=lists, info_prefixes="#default env wsse")
        return kind, replace(wire, body=etree.tostring(root))

    return make


SOURCES: dict[str, Maker] = {
    "ecdsa, SOAP 1.2": _own("p256", SOAP12),
    "ecdsa, SOAP 1.1": _own("p256", SOAP11),
    "ecdsa with prefix lists": _with_lists("p256"),
    "rsa, sealed by libxmlsec": lambda: ("rsa2048", by_xmlsec("rsa2048", prefixes="env wsu")),
}
COUNTED: Counter[str] = Counter()


def opened(source: str) -> tuple[Desk, Wire]:
    """A gateway that has taken the original, so that any other reading of it is a conflict or a second message."""
    kind, wire = SOURCES[source]()
    desk = make_desk(kind)
    assert desk.post(wire).status == 200, desk.ledger.intakes
    return desk, wire


def verdict(desk: Desk, wire: Wire, name: str) -> str:
    """`read` when the original was read, else the row of the refusal; anything else fails."""
    answer = desk.post(wire)
    assert len(desk.ledger.messages) == 1, f"{name}: read as another message"
    if answer.status == 200:
        return "read"
    refusal = desk.ledger.intakes[-1]
    assert refusal.code != "message.conflict", f"{name}: read with other content"
    assert refusal.code != "internal", f"{name}: {desk.said[-1]['cause']!r}"
    assert b"Fault" in answer.body
    return refusal.threat


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("source", SOURCES)
def test_no_wrapping_is_read_as_something_else(source: str, part: str) -> None:
    """Every part, at every place, under every id and prefix: refused, or the original is read."""
    desk, wire = opened(source)
    seen: Counter[str] = Counter()
    for name, body in wrapped_messages(wire.body, part):
        said = verdict(desk, replace(wire, body=body), f"{source}, {name}")
        seen[said] += 1
        assert "original wrapped" not in name or said != "read", f"{source}, {name}: accepted"
    COUNTED[f"{source}, {part}"] = sum(seen.values())
    print(f"{source}, {part}: {sum(seen.values())} mutations, {dict(seen)}")
    assert sum(seen.values()) >= len(PLACES) * len(IDS) * 3 * 2 * 0.8
    assert sum(seen.values()) - seen["read"] > 100


@pytest.mark.parametrize("source", SOURCES)
def test_a_second_seal_of_somebody_else_is_refused(source: str) -> None:
    """A partner's own good seal over a forged Body, whatever happens to the first seal."""
    desk, wire = opened(source)
    seen = Counter(verdict(desk, replace(wire, body=body), name) for name, body in forged_seals(wire.body))
    assert not seen["read"]
    assert sum(seen.values()) >= 40


@pytest.mark.parametrize("source", SOURCES)
def test_harmless_changes_are_read(source: str) -> None:
    """Another writer, blanks, foreign headers and comments outside the signed parts."""
    _, wire = opened(source)
    kind = SOURCES[source]()[0]
    for name, body in harmless(wire.body):
        if name in ("canonical, exclusive", "unused prefixes") and "lists" in source:
            continue  # they drop a namespace that these lists have signed
        fresh = make_desk(kind)
        assert fresh.post(replace(wire, body=body)).status == 200, (name, fresh.ledger.intakes)


def test_there_are_thousands_of_mutations() -> None:
    """All of the above together, counted by making them once more for one source."""
    _, wire = SOURCES["ecdsa, SOAP 1.2"]()
    total = sum(1 for part in PARTS for _ in wrapped_messages(wire.body, part)) * len(SOURCES)
    print(f"{total} wrapping mutations over {len(SOURCES)} sources")
    assert total > 10_000
