"""What the tests of the store do again and again."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from uuid import UUID

from gateway.lifecycle import State
from gateway.model import CorridorId, Delivery, Entry, Sealed
from gateway.shell.ledger import PostgresLedger
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store
from tests.builders import AEO, CUSTOMS, a_receipt, a_sealed, a_verified, an_entry, some_claims

ASK, TELL, LIST = CorridorId("permit-query"), CorridorId("permit-status"), CorridorId("aeo-list")


def count(store: Store, table: str) -> int:
    """Rows of a table."""
    return int(store.fetch(f"select count(*) as n from {table}")[0]["n"])  # noqa: S608 - a name of these files


def chain_heads(store: Store) -> list[tuple[int, int, str]]:
    """(chain, links, head in hex) of every chain."""
    rows = store.fetch("select id, seq, encode(head, 'hex') as head from chain order by id")
    return [(row["id"], row["seq"], row["head"]) for row in rows]


def events(store: Store) -> list[str]:
    """Events of the evidence, oldest first within their chain."""
    return [row["event"] for row in store.fetch("select event from evidence order by chain, seq")]


def states(store: Store) -> list[str]:
    """States of all deliveries in order."""
    return [row["state"] for row in store.fetch("select state from delivery order by seq")]


def enter(ledger: PostgresLedger, entry: Entry, answer: Sealed | None = None) -> Sealed:
    """Accept an entry whose payload is what its sender signed."""
    verified = a_verified(entry.claims, entry.document.payload)
    return ledger.enter(entry, verified, answer or a_sealed(), {"verify": 1.5})


def ask(ledger: PostgresLedger, number: int, *, corridor: CorridorId = ASK) -> Entry:
    """The number-th question from customs (or list from the registry) is accepted."""
    sender = AEO if corridor == LIST else CUSTOMS
    claims = some_claims(f"urn:uuid:{corridor}-{number}", sender=sender, conversation_id=f"talk-{number}")
    entry = an_entry(UUID(int=number + (10**6 if corridor == LIST else 0)), claims, corridors=(corridor,))
    enter(ledger, entry)
    return entry


def waiting(store: Store, entry: UUID, corridor: CorridorId = ASK) -> Delivery:
    """A delivery as a worker would get it."""
    query = "select * from delivery_way where entry = %s and corridor = %s"
    return delivery_of(store.fetch(query, [entry, corridor])[0])


class Partners:
    """The receivers: they note what they got; `troubles` says what happens instead."""

    def __init__(self, ledger: PostgresLedger) -> None:
        self.got: list[tuple[str, str]] = []
        self.troubles: dict[str, Callable[[Delivery], object]] = {}
        self._ledger = ledger
        self._lock = Lock()

    def forward(self, delivery: Delivery) -> None:
        """Keep, send, settle: what the line does."""
        sealed = self._ledger.keep(delivery, a_sealed(f"{delivery.message_id} {delivery.attempt}".encode()))
        with self._lock:
            self.got.append((delivery.lane, sealed.body.decode()))
        if delivery.lane in self.troubles:
            self.troubles[delivery.lane](delivery)
        self._ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id))
