"""An export as JSON lines: what is kept of calls, with the hashes by which anybody can check it without our database.

The first line says what the file is, the last how many lines there are and their digest: a file cut short shows. Each
call's lines chain as they do in the store. A call's accesses are a part of its flow's trail, so each of them has the
hash before it and can be checked alone; an export of a whole flow has the whole trail.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from flowengine.runtime.ports import Verdict
from flowengine.store.accesses import Looked
from flowengine.store.chain import Head, Line, Stone, accesses_of, check, check_journal, misfit
from flowengine.store.records import Record, Trail

VERSION = 1


class BadExport(Exception):
    """A file is no export of ours."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a chain in a file came to; `of` is "call" or "accesses"."""

    of: str
    name: str
    verdict: Verdict


# ---- writing ---------------------------------------------------------------------------------------------------------


def lines_of(records: Iterable[Record], trails: Sequence[Trail], made: str) -> Iterator[str]:
    """The lines of an export."""
    digest, count = hashlib.sha256(), 0
    for item in _items(records, trails, made):
        line = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
        digest.update(line.encode() + b"\n")
        count += 1
        yield line
    yield json.dumps({"type": "end", "lines": count, "sha256": digest.hexdigest()}, separators=(",", ":"))


def _items(records: Iterable[Record], trails: Sequence[Trail], made: str) -> Iterator[dict[str, object]]:
    yield {"type": "export", "format": "flowengine audit", "version": VERSION, "made": made}
    whole = {trail.flow for trail in trails}
    for record in records:
        yield from _call(record)
        yield from (_access(one) for one in record.accesses if one.access.flow not in whole)
    for trail in trails:
        yield {"type": "trail", "flow": trail.flow, "lines": trail.end.sequence, "head": trail.end.hash}
        yield from (_access(one) for one in trail.accesses)


def _call(record: Record) -> Iterator[dict[str, object]]:
    end, stone = record.journal.end, record.journal.stone
    yield {
        "type": "call",
        **(asdict(record.call) if record.call else {}),
        "call_id": record.call_id,
        "ended": None if end is None else {"lines": end.sequence, "head": end.hash},
        "emptied": None if stone is None else {"at": stone.at, "digest": stone.digest},
    }
    for line in record.journal.lines:
        yield {"type": "line", "call_id": record.call_id, **asdict(line)}
    for kind, kept in (("card", record.cards), ("work", record.work)):
        yield from ({"type": kind, **one} for one in kept)
    for kind, said in (("wrap_up", record.wrap_ups), ("note", record.notes), ("parcel", record.parcels)):
        yield from ({"type": kind, "call_id": record.call_id, **asdict(one)} for one in said)


def _access(one: Looked) -> dict[str, object]:
    return {"type": "access", "flow": one.access.flow, "before": one.before, **asdict(one.line)}


# ---- checking --------------------------------------------------------------------------------------------------------


def check_file(text: str) -> list[Checked]:
    """Every chain of an export. Raises `BadExport` when it is none, or not as it was made."""
    items = items_of(text)
    calls = [item for item in items if item["type"] == "call"]
    flows = dict.fromkeys(item["flow"] for item in items if item["type"] in ("trail", "access"))
    try:
        checked = [_check_call(call, items) for call in calls]
        return [*checked, *(_check_accesses(flow, items) for flow in flows)]
    except (LookupError, TypeError, AttributeError) as mistake:
        raise BadExport(f"the file is not as an export is: {type(mistake).__name__}") from None


def _check_call(call: dict[str, Any], items: Sequence[dict[str, Any]]) -> Checked:
    call_id, end, stone = call["call_id"], call["ended"], call["emptied"]
    lines = [_line(item) for item in items if item["type"] == "line" and item["call_id"] == call_id]
    verdict = check_journal(
        call_id,
        lines,
        [Head(end["lines"], end["head"])] if end else [],
        Stone(stone["at"], stone["digest"]) if stone else None,
    )
    return Checked("call", call_id, verdict)


def _check_accesses(flow: str, items: Sequence[dict[str, Any]]) -> Checked:
    """The whole trail when the file has it; else each line by itself."""
    accesses = [item for item in items if item["type"] == "access" and item["flow"] == flow]
    trail = next((item for item in items if item["type"] == "trail" and item["flow"] == flow), None)
    lines = [_line(item) for item in accesses]
    if trail is not None:
        return Checked("accesses", flow, check(accesses_of(flow), lines, [Head(trail["lines"], trail["head"])]))
    for item, line in zip(accesses, lines, strict=True):
        if why := misfit(Head(line.sequence - 1, item["before"]), line):
            return Checked("accesses", flow, Verdict(len(lines), line.sequence, 0, why))
    return Checked("accesses", flow, Verdict(len(lines), 0, sum(line.emptied for line in lines)))


def _line(item: dict[str, Any]) -> Line:
    return Line(**{name: item[name] for name in _LINE})


def items_of(text: str) -> list[dict[str, Any]]:
    """The lines of an export. Raises `BadExport` when it is none, or not as it was made."""
    raw = text.removesuffix("\n").split("\n")  # not `splitlines`: a caller's words may hold other kinds of line ends
    try:
        items = [json.loads(line) for line in raw]
        first, last = items[0], items[-1]
        known = first["format"] == "flowengine audit" and first["version"] == VERSION
        whole = last["type"] == "end" and last["lines"] == len(items) - 1
    except (ValueError, LookupError, TypeError):
        raise BadExport("this is no export of `flowengine audit export`, or not the whole of it") from None
    if not known:
        raise BadExport(f"this is no export of version {VERSION}")
    digest = hashlib.sha256("".join(f"{line}\n" for line in raw[:-1]).encode("utf-8", "surrogateescape")).hexdigest()
    if not whole or last["sha256"] != digest:
        raise BadExport("the file was altered or shortened after it was made")
    return items


_LINE = tuple(each.name for each in fields(Line))
