"""A rehearsal foretells the call: the same caller on the whole engine, over sockets, goes the same way."""

from __future__ import annotations

import pytest

from flowengine.call.expecting import outcome
from flowengine.call.rehearsal import rehearse
from flowengine.flow.model import FlowTest, Line
from tests.flow.office import dental
from tests.sandbox.play import as_it_stands

TUESDAY = "Tue 10 Nov 2026 10:15am"


@pytest.mark.parametrize(
    ("scenario", "caller", "staff"),
    [
        ("crown", Line(says="My crown just fell out and I fly tomorrow"), {"Dr. Reed": "no answer"}),
        ("nobody_answers", Line(says="Can I talk to someone?"), {"Dana": "no answer", "Luis": "voicemail"}),
        ("pressed_zero", Line(presses="0"), {}),
    ],
)
def test_the_rehearsal_and_the_call_agree(scenario: str, caller: Line, staff: dict[str, str]) -> None:
    run = as_it_stands(scenario)
    flow = dental()
    foretold = outcome(flow, rehearse(flow, FlowTest("it", TUESDAY, (caller,), staff)))
    (handoff,) = run.report["handoffs"]
    assert (foretold.rule, foretold.department) == (handoff["rule"], handoff["department"])
    assert list(foretold.tried) == [attempt["person"] for attempt in handoff["attempts"]]
    came_to = {"take_message": "message"}.get(foretold.ends_with, foretold.ends_with)
    assert came_to == run.report["outcome"]
