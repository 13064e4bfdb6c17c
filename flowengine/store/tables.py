"""The tables as queries see them; `migrations/` makes them, and a test holds the two together."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, false, text

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
    Column("caller", Text),  # `Vault.mark` of the number, "" when withheld or emptied; NULL in rows older than 0002
    Column("lines", Integer),  # where the journal of an ended call ends …
    Column("head", Text),  # … and the hash of its last line: a cut tail shows
    Column("blanked", Text),  # the tombstone: when what was said was emptied …
    Column("blanked_lines", Integer, nullable=False, server_default=text("0")),  # … how many lines there were then …
    Column("blanked_digest", Text),  # … and the digest of what was left of them
    Index("calls_by_ref", "ref"),
    Index("calls_by_flow", "flow", "number"),
    Index("calls_by_caller", "flow", "caller"),
    Index("calls_by_start", "flow", "started"),
)

# The primary key is the fence between two writers of one call (`StaleWriter`).
journal = Table(
    "journal",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),  # sealed, with its salt in front, when there is a key
    Column("salt", Text),  # NULL in a sealed line and in an emptied one
    Column("digest", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("blank", Boolean, nullable=False, server_default=false()),  # emptied by retention: `body` is what stays
)

cards = Table(
    "cards",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("handoff", Text, nullable=False, unique=True),
    Column("call_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("card", Text, nullable=False),  # JSON, sealed
    Column("at", Text, nullable=False),
    Column("department", Text),  # its key, for lists; NULL where nobody noted it
    Index("cards_by_flow", "flow", "number"),
    Index("cards_by_call", "call_id"),
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
    Column("fields", Text, nullable=False),  # JSON, sealed
    Column("at", Text, nullable=False),
    Column("done_at", Text, nullable=False, server_default=text("''")),
    Column("done_by", Text, nullable=False, server_default=text("''")),
    Index("work_by_flow", "flow", "number"),
    Index("work_by_call", "call_id"),
)

wrap_ups = Table(
    "wrap_ups",
    metadata,
    Column("handoff", Text, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("resolved", Boolean),
    Column("needed_person", Boolean),
    Column("by", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("wrap_ups_by_call", "call_id"),
)

notes = Table(
    "notes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("handoff", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("text", Text, nullable=False),  # sealed
    Column("by", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("notes_by_handoff", "handoff", "number"),
    Index("notes_by_call", "call_id"),
)

accesses = Table(
    "accesses",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("handoff", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("salt", Text),  # NULL in a line that was emptied
    Column("digest", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("flow", "sequence", name="accesses_in_order"),
    Index("accesses_by_call", "call_id"),
)

# Where each flow's trail of accesses ends: a cut tail shows. Sealed where there is a key: so does a trail written anew.
trails = Table(
    "trails",
    metadata,
    Column("flow", Text, primary_key=True),
    Column("lines", Integer, nullable=False),
    Column("head", Text, nullable=False),
    Column("seal", Text, nullable=False, server_default=text("''")),
)

revoked = Table(
    "revoked",
    metadata,
    Column("name", Text, primary_key=True),
    Column("until", Text, nullable=False),
)

desk_keys = Table(
    "desk_keys",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("flow", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("departments", Text, nullable=False),  # JSON
    Column("secret", Text, nullable=False),
    Column("made", Text, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Index("desk_keys_by_flow", "flow", "number"),
)

parcels = Table(
    "parcels",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("call_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("data", Text, nullable=False),  # JSON, sealed
    Column("handoff", Text, nullable=False),
    Column("made", Text, nullable=False),
    Column("due", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text, nullable=False),
    Index("parcels_by_flow", "flow", "number"),
    Index("parcels_by_state", "state", "due"),
    Index("parcels_in_order", "call_id", "address", "state", "number"),
)
