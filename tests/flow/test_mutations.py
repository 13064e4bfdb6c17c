"""A slip on one line of a good flow is refused near the line it is on, or leads every caller to an end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from flowengine.call.probes import probes, says
from flowengine.call.rehearsal import rehearse_at
from flowengine.call.routes import nobody
from flowengine.flow.model import Flow
from flowengine.flow.occasions import occasions
from tests.flow.mutations import NEAR, SEED, Outcome, mutations, outcomes, survivors

CHUNKS, SIZE = 10, 500
SHARE = 0.9


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_slip_compiles_or_is_refused_near_its_line(chunk: int) -> None:
    found = list(outcomes(SIZE, SEED + chunk))
    for number, outcome in enumerate(found):
        refused = any(d.severity == "error" for d in outcome.found)
        assert (outcome.flow is None) == refused, outcome.mutation
        assert outcome.flow is None or _ends(outcome.flow, number), outcome.mutation
    told = [outcome for outcome in found if outcome.flow is None]
    far = [outcome for outcome in told if not outcome.near]
    share = 1 - len(far) / len(told)
    assert len(told) > SIZE / 2
    assert share >= SHARE, f"{share:.1%} within {NEAR} lines; elsewhere:\n" + "\n".join(map(shown, far[:30]))


def _ends(flow: Flow, number: int) -> bool:
    """Whether the call of one caller ends when nobody answers. Which caller and at what hour goes round, so that over
    all slips every rule and every hour is met often."""
    known, when = probes(flow), occasions(flow)
    test = replace(known[number % len(known)].test, staff=nobody(flow)) if known else says(flow, "Hello")
    return bool(rehearse_at(flow, test, when[number % len(when)].moments[0]).ends_with)


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
