"""The first tables: calls, their journals, cards and work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False, unique=True),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("flow_version", sa.Text, nullable=False),
        sa.Column("flow_source", sa.Text, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("calls_by_ref", "calls", ["ref"])
    op.create_index("calls_by_flow", "calls", ["flow", "number"])
    op.create_table(
        "journal",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "cards",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("handoff", sa.Text, nullable=False, unique=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_index("cards_by_flow", "cards", ["flow", "number"])
    op.create_table(
        "work",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("work", sa.Text, nullable=False, unique=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_index("work_by_flow", "work", ["flow", "number"])


def downgrade() -> None:
    for table in ("work", "cards", "journal", "calls"):
        op.drop_table(table)
