"""Where an accepted message goes on: its lane, its place in the order, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from psycopg.types.numeric import Int8

from gateway.errors import InternalError
from gateway.model import Corridor, CorridorId, Entry, PartnerId
from gateway.order import order_key, strand
from gateway.shell.own_ids import out_id
from gateway.terms import RETRIES, USUAL, Terms

COLUMNS: Final = ("corridor", "lane", "strand", "order_key", "partner", "out_id", "deadline", "legal_due", "answer_due")
"""What `Way.row` knows of a delivery. `partner`: the one that receives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a ledger must know to make a delivery."""

    corridor: CorridorId
    receiver: PartnerId
    lane: str
    strand: int
    order_key: int
    deadline: timedelta
    legal: timedelta | None
    answer_within: timedelta | None

    def row(self, entry: Entry) -> dict[str, object]:
        """What a row of `delivery` says of this way, by COLUMNS."""
        start = entry.received_at
        return {
            "corridor": self.corridor,
            "lane": self.lane,
            "strand": self.strand,
            "order_key": Int8(self.order_key),
            "partner": self.receiver,
            "out_id": out_id(entry.id, self.corridor),
            "deadline": start + self.deadline,
            "legal_due": start + self.legal if self.legal else None,
            "answer_due": start + self.answer_within if self.answer_within else None,
        }


class Ways:
    """The corridors, and the terms of those they lead to."""

    def __init__(
        self,
        corridors: Iterable[Corridor],
        *,
        channels: Mapping[CorridorId, str] | None = None,
        terms: Mapping[PartnerId, Terms] | None = None,
        retries: tuple[timedelta, ...] = RETRIES,
    ) -> None:
        self._corridors = {corridor.id: corridor for corridor in corridors}
        self._channels = channels or {}
        self._terms = terms or {}
        self._usual = replace(USUAL, retries=retries)

    def terms_of(self, lane: str) -> Terms:
        """What was agreed with the partner of a lane."""
        return self._terms.get(PartnerId(lane.partition("/")[0]), self._usual)

    def way(self, entry: Entry, corridor: CorridorId) -> Way:
        """The way of a message over one of its corridors. Raises InternalError for one that leads nowhere."""
        known, channel = self._corridors.get(corridor), self._channels.get(corridor)
        receiver = known.receiver if known else entry.claims.receiver
        if receiver is None:
            raise InternalError(f"corridor {corridor} has no receiver")
        key = order_key(entry, known)
        return Way(
            corridor=corridor,
            receiver=receiver,
            lane=f"{receiver}/{channel}" if channel else receiver,
            strand=strand(key, self.terms_of(receiver).concurrency),
            order_key=key,
            deadline=self.give_up(corridor, receiver),
            legal=known.legal if known else None,
            answer_within=known.silence.after if known and known.silence else None,
        )

    def give_up(self, corridor: CorridorId, receiver: str = "") -> timedelta:
        """How long delivery is tried: as the corridor says, else as was agreed with the receiver."""
        known = self._corridors.get(corridor)
        own = known.deadline if known else None
        return own or self.terms_of(known.receiver if known else receiver).give_up
