"""The store compared with an export that was kept elsewhere: what nobody who can write the database could reach.

The chains in a database can be computed anew, and the whole of it can be put back to what it was last week. The export
knows better: which lines there were, and their hashes. And the trail of accesses holds the digest of every export, so a
file that was edited shows too, the readable record of a call included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from flowengine.cli.audit_file import BadExport, Checked, items_of
from flowengine.runtime.ports import Verdict
from flowengine.store import SqlStore
from flowengine.store.chain import Head, Line, accesses_of, check, journal_of

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
    items = items_of(text)
    try:
        heads = list(_heads(items))
        return [file, *[await _chain(store, of, name, ends) for of, name, ends in heads]]
    except (LookupError, TypeError, AttributeError) as mistake:
        raise BadExport(f"the file is not as an export is: {type(mistake).__name__}") from None


async def _file(store: SqlStore, digest: str) -> Verdict:
    for flow in await store.flows():
        for looked in (await store.trail(flow)).accesses:
            if looked.access.what == "exported" and looked.access.detail.endswith(f"sha256 {digest}"):
                return Verdict(0)
    return Verdict(0, 1, 0, UNKNOWN_FILE)


async def _chain(store: SqlStore, of: str, name: str, ends: Sequence[Head]) -> Checked:
    if of == "call":
        record = await store.record(name)
        if record is None:
            return Checked(of, name, Verdict(0, 1, 0, GONE))
        return Checked(of, name, check(journal_of(name), record.journal.lines, ends))
    lines: list[Line] = [looked.line for looked in (await store.trail(name)).accesses]
    return Checked(of, name, check(accesses_of(name), lines, ends))


def _heads(items: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, list[Head]]]:
    """Every line of each chain is a place where it is known to have been."""
    for call in (item for item in items if item["type"] == "call"):
        lines = [item for item in items if item["type"] == "line" and item["call_id"] == call["call_id"]]
        yield "call", call["call_id"], [Head(line["sequence"], line["hash"]) for line in lines]
    for flow in dict.fromkeys(item["flow"] for item in items if item["type"] in ("trail", "access")):
        lines = [item for item in items if item["type"] == "access" and item["flow"] == flow]
        yield "accesses", flow, [Head(line["sequence"], line["hash"]) for line in lines]
