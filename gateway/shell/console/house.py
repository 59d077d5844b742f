"""What the console needs of a gateway that stands."""

from __future__ import annotations

from typing import Protocol

from gateway.setup import Setup
from gateway.shell.config import Settings
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store


class House(Protocol):
    """Settings, store, ledger and setup of one gateway."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...
    @property
    def ledger(self) -> PostgresLedger: ...
    @property
    def setup(self) -> Setup: ...
