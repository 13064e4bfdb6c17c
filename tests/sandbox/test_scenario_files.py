"""A scenario as it is written: what it may say, what it makes of people and of the flow, and when it is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowengine.flow.compiler import compile_flow
from flowengine.sandbox.agent import FailsAfter
from flowengine.sandbox.carrier import AnswerRefer, LoseCallback, Presses, PressesAsked, RestSilent, Says, Until
from flowengine.sandbox.scenario import Scenario, ScenarioError, StaffScript, changed, misfits, read_scenario, scenarios
from flowengine.sandbox.scripts import _before, staff_party
from flowengine.sandbox.trouble import troubles
from flowengine.sandbox.world import Options, play
from tests.sandbox.play import FLOWS, known, played

SMALL = """
about: A call.
flow: dental_office
at: Tue 10 Nov 2026 10:15am
caller: [{says: Hello.}]
"""


def written(more: str) -> Scenario:
    return read_scenario("it", SMALL + more)


def staff_of(more: str) -> StaffScript:
    return written("staff:\n  Dana:\n" + more).staff["Dana"]


# ---- people ----------------------------------------------------------------------------------------------------------


def test_what_stands_above_joined_is_done_before_they_meet() -> None:
    script = staff_of("    [accepts, {says: Who is it}, {says: Yes.}, {joined: true}, {says: Hi.}, {hangs_up: true}]")
    assert [line["says"] for line in script.before] == ["Who is it", "Yes."]
    assert script.says == ("Hi.",)
    assert "hangs_up" in script.after[-1]


def test_without_that_line_who_accepts_talks_to_the_caller_and_who_declines_to_us() -> None:
    assert staff_of("    [accepts, {says: Hello.}]").says == ("Hello.",)
    declines = staff_of("    [declined, {says: No.}]")
    assert (declines.says, len(declines.before)) == ((), 1)


def test_how_a_phone_rings_greets_and_is_reached() -> None:
    script = staff_of('    [voicemail, {rings: 1s}, {greets: Not here.}, {extension: "204"}]')
    assert (script.rings, script.greets, script.extension) == (1.0, "Not here.", "204")
    assert (script.before, script.after) == ((), ())
    assert staff_party(script).pickup.after == 1.0


def test_a_key_is_pressed_when_asked_for_unless_something_else_is_waited_for() -> None:
    lines = [{"presses": "7"}, {"says": "Hm."}, {"presses": "1"}, {"hears": "now"}, {"presses": "2"}]
    acts = _before(lines)
    assert acts == [PressesAsked("7"), Says("Hm."), PressesAsked("1"), Until("now", 90.0), Presses("2")]
    assert _before([{"presses": "none"}]) == []


def test_one_phone_of_a_person_may_do_something_else() -> None:
    scenario = written("staff: {Dana: busy, +1 212-555-0154: accepts}")
    assert scenario.script("Dana", "+12125550154").outcome == "accepts"
    assert scenario.script("Dana", "+12125550153").outcome == "busy"
    assert scenario.script("Luis", "+12125550152").outcome == "accepts"


def test_who_or_what_the_flow_does_not_have_is_said() -> None:
    flow = compile_flow((FLOWS / "dental_office.yaml").read_text("utf-8"), "it")
    scenario = written("staff: {Nobody: busy, +1 312-555-0111: busy}\nexpect: {rules: [emergency, made_up]}")
    assert misfits(scenario, flow) == ["no person 'Nobody'", "no rule 'made_up'"]


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("expects: {rule: none}", "a scenario has no expects"),
        ("expect: {caller_hear: [Hello]}", "an expectation has no caller_hear"),
        ("trouble: {rain: {}}", "trouble has no rain"),
        ("control: {lose_keys: {}}", "trouble has no lose_keys"),
        ("staff: {Dana: sleeps}", "a phone cannot 'sleeps'"),
        ("staff: {Dana: [voicemail, {rings: soon}]}", "soon"),
        ("staff: [Dana", "expected ',' or ']'"),
    ],
)
def test_a_word_nobody_knows_is_refused_by_name(more: str, said: str) -> None:
    with pytest.raises(ScenarioError, match="scenario it:") as refused:
        written(more)
    assert said in str(refused.value)


def test_a_scenario_that_lacks_something_is_refused() -> None:
    with pytest.raises(ScenarioError, match="about"):
        read_scenario("it", "flow: dental_office")
    with pytest.raises(ScenarioError, match="nobody on a phone can"):
        staff_party(staff_of("    [accepts, {sings: a song}]"))
    with pytest.raises(ScenarioError, match="digit"):
        played("crown", Options(), scenario=lambda _: written("trouble: {lose_key: {}}"))


# ---- the flow, otherwise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dental_office", "billing_support"])
def test_a_change_changes_nothing_else(name: str) -> None:
    text = (FLOWS / f"{name}.yaml").read_text("utf-8")
    flow = compile_flow(text, "it")
    other = compile_flow(changed(text, {"transfer": {"accept": "none", "no_key_because": "a queue"}}), "it")
    assert other.departments != flow.departments
    again = compile_flow(changed(text, {"format": "1"}), "it")
    for part in ("departments", "people", "rules", "hours", "hold", "tests", "receptionist", "office"):
        assert getattr(again, part) == getattr(flow, part), part


def test_a_change_lies_over_what_is_there_value_by_value() -> None:
    text = (FLOWS / "dental_office.yaml").read_text("utf-8")
    change = {"people": {"dana": {"extension": "204"}}, "hold": {"update_every": "15s"}}
    flow = compile_flow(changed(text, change), "it")
    assert (flow.people["dana"].extension, flow.people["dana"].phones) == ("204", ("+13125550111",))
    assert flow.hold.update_every == 15
    assert changed(text, {}) == text


def test_a_change_the_flow_cannot_have_is_said_as_such() -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        changed("a: [", {"hold": {}})
    file = FLOWS / "dental_office.yaml"
    monday = datetime(2026, 11, 9, 16, tzinfo=UTC)
    with pytest.raises(ScenarioError, match="does not fit"):
        play(str(file), file.read_text("utf-8"), monday, written("change: {hold: {music: {}}}"), Options())


# ---- trouble ---------------------------------------------------------------------------------------------------------


def test_trouble_goes_to_whom_it_concerns() -> None:
    found = troubles(
        {"rest_silent": {"path": "/Calls.json", "nth": "2"}, "lose_card": {}},
        {"refuse_refer": {"nth": "all"}, "receptionist_fails": {"after": "4s"}, "lose_callback": {"path": "/key"}},
    )
    assert found.carrier == (RestSilent("/Calls.json", 2), AnswerRefer(405, None), LoseCallback("/key", None))
    assert found.agent == (FailsAfter(4.0),)
    assert found.refuses_card


# ---- those that come with it -----------------------------------------------------------------------------------------


def test_there_is_a_scenario_for_each_way_and_each_failure() -> None:
    names = set(known())
    assert len(names) >= 25
    assert next(iter(scenarios())) == "crown"
    ways = {"crown", "parked_caller", "claim_referred", "charge_dialled", "no_key_needed", "briefed_in_conversation",
            "announced", "caller_number_shown", "extension", "note_on_voicemail"}  # fmt: skip
    failures = {"nobody_answers", "second_person", "declined_then_next", "voicemail_then_message", "caller_hangs_up",
                "refer_refused_then_next", "card_not_confirmed_callback", "ring_order_never_answered"}  # fmt: skip
    assert ways | failures <= names


def test_each_says_in_one_line_what_it_shows() -> None:
    for scenario in known().values():
        assert scenario.about.endswith(".")
        assert "\n" not in scenario.about
        assert Path(FLOWS / f"{scenario.flow}.yaml").exists()
