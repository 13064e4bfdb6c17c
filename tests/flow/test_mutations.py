"""A slip on one line of a good flow is refused near the line it is on, or leads every caller to an end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest

from flowengine.call.probes import probes, says
from flowengine.call.rehearsal import rehearse_at
from flowengine.call.routes import nobody
from flowengine.flow.model import Flow
from flowengine.flow.occasions import occasions
from tests.flow.mutations import NEAR, SEED, Mutation, Outcome, compiled, mutations, survivors

CHUNKS, SLIPS = 10, 5000
SHARE = 0.9

Numbered = tuple[int, Mutation]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_slip_compiles_or_is_refused_near_its_line(chunk: int) -> None:
    tried, told = 0, list[Outcome]()
    for slips in alike(chunk):
        flow, found = outcome = compiled(slips[0][1])
        assert (flow is None) == any(d.severity == "error" for d in found), slips
        assert flow is None or _end(flow, [number for number, _ in slips]), slips
        different = dict.fromkeys(slip for _, slip in slips)
        tried += len(different)
        told += [Outcome(slip, *outcome) for slip in different if flow is None]
    far = [outcome for outcome in told if not outcome.near]
    share = 1 - len(far) / len(told)
    assert len(told) > tried / 2 > SLIPS / CHUNKS / 4
    assert share >= SHARE, f"{share:.1%} within {NEAR} lines; elsewhere:\n" + "\n".join(map(shown, far[:30]))


def alike(chunk: int) -> Iterator[list[Numbered]]:
    """The slips of a chunk, numbered over all; those that leave the same text lie together and are compiled once."""
    found: dict[tuple[Path, str], list[Numbered]] = defaultdict(list)
    for number, slip in enumerate(mutations(SLIPS)):
        found[slip.file, slip.text].append((number, slip))
    return (slips for (_, text), slips in found.items() if crc32(text.encode()) % CHUNKS == chunk)


def _end(flow: Flow, numbers: Sequence[int]) -> bool:
    """Whether each call of a caller ends when nobody answers. Which caller and at what hour goes round, so that over
    all slips every rule and every hour is met often."""
    known, when = probes(flow), occasions(flow)
    for number in numbers:
        test = replace(known[number % len(known)].test, staff=nobody(flow)) if known else says(flow, "Hello")
        if not rehearse_at(flow, test, when[number % len(when)].moments[0]).ends_with:
            return False
    return True


def shown(outcome: Outcome) -> str:
    mutation = outcome.mutation
    where = ", ".join(f"{d.line} {d.code}" for d in outcome.found if d.severity == "error")
    return f"{mutation.file.name} {mutation.how} line {mutation.lines[0]}: {where}"


def test_the_same_seed_gives_the_same_slips() -> None:
    assert list(mutations(50)) == list(mutations(50))
    assert list(mutations(50)) != list(mutations(50, SEED + 1))
    assert set(Counter(m.how for m in mutations(200))) == {"drop", "duplicate", "rename", "retype", "swap"}


def test_survivors_are_flows() -> None:
    alive = list(survivors(100))
    assert alive
    assert all(flow.rules or mutation.file.name == "minimal.yaml" for mutation, flow in alive)
