"""A gateway that stands: what the doors, the worker and the console share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gateway.registry import Registry
from gateway.setup import Setup
from gateway.shell.config import Settings
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from gateway.shell.watch.clock import ClockGuard
from gateway.shell.watch.ready import Readiness


@dataclass(frozen=True, kw_only=True)
class House:
    """Settings, what the trees hold, the open store, and the setup of the line. Made by `app.build` only."""

    settings: Settings
    registry: Registry
    store: Store
    ledger: PostgresLedger
    setup: Setup
    clock_guard: ClockGuard

    @cached_property
    def readiness(self) -> Readiness:
        """Whether messages can be taken now; one look a second serves all who ask."""
        return Readiness(self)
