"""A whole gateway in memory over a given set of rules, with every partner of its corridors at the other end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.codes.desks import NO_CODES
from gateway.mapping import Translation
from gateway.model import Corridor, CorridorId, PartnerId, Profile
from gateway.notice import own_corridor
from gateway.schema import Schemas
from gateway.setup import OWN_ID, Setup
from gateway.testing.clock import FrozenClock, counting_ids
from gateway.testing.ledger import MemoryLedger
from gateway.testing.partner import LoopCourier
from gateway.testing.trust import ADDRESSES, Trust, make_trust
from gateway.twins import NO_TWINS


class Rules(Protocol):
    """What decides over a message: schemas, corridors and tables. `gateway.registry.Registry` is one.

    One that has `codes` and `twins` beside, as a registry has, holds messages to the code lists and reads JSON, too.
    """

    @property
    def schemas(self) -> Schemas: ...
    @property
    def corridors(self) -> Mapping[CorridorId, Corridor]: ...
    @property
    def translations(self) -> Mapping[str, Translation]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A setup and, still in reach, the in-memory things behind its ports."""

    setup: Setup
    trust: Trust
    ledger: MemoryLedger
    courier: LoopCourier
    clock: FrozenClock
    causes: list[BaseException]
    """What the line logged as the cause of a refusal of ours."""


def make_world(
    rules: Rules,
    at: datetime,
    *,
    seed: str = "",
    first_ids: Iterable[UUID] = (),
    profiles: Mapping[PartnerId, Profile] | None = None,
    json: Collection[PartnerId] = (),
) -> World:
    """A gateway at `at` whose ids count from `seed`. Every party of a corridor is a partner that can be pushed to.

    `profiles` says who speaks rest-gw-1; all others speak soap-gw-1. `json` are partners with `format = "json"`.
    """
    told = profiles or {}
    parties = {side for corridor in rules.corridors.values() for side in (corridor.sender, corridor.receiver)}
    names = sorted((parties | set(told)) - {OWN_ID})
    trust = make_trust({name: told.get(name, "soap-gw-1") for name in names})
    clock, ids = FrozenClock(at), counting_ids(seed, first_ids)
    corridors = {own.id: own for own in map(own_corridor, names)} | dict(rules.corridors)
    ledger = MemoryLedger(corridors.values(), clock=clock, ids=ids)
    courier = LoopCourier(trust, clock=clock, ids=counting_ids(f"partners of {seed}"))
    causes: list[BaseException] = []
    setup = Setup(
        partners={
            name: replace(partner, format="json") if name in json else partner
            for name, partner in trust.partners.items()
        },
        schemas=rules.schemas,
        corridors=corridors,
        translations=rules.translations,
        codes=getattr(rules, "codes", NO_CODES),
        twins=getattr(rules, "twins", NO_TWINS),
        keyring=trust.keyring,
        ledger=ledger,
        courier=courier,
        clock=clock,
        ids=ids,
        addresses=ADDRESSES,
        log=lambda _event, **said: causes.extend(one for one in said.values() if isinstance(one, BaseException)),
    )
    return World(setup=setup, trust=trust, ledger=ledger, courier=courier, clock=clock, causes=causes)
