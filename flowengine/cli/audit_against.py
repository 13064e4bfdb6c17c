"""The store compared with an export that was kept elsewhere: what nobody who can write the database could reach.

The chains in a database can be computed anew, and the whole of it can be put back to what it was last week. The export
knows better: which lines there were, and their hashes. And the trail of accesses holds the digest of every export, so a
file that was edited shows too, the readable record of a call included.
"""

from __future__ import annotations

import hashlib

from flowengine.cli.audit_file import Chain, Checked, chains_of
from flowengine.runtime.rows import Verdict
from flowengine.store import SqlStore
from flowengine.store.chain import Head, accesses_of, check, journal_of

UNKNOWN_FILE = (
    "no export of this digest was made from this database: the file was altered, or the database is an older copy"
)
GONE = "it is in the export and not in the database any more: forgotten in its time by retention, or deleted"


def digest_of(export: bytes) -> str:
    """Of an export, as the trail of accesses notes it."""
    return hashlib.sha256(export).hexdigest()


async def compare(store: SqlStore, text: str) -> list[Checked]:
    """Each chain of the export against the store's, and the file itself. Raises `BadExport` for JSON lines that are no
    export; the record of a call is a page, of which only the digest can be compared."""
    file = Checked("file", "", await _file(store, digest_of(text.encode("utf-8", "surrogateescape"))))
    if text.lstrip().startswith("<"):
        return [file]
    return [file, *[await _chain(store, chain) for chain in chains_of(text)]]


async def _file(store: SqlStore, digest: str) -> Verdict:
    for flow in await store.flows():
        for looked in (await store.trail(flow)).accesses:
            if looked.access.what == "exported" and looked.access.detail.endswith(f"sha256 {digest}"):
                return Verdict(0)
    return Verdict(0, 1, 0, UNKNOWN_FILE)


async def _chain(store: SqlStore, kept: Chain) -> Checked:
    """Every line of the chain in the export is a place where the chain is known to have been."""
    known = [Head(line.sequence, line.hash) for line in kept.lines]
    if kept.of == "call":
        record = await store.record(kept.name)
        if record is None:
            return Checked(kept.of, kept.name, Verdict(0, 1, 0, GONE))
        return Checked(kept.of, kept.name, check(journal_of(kept.name), record.journal.lines, known))
    lines = [looked.line for looked in (await store.trail(kept.name)).accesses]
    return Checked(kept.of, kept.name, check(accesses_of(kept.name), lines, known))
