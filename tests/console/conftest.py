"""The console's tests run against a real database and the shipped adapters, always."""

from __future__ import annotations

from tests.database import dsn, server, store
from tests.operators import clock, house, page, rules

__all__ = ["clock", "dsn", "house", "page", "rules", "server", "store"]
