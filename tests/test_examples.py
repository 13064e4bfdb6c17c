"""The offices under flows/examples: valid, and all of each is reached by its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowengine.call.coverage import parts, reached
from flowengine.call.expecting import missed
from flowengine.call.rehearsal import rehearse
from flowengine.flow.compiler import check_flow

EXAMPLES = sorted((Path(__file__).parents[1] / "flows" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.stem))
def test_an_example_is_an_office_that_works(file: Path) -> None:
    text = file.read_text("utf-8")
    flow, found = check_flow(text, str(file), load=lambda name: (file.parent / name).read_text("utf-8"))
    assert {d.code for d in found} <= {"untested"}
    assert flow is not None
    rehearsals = [rehearse(flow, test) for test in flow.tests]
    for test, rehearsal in zip(flow.tests, rehearsals, strict=True):
        assert missed(flow, test.expect, rehearsal) == (), test.name
    assert set(parts(flow)) - reached(flow, rehearsals) == set()


def test_there_are_examples_of_three_kinds() -> None:
    assert {file.stem for file in EXAMPLES} >= {"law_office", "clinic_north", "clinic_south", "plumber"}
