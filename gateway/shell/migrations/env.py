"""What Alembic runs: the revisions on the connection it was given, each in a transaction of its own."""

from __future__ import annotations

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"], transaction_per_migration=True, on_version_apply=given["on_version_apply"]
)
with context.begin_transaction():
    context.run_migrations()
