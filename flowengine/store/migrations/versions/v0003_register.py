"""The register: the trail of each flow knows which of its calls have ended; and its end is sealed where there is a key.

Calls that have ended already are entered as they are found: from this day on one that is deleted or written anew shows.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from flowengine.store.chain import Head, accesses_of, beginning, extend

revision = "0003"
down_revision: str | None = "0002"

BATCH = 500  # lines written at a time


def upgrade() -> None:
    op.add_column("trails", sa.Column("seal", sa.Text, nullable=False, server_default=sa.text("''")))
    connection = op.get_bind()
    for flow in connection.execute(sa.text("SELECT DISTINCT flow FROM calls WHERE lines IS NOT NULL")).scalars().all():
        _enter(connection, flow)


def _enter(connection: sa.Connection, flow: str) -> None:
    """The ended calls of a flow, behind what its trail has already; those of an earlier upgrade are there."""
    calls = connection.execute(_ENDED, {"flow": flow}).all()
    if not calls:
        return
    trail = connection.execute(sa.text("SELECT lines, head FROM trails WHERE flow = :flow"), {"flow": flow}).first()
    head = Head(trail.lines, trail.head) if trail else beginning(accesses_of(flow))
    accesses = [access for call in calls for access in _accesses(flow, call)]
    told = [(access["what"], json.dumps(access, ensure_ascii=False, separators=(",", ":"))) for access in accesses]
    rows = [
        {**access, "sequence": line.sequence, "salt": line.salt, "digest": line.digest, "hash": line.hash}
        for access, line in zip(accesses, extend(head, told), strict=True)
    ]
    for start in range(0, len(rows), BATCH):
        connection.execute(_LINE, rows[start : start + BATCH])
    end = {"flow": flow, "lines": rows[-1]["sequence"], "head": rows[-1]["hash"]}
    connection.execute(_MOVED if trail else _BEGUN, end)


def _accesses(flow: str, call: Any) -> list[dict[str, Any]]:
    told = [("call ended", f"{call.lines} {call.head} {call.outcome}")]
    if call.blanked_digest:
        told.append(("call emptied", call.blanked_digest))
    return [
        {"flow": flow, "at": call.started, "who": "engine", "what": what, "call_id": call.call_id, "handoff": "",
         "detail": detail}
        for what, detail in told
    ]  # fmt: skip


_ENDED = sa.text(
    "SELECT call_id, started, outcome, lines, head, blanked_digest FROM calls WHERE flow = :flow AND lines IS NOT NULL "
    "AND call_id NOT IN (SELECT call_id FROM accesses WHERE what = 'call ended') ORDER BY number"
)
_LINE = sa.text(
    "INSERT INTO accesses (flow, sequence, at, who, what, call_id, handoff, detail, salt, digest, hash) "
    "VALUES (:flow, :sequence, :at, :who, :what, :call_id, :handoff, :detail, :salt, :digest, :hash)"
)
_BEGUN = sa.text("INSERT INTO trails (flow, lines, head) VALUES (:flow, :lines, :head)")
_MOVED = sa.text("UPDATE trails SET lines = :lines, head = :head WHERE flow = :flow")


def downgrade() -> None:
    with op.batch_alter_table("trails") as trails:
        trails.drop_column("seal")
