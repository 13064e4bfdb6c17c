"""An export as JSON lines: what is kept of calls, with the hashes by which anybody can check it without our database.

The first line says what the file is, the last how many lines there are and their digest: a file cut short shows. Each
call's lines chain as they do in the store. A call's accesses are a part of its flow's trail, so each of them has the
hash before it and can be checked alone; an export of a whole flow has the whole trail.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from flowengine.runtime.rows import Verdict
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


@dataclass(frozen=True, slots=True)
class Chain:
    """The lines of one chain in an export. `ends` is where the file says it ended; of accesses without it, which are a
    part of their trail only, `before` has the hash before each."""

    of: str
    name: str
    lines: Sequence[Line]
    ends: Sequence[Head] = ()
    stone: Stone | None = None
    before: Sequence[str] = ()


def check_file(text: str) -> list[Checked]:
    """Every chain of an export. Raises `BadExport` when it is none, or not as it was made."""
    return [Checked(chain.of, chain.name, _check(chain)) for chain in chains_of(text)]


def _check(chain: Chain) -> Verdict:
    if chain.of == "call":
        return check_journal(chain.name, chain.lines, chain.ends, chain.stone)
    if chain.ends:
        return check(accesses_of(chain.name), chain.lines, chain.ends)
    for before, line in zip(chain.before, chain.lines, strict=True):
        if why := misfit(Head(line.sequence - 1, before), line):
            return Verdict(len(chain.lines), line.sequence, 0, why)
    return Verdict(len(chain.lines), 0, sum(line.emptied for line in chain.lines))


def chains_of(text: str) -> list[Chain]:
    """The chains of an export: of each call, then the accesses of each flow. Raises `BadExport` when it is none, or not
    as it was made."""
    items = _items_of(text)
    lines: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    try:
        for item in items:
            if item["type"] in _CHAINED:
                lines[_CHAINED[item["type"]](item)].append(item)
        trails = {item["flow"]: item for item in items if item["type"] == "trail"}
        flows = dict.fromkeys(item["flow"] for item in items if item["type"] in ("trail", "access"))
        calls = [_call_chain(item, lines["call", item["call_id"]]) for item in items if item["type"] == "call"]
        return [*calls, *(_access_chain(flow, trails.get(flow), lines["accesses", flow]) for flow in flows)]
    except (LookupError, TypeError, AttributeError, msgspec.ValidationError) as mistake:
        raise BadExport(f"the file is not as an export is: {type(mistake).__name__}") from None


_CHAINED: Mapping[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "line": lambda item: ("call", item["call_id"]),
    "access": lambda item: ("accesses", item["flow"]),
}


def _call_chain(call: dict[str, Any], items: Sequence[dict[str, Any]]) -> Chain:
    ends = [] if call["ended"] is None else [_end(call["ended"])]
    stone = msgspec.convert(call["emptied"], Stone | None)
    return Chain("call", call["call_id"], msgspec.convert(items, list[Line]), ends, stone)


def _access_chain(flow: str, trail: dict[str, Any] | None, items: Sequence[dict[str, Any]]) -> Chain:
    lines = msgspec.convert(items, list[Line])
    if trail is not None:
        return Chain("accesses", flow, lines, [_end(trail)])
    return Chain("accesses", flow, lines, before=[msgspec.convert(item["before"], str) for item in items])


def _end(item: dict[str, Any]) -> Head:
    return msgspec.convert({"sequence": item["lines"], "hash": item["head"]}, Head)


def _items_of(text: str) -> list[dict[str, Any]]:
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
