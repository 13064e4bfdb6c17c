"""Chains over journals and accesses, sealed texts, and what the desk keeps: wrap-ups, notes, sign-ins, parcels.

Journals that are there already are chained as they are found: from this day on an alteration shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from flowengine.store.chain import Head, Line, beginning, extend, journal_of

revision = "0002"
down_revision: str | None = "0001"

BATCH = 500  # lines written at a time


def upgrade() -> None:
    _calls()
    _journals()
    _work_and_cards()
    _desk()
    _parcels()


def _calls() -> None:
    for column in (
        sa.Column("caller", sa.Text),
        sa.Column("lines", sa.Integer),
        sa.Column("head", sa.Text),
        sa.Column("blanked", sa.Text),
        sa.Column("blanked_lines", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("blanked_digest", sa.Text),
    ):
        op.add_column("calls", column)
    op.create_index("calls_by_caller", "calls", ["flow", "caller"])
    op.create_index("calls_by_start", "calls", ["flow", "started"])


# ---- journals: columns, the chain of what is there, and where it ends ------------------------------------------------


def _journals() -> None:
    op.add_column("journal", sa.Column("salt", sa.Text))
    op.add_column("journal", sa.Column("digest", sa.Text))
    op.add_column("journal", sa.Column("hash", sa.Text))
    op.add_column("journal", sa.Column("blank", sa.Boolean, nullable=False, server_default=sa.false()))
    _chain(op.get_bind())
    with op.batch_alter_table("journal") as journal:
        journal.alter_column("digest", existing_type=sa.Text, nullable=False)
        journal.alter_column("hash", existing_type=sa.Text, nullable=False)


def _chain(connection: sa.Connection) -> None:
    names = connection.execute(sa.text("SELECT DISTINCT call_id FROM journal")).scalars().all()
    for call_id in names:
        end = beginning(journal_of(call_id))
        for batch in _batches(list(_chained(connection, call_id))):
            connection.execute(_CHAINED, [_values(call_id, line) for line in batch])
            end = Head(batch[-1].sequence, batch[-1].hash)
        connection.execute(_ENDED, {"call_id": call_id, "lines": end.sequence, "head": end.hash})
    connection.execute(sa.text("UPDATE calls SET lines = 0, head = '' WHERE outcome IS NOT NULL AND lines IS NULL"))


def _chained(connection: sa.Connection, call_id: str) -> Iterator[Line]:
    """One line after the other by its own number: a hole stays a hole."""
    query = sa.text("SELECT sequence, kind, body FROM journal WHERE call_id = :call_id ORDER BY sequence")
    before = beginning(journal_of(call_id))
    for row in connection.execute(query, {"call_id": call_id}):
        (line,) = extend(Head(row.sequence - 1, before.hash), [(row.kind, row.body)])
        before = Head(line.sequence, line.hash)
        yield line


def _batches(lines: list[Line]) -> Iterator[list[Line]]:
    for start in range(0, len(lines), BATCH):
        yield lines[start : start + BATCH]


def _values(call_id: str, line: Line) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "sequence": line.sequence,
        "salt": line.salt,
        "digest": line.digest,
        "hash": line.hash,
    }


_CHAINED = sa.text(
    "UPDATE journal SET salt = :salt, digest = :digest, hash = :hash WHERE call_id = :call_id AND sequence = :sequence"
)
_ENDED = sa.text("UPDATE calls SET lines = :lines, head = :head WHERE call_id = :call_id AND outcome IS NOT NULL")


# ---- the rest --------------------------------------------------------------------------------------------------------


def _work_and_cards() -> None:
    for name in ("done_at", "done_by"):
        op.add_column("work", sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''")))
    op.create_index("work_by_call", "work", ["call_id"])
    op.create_index("cards_by_call", "cards", ["call_id"])


def _desk() -> None:
    op.create_table(
        "wrap_ups",
        sa.Column("handoff", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("resolved", sa.Boolean),
        sa.Column("needed_person", sa.Boolean),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_index("wrap_ups_by_call", "wrap_ups", ["call_id"])
    op.create_table(
        "notes",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("handoff", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_index("notes_by_handoff", "notes", ["handoff", "number"])
    op.create_index("notes_by_call", "notes", ["call_id"])
    op.create_table(
        "accesses",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("handoff", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("salt", sa.Text),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.UniqueConstraint("flow", "sequence", name="accesses_in_order"),
    )
    op.create_index("accesses_by_call", "accesses", ["call_id"])
    op.create_table(
        "trails",
        sa.Column("flow", sa.Text, primary_key=True),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("head", sa.Text, nullable=False),
    )
    op.create_table(
        "revoked",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("until", sa.Text, nullable=False),
    )
    op.create_table(
        "desk_keys",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("departments", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("made", sa.Text, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
    )
    op.create_index("desk_keys_by_flow", "desk_keys", ["flow", "number"])


def _parcels() -> None:
    op.create_table(
        "parcels",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("handoff", sa.Text, nullable=False),
        sa.Column("made", sa.Text, nullable=False),
        sa.Column("due", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("parcels_by_flow", "parcels", ["flow", "number"])
    op.create_index("parcels_by_state", "parcels", ["state", "due"])
    op.create_index("parcels_in_order", "parcels", ["call_id", "address", "state", "number"])


def downgrade() -> None:
    for table in ("parcels", "desk_keys", "revoked", "trails", "accesses", "notes", "wrap_ups"):
        op.drop_table(table)
    for index, table in (("work_by_call", "work"), ("cards_by_call", "cards")):
        op.drop_index(index, table)
    with op.batch_alter_table("work") as work:
        work.drop_column("done_at")
        work.drop_column("done_by")
    with op.batch_alter_table("journal") as journal:
        for column in ("salt", "digest", "hash", "blank"):
            journal.drop_column(column)
    op.drop_index("calls_by_caller", "calls")
    op.drop_index("calls_by_start", "calls")
    with op.batch_alter_table("calls") as calls:
        for column in ("caller", "lines", "head", "blanked", "blanked_lines", "blanked_digest"):
            calls.drop_column(column)
