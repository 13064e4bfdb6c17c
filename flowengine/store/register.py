"""What the trail of accesses knows of calls: that one ended and how, that it went on, was emptied or forgotten.

A call's own rows can be written anew by whoever can write the database. Their end stands in a second chain too, that of
their flow, whose end is sealed with a key (`Seal`): so a call that is deleted whole, cut, reopened, written anew, put
in or emptied by hand shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowengine.runtime.rows import Access
from flowengine.store.chain import Head, Line, Stone

WHO = "engine"
ENDED, WENT_ON, EMPTIED, FORGOTTEN = "call ended", "call went on", "call emptied", "call forgotten"
KINDS = (ENDED, WENT_ON, EMPTIED, FORGOTTEN)  # of accesses; pages do not list them: nobody looked


@dataclass(frozen=True, slots=True)
class Entered:
    """What the register says of one call: where its journal ended at some time, with what outcome, and the digest of
    what retention left of it."""

    ends: tuple[Head, ...] = ()
    outcome: str = ""
    left: str = ""


def end_entry(flow: str, call_id: str, started: str, end: Head, outcome: str) -> Access:
    """A call ended. The line carries the time at which the call began: it is kept as long."""
    return Access(flow, started, WHO, ENDED, call_id, detail=f"{end.sequence} {end.hash} {outcome}")


def went_on_entry(flow: str, call_id: str, started: str, end: Head) -> Access:
    """Late news of a call that had ended."""
    return Access(flow, started, WHO, WENT_ON, call_id, detail=f"{end.sequence} {end.hash}")


def emptied_entry(flow: str, call_id: str, started: str, digest: str) -> Access:
    return Access(flow, started, WHO, EMPTIED, call_id, detail=digest)


def forgotten_entry(flow: str, started: str) -> Access:
    """Nothing says which call it was: that was to be forgotten."""
    return Access(flow, started, WHO, FORGOTTEN)


def entered(accesses: Iterable[Access]) -> Entered:
    """The register's lines among a call's accesses, read; one that cannot be is an end that no journal has."""
    ends: list[Head] = []
    outcome = left = ""
    for access in accesses:
        number, hash_, *rest = f"{access.detail}  ".split(" ")
        if access.what in (ENDED, WENT_ON):
            ends.append(Head(int(number) if number.isdecimal() else 1, hash_))
        if access.what == ENDED:
            outcome = rest[0]
        if access.what == EMPTIED:
            left = access.detail
    return Entered(tuple(ends), outcome, left)


def doubt(entry: Entered, outcome: str | None, stone: Stone | None) -> str:
    """Why a call's row and what the register says do not go together; "" when they do. `outcome` is None of a call that
    still runs."""
    if outcome is not None and not entry.ends:
        return "the trail of accesses does not know that this call ended: it was put in, or its end written by hand"
    if entry.ends and outcome != entry.outcome:
        return f"it is kept as {outcome or 'not ended'}, the trail of accesses says {entry.outcome}"
    if stone is not None and stone.digest != entry.left:
        return "it was emptied, and the trail of accesses does not say that retention did it"
    return ""


def forgotten_by_hand(lines: Sequence[Line]) -> str:
    """Why the ends that were emptied in a trail cannot all be those of calls that retention forgot."""
    gone = sum(line.kind == ENDED and line.emptied for line in lines)
    told = sum(line.kind == FORGOTTEN for line in lines)
    return f"{gone} ended calls were forgotten and retention forgot {told}" if gone > told else ""
