"""A sample of what may come: messages get an office, deliveries an index that is built while others write."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
kind = "expand"
serves_from = 1


def upgrade() -> None:
    """A column that old programs leave empty, a table they do not know, and an index without a lock."""
    op.execute("alter table message add column office text not null default ''")
    op.execute("create table office (code text primary key, name text not null)")
    with op.get_context().autocommit_block():
        op.execute("create index concurrently delivery_settled on delivery (settled_at)")
