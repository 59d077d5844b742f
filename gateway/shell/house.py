"""A gateway that stands: what the doors, the worker and the console share."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.registry import Registry
from gateway.setup import Setup
from gateway.shell.config import Settings
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Settings, what the trees hold, the open store, and the setup of the line. Made by `app.build` only."""

    settings: Settings
    registry: Registry
    store: Store
    ledger: PostgresLedger
    setup: Setup
