"""The law of order: what may overtake what on the way to one partner.

1. Deliveries of one lane with the same order key leave in the order in which they were accepted. Always.
2. Otherwise class A goes before B and B before C, and within a class the older one goes first.
3. What an urgent message must wait for by 1 goes with the urgency of that message.

`in_order` says it for a whole list. `gateway/shell/picking.py` says it in SQL for the first few of many; a property
test holds the two together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from gateway.model import Corridor, Entry, Priority

RANKS: Final[dict[Priority, int]] = {"A": 0, "B": 1, "C": 2}
"""A: life, safety, perishable goods, revocations; B: everything else; C: lists, reports, bulk."""
CONVERSATION: Final = "conversation"
_KEY_OCTETS: Final = 8

Item = TypeVar("Item")


def order_key(entry: Entry, corridor: Corridor | None) -> int:
    """What binds messages to one another, as a signed 64-bit number.

    `corridor.order` names it: `conversation`, or the scheme of a business key. Messages without that key are bound to
    one another, so an order that no document has a key for (`aeo-master`) binds everything that names it.
    """
    order = corridor.order if corridor else CONVERSATION
    if order == CONVERSATION:
        value = entry.claims.conversation_id or entry.claims.message_id
    else:
        value = next((value for scheme, value in entry.document.keys if scheme == order), "")
    digest = hashlib.sha256(f"{order}\n{value}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:_KEY_OCTETS], "big", signed=True)


def strand(key: int, concurrency: int) -> int:
    """Which of the strands of a lane serves an order key: always the same one, so that no two serve it at once."""
    return key % concurrency


def in_order(accepted: Iterable[Item], *, rank: Callable[[Item], int], key: Callable[[Item], int]) -> list[Item]:
    """What waits in one lane, oldest first, in the order in which the law lets it leave."""
    waiting = list(accepted)
    bound: dict[int, list[int]] = {}
    for place, item in enumerate(waiting):
        bound.setdefault(key(item), []).append(place)
    gone: set[int] = set()
    order: list[int] = []
    for place in sorted(range(len(waiting)), key=lambda place: (rank(waiting[place]), place)):
        free = [one for one in bound[key(waiting[place])] if one <= place and one not in gone]
        order += free
        gone.update(free)
    return [waiting[place] for place in order]
