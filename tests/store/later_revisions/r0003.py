"""A sample of what may come: a column goes that only old programs write."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
kind = "contract"
serves_from = 2


def upgrade() -> None:
    """Revision 1 cannot go on."""
    op.execute("drop view delivery_way")
    op.execute("alter table message drop column priority")
