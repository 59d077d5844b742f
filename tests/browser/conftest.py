"""The same house as in the tests of the console, seen through a browser."""

from __future__ import annotations

from tests.database import dsn, server, store
from tests.operators import clock, house, page, rules

__all__ = ["clock", "dsn", "house", "page", "rules", "server", "store"]
