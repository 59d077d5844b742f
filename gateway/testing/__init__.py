"""The gateway without a world: ledger, partners, keys, clock and ids in memory, for tests and for replay."""

from gateway.testing.clock import FrozenClock, counting_ids
from gateway.testing.evidence import Link, first_break
from gateway.testing.kept import KeptDelivery, KeptMessage
from gateway.testing.ledger import MemoryLedger
from gateway.testing.partner import (
    Answer,
    Arrival,
    LoopCourier,
    as_answered,
    as_received,
    receipt,
    refuses,
    rejects,
    send_as,
    times_out,
    unsigned,
)
from gateway.testing.trust import ADDRESSES, REST_URL, SOAP_URL, MemoryKeyring, Trust, make_trust
from gateway.testing.world import Rules, World, make_world

__all__ = [
    "ADDRESSES",
    "REST_URL",
    "SOAP_URL",
    "Answer",
    "Arrival",
    "FrozenClock",
    "KeptDelivery",
    "KeptMessage",
    "Link",
    "LoopCourier",
    "MemoryKeyring",
    "MemoryLedger",
    "Rules",
    "Trust",
    "World",
    "as_answered",
    "as_received",
    "counting_ids",
    "first_break",
    "make_trust",
    "make_world",
    "receipt",
    "refuses",
    "rejects",
    "send_as",
    "times_out",
    "unsigned",
]
