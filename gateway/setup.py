"""What stands ready before the first message: partners, schemas, tables, keys, clock, ids and the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.codes.desks import NO_CODES, CodeDesks
from gateway.mapping import Translation
from gateway.model import Corridor, CorridorId, Partner, PartnerId
from gateway.ports import Clock, Courier, Depot, Ids, Keyring, Ledger
from gateway.schema import Schemas
from gateway.twins import NO_TWINS, Twins

OWN_ID = PartnerId("gateway")


def _quiet(_event: str, **_fields: object) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything the line needs; made once by `app`, or by `testing` with in-memory ports. Never changed after."""

    partners: Mapping[PartnerId, Partner]
    schemas: Schemas
    corridors: Mapping[CorridorId, Corridor]
    translations: Mapping[str, Translation]
    """By the path of the table (`mappings/<agency>/query.csv`)."""
    keyring: Keyring
    ledger: Ledger
    courier: Courier
    clock: Clock
    ids: Ids
    addresses: frozenset[str] = frozenset()
    """What wsa:To may be; for REST the authority of the target."""
    window: timedelta = timedelta(minutes=5)
    skew: timedelta = timedelta(seconds=60)
    codes: CodeDesks = NO_CODES
    """Holds what partners send to the code lists."""
    twins: Twins = NO_TWINS
    """JSON of partners whose record says so."""
    depot: Depot | None = None
    """Where large bodies are; None = there are none."""
    log: Callable[..., None] = field(default=_quiet)
