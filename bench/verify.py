"""Verifying and signing: ours beside the bare C calls and beside other libraries, the same message for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lxml import etree

from bench.documents import ROOT, SIZES
from bench.house import ALGORITHMS, CUSTOMS, House
from bench.measure import Call, Effort, Timed, compare, ratio
from bench.report import Cell, Table
from bench.sealers import PEERS, Floor, Sealer
from gateway.model import Claims, MessageId
from gateway.seal.soap_sign import seal_soap
from gateway.xml import canonical
from tests.pki import NOW

FLOOR, OURS = "floor: parse + C14N + digests + signature", "ours: open + verify, all checks"
_SIGN_FLOOR = "floor: digests + signature"
_VALIDATED, _XSD_FLOOR = "ours: open + verify + validate", "floor + libxml2 XSD on the parsed tree"
COLUMNS = ("candidate", "message", "key", "CPU µs", "× floor", "middle half")
METHOD = (
    "CPU time of the process, candidates in turns, median of the per-round ratios. The message is a soap-gw-1 envelope "
    "with nine signed parts (six addressing and routing headers, token, timestamp, Body). The floor makes the same C "
    "calls without any check; ours includes the registry, the cached certificate path and the claims."
)


def input_schema() -> etree.XMLSchema:
    """The declaration's schema as libxml2 takes it from its file."""
    return etree.XMLSchema(etree.parse(str(ROOT / "xsd/wco/declaration.xsd")))


def tables(effort: Effort, sizes: list[str]) -> Iterator[Table]:
    """One table of verifying and one of signing."""
    verified: list[tuple[Cell, ...]] = []
    signed: list[tuple[Cell, ...]] = []
    for size in sizes:
        for key, algorithm in ALGORITHMS.items():
            if key != "RSA-2048" and size == "1 MB":
                continue
            house = House(SIZES[size], algorithm)
            verified += rows(compare(_verifying(house, peers=True), effort), size, key, _base)
            signed += rows(compare(_signing(house), effort), size, key, lambda _name: _SIGN_FLOOR)
    yield Table(
        name="verify", title="Verify", method=METHOD, columns=COLUMNS, rows=tuple(verified),
        notes=(f"The floor of validating is “{_XSD_FLOOR}”.", "zeep, python-xmlsec and signxml check no claims, no "
               "time and no path; they verify the nine references against one given certificate."),
    )  # fmt: skip
    yield Table(
        name="sign", title="Sign", method="As above. Ours writes text from canonical octets; peers fill a tree and "
        "serialise it. zeep signs two parts, all others nine.", columns=COLUMNS, rows=tuple(signed),
    )  # fmt: skip


def rows(timed: dict[str, Timed], size: str, key: str, base: Callable[[str], str]) -> Iterator[tuple[Cell, ...]]:
    """Table rows with the ratio of each candidate to its base."""
    for name, found in timed.items():
        share = ratio(found, timed[base(name)])
        yield name, size, key, found.seconds * 1e6, share.median, f"{share.low:.2f}-{share.high:.2f}"


def _base(name: str) -> str:
    return _XSD_FLOOR if name in (_VALIDATED, _XSD_FLOOR) else FLOOR


def _verifying(house: House, *, peers: bool) -> dict[str, Call]:
    floor, octets, xsd = Floor(house.customs_keys()), house.wire.body, input_schema()
    others: dict[str, Sealer] = {name: peer(house.customs_keys()) for name, peer in PEERS.items()} if peers else {}
    return {
        FLOOR: lambda: floor.verify(octets),
        OURS: house.verify,
        _XSD_FLOOR: lambda: xsd.assertValid(floor.verify(octets)[1][0]),
        _VALIDATED: house.validate,
        **{name: _verifier(other, octets) for name, other in others.items()},
    }


def _verifier(sealer: Sealer, octets: bytes) -> Call:
    return lambda: sealer.verify(octets)


def _signing(house: House) -> dict[str, Call]:
    claims = Claims(
        message_id=MessageId("urn:uuid:1"), action="urn:swgw:action:DEC_LODGED", to="https://partner.test/soap",
        sender=CUSTOMS, receiver=CUSTOMS, conversation_id="bench",
    )  # fmt: skip
    key, tree = house.own_key(), etree.fromstring(house.payload)
    octets = canonical(tree)
    others: dict[str, Sealer] = {name: peer(house.customs_keys()) for name, peer in PEERS.items()}
    floor = Floor(house.customs_keys())
    return {
        _SIGN_FLOOR: lambda: floor.sign_octets(octets),
        "ours: seal": lambda: seal_soap(octets, claims, key, NOW),
        **{name: _signer(other, tree) for name, other in others.items()},
    }


def _signer(sealer: Sealer, tree: etree._Element) -> Call:
    return lambda: sealer.sign(tree)
