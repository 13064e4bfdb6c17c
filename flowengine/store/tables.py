"""The tables as queries see them; `migrations/` makes them, and a test holds the two together."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

# `number` is the order of first insertion: "newest first" must not depend on how a wall time was written.
calls = Table(
    "calls",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("call_id", Text, nullable=False, unique=True),
    Column("ref", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("flow_version", Text, nullable=False),
    Column("flow_source", Text, nullable=False),
    Column("started", Text, nullable=False),
    Column("outcome", Text),
    Index("calls_by_ref", "ref"),
    Index("calls_by_flow", "flow", "number"),
)

# The primary key is the fence between two writers of one call (`StaleWriter`).
journal = Table(
    "journal",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
)

cards = Table(
    "cards",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("handoff", Text, nullable=False, unique=True),
    Column("call_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("card", Text, nullable=False),  # JSON
    Column("at", Text, nullable=False),
    Index("cards_by_flow", "flow", "number"),
)

work = Table(
    "work",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("work", Text, nullable=False, unique=True),
    Column("call_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("fields", Text, nullable=False),  # JSON
    Column("at", Text, nullable=False),
    Index("work_by_flow", "flow", "number"),
)
