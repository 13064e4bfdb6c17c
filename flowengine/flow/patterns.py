"""Reads the small kind of regular expression an office may write, and tells what it can cost before it is ever run.

Python's own engine tries one way after the other, so a pattern with many ways to fit the same text can hold up every
call of a process. Here a pattern is a tree of a few shapes; whatever else a regular expression may hold (references to
what was found, looking ahead, flags) is refused rather than judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_CHARACTERS = 200  # of a pattern
MOST_REPEATS = 200
MOST_STEPS = 5_000  # that one place of a text may cost: the ways to fit it, each as long as the longest fit


class BadPattern(Exception):
    """Not a pattern that an office may write; the message says why."""


@dataclass(frozen=True, slots=True)
class One:
    """One character out of these (of the alphabet that is looked at: Latin, and one of other kinds)."""

    chars: frozenset[str]


@dataclass(frozen=True, slots=True)
class Edge:
    """A place, no character: the start or end of the text or of a word."""


@dataclass(frozen=True, slots=True)
class Sequel:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    of: Node
    least: int
    most: int | None  # None: as often as it goes


Node = One | Edge | Sequel | Either | Repeat

_ALPHABET = "".join(map(chr, range(0x250))) + "\u0663\u0915\u4e00\u2028\U0001f600"
_QUANTIFIER = re.compile(r"(?:([?*+])|\{(\d{0,4})(,?)(\d{0,4})\})(\??)")
_CLASS = re.compile(r"\[\^?(?:\\.|[^\]\\\[])(?:\\.|[^\]\\\[])*\]")
_EDGES = ("^", "$", r"\b", r"\B")
_KINDS = "dDwWsS"


def read(pattern: str) -> Node:
    """Raises `BadPattern` for what is no regular expression, or more of one than an office needs."""
    if len(pattern) > MOST_CHARACTERS:
        raise BadPattern(f"it has {len(pattern)} characters; {MOST_CHARACTERS} are the most")
    reader = _Reader(pattern)
    node = reader.either()
    if reader.at < len(pattern):
        raise BadPattern("a ) closes nothing; write \\) for the character")
    return node


class _Reader:
    """Recursive descent; at most as deep as the pattern is long."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0

    def either(self) -> Node:
        options = [self.sequel()]
        while self._takes("|"):
            options.append(self.sequel())
        return options[0] if len(options) == 1 else Either(tuple(options))

    def sequel(self) -> Node:
        parts: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else Sequel(tuple(parts))

    def repeated(self, node: Node) -> Node:
        found = _QUANTIFIER.match(self.pattern, self.at)
        if not found or not any(found.group(1, 2, 4)):
            return node
        self.at = found.end()
        if isinstance(node, Edge):
            raise BadPattern("it repeats a place where no character is")
        if _QUANTIFIER.match(self.pattern, self.at):
            raise BadPattern("something is repeated twice")
        sign, least, comma, most, _ = found.groups()
        if sign:
            return Repeat(node, int(sign == "+"), 1 if sign == "?" else None)
        return _counted(node, int(least or 0), int(most) if most else None if comma else int(least))

    def atom(self) -> Node:
        if self._takes("("):
            return self.group()
        rest = self.pattern[self.at :]
        if rest[0] == "\\":
            return self.escaped(rest[1:2])
        if rest[0] == "[":
            return self.choice()
        if rest[0] in "{}*+?":
            raise BadPattern(f"{rest[0]} repeats nothing; write \\{rest[0]} for the character")
        self.at += 1
        return Edge() if rest[0] in _EDGES else _one("." if rest[0] == "." else re.escape(rest[0]))

    def group(self) -> Node:
        if self.pattern.startswith("?", self.at) and not self._takes("?:"):
            raise BadPattern("it looks ahead, names a group or sets a flag, which an office's pattern may not")
        node = self.either()
        if not self._takes(")"):
            raise BadPattern("a ( is not closed; write \\( for the character")
        return node

    def escaped(self, char: str) -> Node:
        if not char or (char.isalnum() and char not in f"{_KINDS}bB"):
            raise BadPattern(f"it holds \\{char}, which an office's pattern may not")
        self.at += 2
        return Edge() if char in "bB" else _one(f"\\{char}" if char in _KINDS else re.escape(char))

    def choice(self) -> Node:
        found = _CLASS.match(self.pattern, self.at)
        if not found or re.search(r"--|&&|~~|\|\||\\[^\W_dDwWsS]", found.group()):
            raise BadPattern("it holds square brackets that are not closed, or hold more than characters")
        self.at = found.end()
        return _one(found.group())

    def _takes(self, text: str) -> bool:
        taken = self.pattern.startswith(text, self.at)
        self.at += len(text) * taken
        return taken


