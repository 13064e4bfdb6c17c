"""The hash chain that shows whether a trail was altered, shortened or reordered; pure, so that an export is checked by
the same lines as the database.

    digest = sha256(salt + body)
    hash   = sha256(hash before, sequence, kind, digest)

The chain runs over digests, so a body can be emptied (with its salt: a short body could be guessed from a bare hash)
and the lines around it still fit. A digest is of the plain text, not of what is stored: changing the encryption key
leaves the chain whole, and an export proves what was said to somebody who has no key of ours.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from flowengine.runtime.rows import Verdict

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chain. `body` and `salt` are None when it was emptied, and `rest` is what was left of it then;
    `problem` says why it could not be read."""

    sequence: int
    kind: str
    digest: str
    hash: str
    body: str | None = None
    salt: str | None = None
    rest: str = ""
    problem: str = ""

    @property
    def emptied(self) -> bool:
        return self.body is None and not self.problem


@dataclass(frozen=True, slots=True)
class Head:
    """The last line of a chain: its number (0: there is none yet) and its hash."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Stone:
    """The tombstone of an emptied journal: when it was emptied, and the digest of what was left of its lines."""

    at: str
    digest: str


def beginning(trail: str) -> Head:
    """Before the first line. The trail's name is in it, so no line fits into another trail."""
    return Head(0, _sha256(f"flowengine {trail}"))


def journal_of(call_id: str) -> str:
    return f"journal {call_id}"


def accesses_of(flow: str) -> str:
    return f"accesses {flow}"


def new_salt() -> str:
    return secrets.token_hex(SALT_BYTES)


def digest_of(salt: str, body: str) -> str:
    return _sha256(salt + body)


def link(before: str, sequence: int, kind: str, digest: str) -> str:
    return _sha256(f"{before}\n{sequence}\n{kind}\n{digest}")


def extend(head: Head, lines: Iterable[tuple[str, str]]) -> Iterator[Line]:
    """The next lines of (kind, body), each with a salt of its own."""
    sequence, before = head.sequence, head.hash
    for kind, body in lines:
        sequence, salt = sequence + 1, new_salt()
        digest = digest_of(salt, body)
        before = link(before, sequence, kind, digest)
        yield Line(sequence, kind, digest, before, body, salt)


def check(trail: str, lines: Sequence[Line], ends: Sequence[Head]) -> Verdict:
    """The first line that does not fit, and why. `ends` is where the trail is known to have ended once, by whatever
    witness: fewer lines than that is a cut tail, more are late ones that must fit like any other."""
    blanked = sum(line.emptied for line in lines)
    before, last = beginning(trail), max((end.sequence for end in ends), default=0)
    known: dict[int, set[str]] = {}
    for end in ends:
        known.setdefault(end.sequence, set()).add(end.hash)
    for line in lines:
        if why := misfit(before, line, known.get(line.sequence, ())):
            return Verdict(len(lines), min(before.sequence + 1, line.sequence), blanked, why)
        before = Head(line.sequence, line.hash)
    if before.sequence < last:
        return Verdict(len(lines), before.sequence + 1, blanked, _missing(before.sequence + 1, last, "cut off"))
    return Verdict(len(lines), 0, blanked)


def check_journal(call_id: str, lines: Sequence[Line], ends: Sequence[Head], stone: Stone | None) -> Verdict:
    """The same for a journal: its emptied lines have a tombstone, and what was left of them is as it was then."""
    verdict = check(journal_of(call_id), lines, ends)
    first = next((line.sequence for line in lines if line.emptied), 0)
    if verdict.broken or not first:
        return verdict
    if stone is None:
        why = f"line {first} was emptied, and nothing says that retention did it"
    elif digest_of_rest((line.sequence, line.kind, line.rest) for line in lines if line.emptied) != stone.digest:
        why = f"line {first} or a later one is not as retention left it"
    else:
        return verdict
    return Verdict(verdict.lines, first, verdict.blanked, why)


def digest_of_rest(lines: Iterable[tuple[int, str, str]]) -> str:
    """Of (sequence, kind, what was left): so that what was left cannot be altered unseen either."""
    return _sha256("\n".join(f"{number} {kind} {rest}" for number, kind, rest in lines))


def misfit(before: Head, line: Line, known: Collection[str] = ()) -> str:
    """Why a line does not follow the one before; "" when it does. `known` are the hashes witnesses know it by."""
    if line.sequence != before.sequence + 1:
        return _missing(before.sequence + 1, line.sequence - 1, "missing")
    if line.problem:
        return line.problem
    if line.body is not None and digest_of(line.salt or "", line.body) != line.digest:
        return f"line {line.sequence} was altered: its text does not have the digest that stands beside it"
    if link(before.hash, line.sequence, line.kind, line.digest) != line.hash:
        return f"line {line.sequence} was altered or put in: it does not follow the line before"
    if any(line.hash != hash_ for hash_ in known):
        return f"line {line.sequence} is not the one the trail ended with"
    return ""


def _missing(first: int, last: int, how: str) -> str:
    if last < first:  # two lines of one number cannot be stored; only a file can hold them
        return f"line {last + 1} stands where line {first} should"
    return f"line {first} is {how}" if first == last else f"lines {first} to {last} are {how}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
