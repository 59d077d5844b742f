"""The store's tests run against a real server, always."""

from tests.database import dsn, server, store

__all__ = ["dsn", "server", "store"]
