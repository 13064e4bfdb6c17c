"""Single slips in good flows: a line dropped, doubled, renamed, swapped with its neighbour or given another type.

`outcomes` compiles them; `survivors` are those that still compile, to be rehearsed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.model import Flow
from tests.flow.office import FLOWS, HERE, load

SEED = 20261110
NEAR = 2  # lines
FILES = (*sorted(FLOWS.glob("*.yaml")), *sorted((HERE / "good").glob("*.yaml")))

_OTHER_TYPES = (
    "", "true", "12", "[]", "{}", "[a, b]", "{a: b}", "text", "'x'", "20s", "8am - 5pm", "-", "~", '"open', "[a",
    "a: b",
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z_]{3,}")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One slip: what was done to which file, the lines it changed (from 1, in the new text), and the new text."""

    file: Path
    how: str
    lines: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    mutation: Mutation
    flow: Flow | None
    found: tuple[Diagnostic, ...]

    @property
    def near(self) -> bool:
        """Whether an error points at most two lines beside the change."""
        errors = (d for d in self.found if d.severity == "error")
        return any(abs(d.line - line) <= NEAR for d in errors for line in self.mutation.lines)


def mutations(count: int, seed: int = SEED) -> Iterator[Mutation]:
    """The same `count` slips for the same seed, over all good files in turn."""
    chance = random.Random(seed)
    texts = [(file, file.read_text(encoding="utf-8").splitlines()) for file in FILES]
    for i in range(count):
        file, lines = texts[i % len(texts)]
        how = chance.choice(sorted(_SLIPS))
        at = chance.choice([n for n, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")])
        changed, new = _SLIPS[how](lines, at, chance)
        yield Mutation(file, how, tuple(n + 1 for n in changed), "\n".join(new) + "\n")


def outcomes(count: int, seed: int = SEED) -> Iterator[Outcome]:
    for mutation in mutations(count, seed):
        yield Outcome(mutation, *compiled(mutation))


def compiled(mutation: Mutation) -> tuple[Flow | None, tuple[Diagnostic, ...]]:
    flow, found = check_flow(mutation.text, mutation.file.name, load=load)
    return flow, tuple(found)


def survivors(count: int, seed: int = SEED) -> Iterator[tuple[Mutation, Flow]]:
    """The slips that nobody can tell from a wish: the flow compiles, and must run every caller to an end."""
    for outcome in outcomes(count, seed):
        if outcome.flow is not None:
            yield outcome.mutation, outcome.flow


Changed = tuple[tuple[int, ...], list[str]]


def _drop(lines: list[str], at: int, _chance: random.Random) -> Changed:
    return (at,), lines[:at] + lines[at + 1 :]


def _duplicate(lines: list[str], at: int, _chance: random.Random) -> Changed:
    return (at, at + 1), lines[: at + 1] + lines[at:]


def _rename(lines: list[str], at: int, chance: random.Random) -> Changed:
    """Another spelling of one of the line's words, mostly of its key."""
    words = list(_WORD.finditer(lines[at]))
    if not words:
        return _drop(lines, at, chance)
    word = words[0] if chance.random() < 0.6 else chance.choice(words)
    line = lines[at]
    return (at,), [
        *lines[:at],
        line[: word.start()] + _misspelt(word[0], chance) + line[word.end() :],
        *lines[at + 1 :],
    ]


def _misspelt(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word) - 1)
    return chance.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
            word + "x",
            word.upper(),
            word[::-1],
        ]
    )


def _swap(lines: list[str], at: int, chance: random.Random) -> Changed:
    if at + 1 >= len(lines):
        return _drop(lines, at, chance)
    return (at, at + 1), [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def _retype(lines: list[str], at: int, chance: random.Random) -> Changed:
    """Something else behind the line's first colon or dash."""
    match = re.match(r"\s*(?:- )?(?:[\w-]+:|(?<=- ))", lines[at])
    begin = match[0] if match else ""
    return (at,), [*lines[:at], f"{begin.rstrip()} {chance.choice(_OTHER_TYPES)}", *lines[at + 1 :]]


_SLIPS: dict[str, Callable[[list[str], int, random.Random], Changed]] = {
    "drop": _drop,
    "duplicate": _duplicate,
    "rename": _rename,
    "retype": _retype,
    "swap": _swap,
}