def _one(source: str) -> One:
    try:
        fits = re.compile(source)
    except re.error as mistake:
        raise BadPattern(f"{source} cannot be read: {mistake.msg}") from mistake
    return One(frozenset(char for char in _ALPHABET if fits.fullmatch(char)))


def _counted(node: Node, least: int, most: int | None) -> Repeat:
    if max(least, most or 0) > MOST_REPEATS:
        raise BadPattern(f"something is repeated more than {MOST_REPEATS} times")
    if most is not None and most < least:
        raise BadPattern(f"{{{least},{most}}} ends before it begins")
    return Repeat(node, least, most)


# ---- what it costs ---------------------------------------------------------------------------------------------------


def endless(node: Node, last: bool = True) -> bool:
    """Whether something in the middle may be repeated without end. At the very end it does no harm: what it fits is
    done with."""
    match node:
        case Repeat(of, _, None):
            return not (last and ways(of, last=False) == 1 and not nullable(of)) or endless(of, last=False)
        case Repeat(of):
            return endless(of, last=False)
        case Either(options):
            return any(endless(option, last) for option in options)
        case Sequel(parts):
            return any(endless(part, last and i == len(parts) - 1) for i, part in enumerate(parts))
        case _:
            return False


def steps(node: Node) -> int:
    """How much one place of a text can cost at most."""
    return ways(node, last=True) * max(1, longest(node))


def ways(node: Node, after: Node | None = None, *, last: bool) -> int:
    """In how many ways it may fit one text from one place, counted up to `MOST_STEPS`. `after` is what follows it;
    a `last` one need not try another way, because nothing after it can fail."""
    match node:
        case Sequel(parts):
            total = 1
            for i, part in enumerate(parts):
                follower = parts[i + 1] if i + 1 < len(parts) else after
                total = min(MOST_STEPS + 1, total * ways(part, follower, last=last and i == len(parts) - 1))
            return total
        case Either(options):
            return sum(ways(option, after, last=last) for option in options)
        case Repeat(One() as of, least, most):
            certain = last or (after is not None and not nullable(after) and of.chars.isdisjoint(first(after)))
            return 1 if certain or most is None else most - least + 1
        case Repeat(of, least, most):
            return _ways_of_group(ways(of, last=False), least, least if most is None else most)
        case _:
            return 1


def _ways_of_group(each: int, least: int, most: int) -> int:
    total, power = 0, 1
    for count in range(most + 1):
        total += power if count >= least else 0
        power = min(MOST_STEPS + 1, power * each)
    return min(MOST_STEPS + 1, total)


def longest(node: Node) -> int:
    """Of how many characters what it fits may be; without end counts as its least."""
    match node:
        case One():
            return 1
        case Edge():
            return 0
        case Sequel(parts):
            return sum(map(longest, parts))
        case Either(options):
            return max(map(longest, options))
        case _:
            return longest(node.of) * (node.least if node.most is None else node.most)


def nullable(node: Node) -> bool:
    """Whether it may fit nothing at all."""
    match node:
        case One():
            return False
        case Edge():
            return True
        case Sequel(parts):
            return all(map(nullable, parts))
        case Either(options):
            return any(map(nullable, options))
        case _:
            return node.least == 0 or nullable(node.of)


def first(node: Node) -> frozenset[str]:
    """Which characters it may begin with."""
    match node:
        case One(chars):
            return chars
        case Edge():
            return frozenset()
        case Either(options):
            return frozenset().union(*map(first, options))
        case Repeat(of, _, _):
            return first(of)
        case _:
            return _first_of(node.parts)


def _first_of(parts: Sequence[Node]) -> frozenset[str]:
    begun: frozenset[str] = frozenset()
    for part in parts:
        begun |= first(part)
        if not nullable(part):
            break
    return begun
