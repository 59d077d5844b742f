"""The whole line: ours against the sum of the C calls it cannot do without, and against peers put together the same."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bench.documents import SIZES
from bench.house import ALGORITHMS, House
from bench.measure import Call, Effort, compare
from bench.report import Cell, Table
from bench.sealers import PEERS, Floor, Sealer
from bench.verify import COLUMNS, input_schema, rows
from bench.wide_table import by_stylesheet, same, target_files

ACCEPT_FLOOR, FLOOR = "floor of accepting: verify + XSD + receipt", "floor of the line: the C calls alone"
_ACCEPT = "ours: accept"
OURS = "ours: accept + forward"
METHOD = (
    "One message: accept (open, verify, validate, route, receipt signed, ledger in memory), "
    "then forward (translate by a table of 150 rules, check by the target's XSD, seal, deliver, read the partner's "
    "signed receipt, settle). The floor is verify + XSD + XSLT of the same rules + XSD + C14N + digests + two "
    "signatures + verify of the receipt, with no checks and nothing kept. The "
    "evidence chain is left out of both sides: its hashes belong to the ledger in the database. A peer is the floor "
    "with its own verify and sign."
)


def tables(effort: Effort, sizes: list[str]) -> Iterator[Table]:
    """One table."""
    found: list[tuple[Cell, ...]] = []
    for size in sizes:
        for key, algorithm in ALGORITHMS.items():
            if key != "RSA-2048" and size == "1 MB":
                continue
            house = House(SIZES[size], algorithm)
            same(house.payload)
            found += rows(compare(_candidates(house), effort), size, key, _base)
    yield Table(
        name="line", title="The whole line", method=METHOD, columns=COLUMNS, rows=tuple(found),
        notes=(f"“{_ACCEPT}” is compared with “{ACCEPT_FLOOR}”, the rest with “{FLOOR}”.",),
    )  # fmt: skip


def _base(name: str) -> str:
    return ACCEPT_FLOOR if name in (_ACCEPT, ACCEPT_FLOOR) else FLOOR


def _candidates(house: House) -> dict[str, Call]:
    line = CLine(house)
    peers = {
        f"{name} + lxml": line.way(peer(house.customs_keys()), peer(house.health_keys()))
        for name, peer in PEERS.items()
    }
    customs, health = Floor(house.customs_keys()), Floor(house.health_keys())
    return {
        ACCEPT_FLOOR: lambda: line.accept(customs),
        _ACCEPT: house.accept,
        FLOOR: line.way(customs, health),
        OURS: house.line,
        **peers,
    }


class CLine:
    """The same work as the line, put together from lxml and somebody's verify and sign."""

    def __init__(self, house: House) -> None:
        answer = house.courier.answer
        assert answer is not None
        self._message, self._answer, self._receipt = house.wire.body, answer.body, house.receipt()
        self._takes = input_schema()
        (xsd,) = target_files().values()
        self._gives = etree.XMLSchema(etree.fromstring(xsd))

    def accept(self, sealer: Sealer) -> etree._Element:
        """Verify, validate, sign the receipt; gives the payload."""
        payload = sealer.verify(self._message)[1][0]
        self._takes.assertValid(payload)
        sealer.sign(self._receipt)
        return payload

    def way(self, towards: Sealer, back: Sealer) -> Call:
        """The line with one party's keys towards us and the other's on the way on."""

        def run() -> None:
            translated = by_stylesheet(self.accept(towards)).getroot()
            self._gives.assertValid(translated)
            towards.sign(translated)
            back.verify(self._answer)

        return run
