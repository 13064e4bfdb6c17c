"""Each card's department beside it: a list of one department's is read without opening all the others.

What older cards say of it is sealed; a list looks into those that nobody noted it of.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.add_column("cards", sa.Column("department", sa.Text))


def downgrade() -> None:
    with op.batch_alter_table("cards") as cards:
        cards.drop_column("department")
