"""The tables as they were first shipped: ours, and those of the queue."""

from __future__ import annotations

from importlib import resources

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
kind = "expand"
serves_from = 1


def upgrade() -> None:
    """Every table stands."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101 - an online revision has one
    connection.execute(resources.files("gateway.shell").joinpath("schema.sql").read_text("utf-8"))
    connection.execute(SchemaManager.get_schema())
