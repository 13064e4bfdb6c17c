"""Whatever a caller does and staff do, at whatever hour: a rehearsed call comes to one end, and never to silence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.call import commands as c
from flowengine.call.expecting import outcome
from flowengine.call.probes import probes
from flowengine.call.rehearsal import Rehearsal, rehearse_at
from flowengine.call.state import handoffs
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow, FlowTest, Line
from flowengine.flow.occasions import occasions
from tests.flow.office import billing, dental

FLOWS = {"dental": dental(), "billing": billing()}
ENDINGS = {
    "connected", "referred", "dialled", "abandoned", "take_message", "callback", "voicemail", "receptionist", "hang_up",
}  # fmt: skip
SAID = (
    "Can I talk to a person?", "my crown fell out", "he can't breathe", "you billed me twice", "what are your hours",
    "never mind", "message", "can I speak to Dana", "my claim was denied", "lawyer", "yes", "",
)  # fmt: skip
MOODS = ("", "", "angry", "calm")
OUTCOMES = ("accepts", "no answer", "busy", "declined", "voicemail", "fails")

lines = st.one_of(
    st.builds(Line, says=st.sampled_from(SAID[:-1]), mood=st.sampled_from(MOODS), unsolved=st.booleans()),
    st.builds(Line, interrupts=st.sampled_from(SAID[:-1])),
    st.builds(Line, presses=st.sampled_from(("0", "1", "*", "5"))),
    st.builds(Line, waits=st.sampled_from((1.0, 10.0, 25.0, 400.0))),
    st.just(Line(unclear=True)),
    st.just(Line(hangs_up=True)),
)  # fmt: skip


def calls(flow: Flow) -> st.SearchStrategy[FlowTest]:
    staff = {person.name: st.sampled_from(OUTCOMES) for person in flow.people.values()}
    return st.builds(
        FlowTest,
        name=st.just("random"),
        at=st.just(""),
        caller=st.lists(lines, max_size=6).map(tuple),
        staff=st.fixed_dictionaries(staff),
        receptionist_fails=st.sampled_from((False, False, False, True)),
    )


def holds(flow: Flow, rehearsal: Rehearsal) -> None:
    got = outcome(flow, rehearsal)
    assert got.ends_with in ENDINGS
    assert sum(isinstance(command, c.EndCall) for step in rehearsal.steps for command in step.commands) <= 1
    ended = got.ends_with not in ("connected", "receptionist")
    for handoff in handoffs(rehearsal.call):
        open_ = [attempt.leg for attempt in handoff.attempts if attempt.outcome is None]
        assert not open_ or not ended, "a phone still rings"
    assert len(got.tried) <= flow.most_phones_rung
    connected = [a for h in handoffs(rehearsal.call) for a in h.attempts if a.outcome == "accepted"]
    assert len(connected) <= 1


@pytest.mark.parametrize("name", FLOWS)
@given(data=st.data(), hours=st.integers(0, 24 * 7 * 4))
@settings(max_examples=150)
def test_every_call_comes_to_one_end(name: str, data: st.DataObject, hours: int) -> None:
    flow = FLOWS[name]
    at = moment(flow, "Mon 12:10am") + timedelta(minutes=15 * hours)
    holds(flow, rehearse_at(flow, data.draw(calls(flow)), at))


@pytest.mark.parametrize("name", FLOWS)
def test_every_rule_at_every_occasion_comes_to_an_end_whatever_staff_do(name: str) -> None:
    flow = FLOWS[name]
    for occasion in occasions(flow):
        for probe in probes(flow, every_phrase=True):
            for does in OUTCOMES:
                staff = {person.name: does for person in flow.people.values()}
                test = FlowTest("probe", "", probe.test.caller, staff, calls_from=probe.test.calls_from)
                holds(flow, rehearse_at(flow, test, occasion.moments[0]))
