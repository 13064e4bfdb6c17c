"""An error in one place keeps nothing else from being checked, and nothing untrue is said for it."""

from __future__ import annotations

import pytest

from flowengine.flow import partial
from flowengine.flow.abilities import LIMITS
from flowengine.flow.checks import MEANING
from flowengine.flow.compiler import check
from flowengine.flow.shape import schema
from tests.flow.mutations import outcomes
from tests.flow.office import codes, findings, text
from tests.flow.test_codes import FLOW, said_in

ENDS = ("[dana, luis]", "[dana, luis]\n    if_no_one_answers: take_message")
FAR_TOO_LONG = ("[dana, luis]", "[dana, luis]\n    if_no_one_answers: take_message\n    ring_for: 700s")
TWO_RULES = (
    "    to: front_desk",
    "    to: front_desk\n  - rule: again\n    caller_wants: to speak with a person\n    to: take_message",
)


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        (("name: Ava", "name: Ava\n  vioce: anna"), "unknown-key"),
        (("flow: small", "flow: small\nknown_callers:\n  friends: [12]"), "bad-phone"),
        (("mon-fri: 8am - 5pm", "mon-fri: 8am to 5"), "bad-hours"),
        (("  name: Small Office\n", ""), "missing-key"),
        (
            ("flow: small", "flow: small\ntests:\n  - name: one\n    at: soon\n    caller: Hi\n    expect: {}"),
            "bad-moment",
        ),
        (("flow: small", "flow: small\nholt:\n  music: built-in"), "unknown-key"),
        (("flow: small", "flow: small\nshared: nowhere.yaml"), "shared-file"),
    ],
)
def test_rules_and_departments_are_checked_beside_an_error_elsewhere(slip: tuple[str, str], told: str) -> None:
    assert "never-reached" in codes(text(ENDS, TWO_RULES))
    assert {told, "never-reached"} <= set(codes(text(ENDS, TWO_RULES, slip)))


def test_a_phone_that_rings_for_ever_is_found_beside_an_error() -> None:
    assert "ring-range" in codes(text(FAR_TOO_LONG, ("name: Ava", "name: Ava\n  vioce: anna")))
    assert codes(text(ENDS, ("name: Ava", "name: Ava\n  vioce: anna"))) == ["unknown-key"]


def test_nothing_is_said_that_hangs_on_what_is_broken() -> None:
    # how long the phones ring is not known, so neither whether the caller waits long enough
    slow = ("[dana, luis]", "[dana, luis]\n    if_no_one_answers: take_message\n    ring_for: 90s")
    assert "wait-too-short" in codes(text(slow))
    assert codes(text(slow, add="transfer:\n  accept_within: soon\n")) == ["bad-duration"]
    # who calls the broken rule is for may be all that the department is for
    unused = ("when_to_transfer", "  back:\n    people: [dana]\n    if_no_one_answers: take_message\nwhen_to_transfer")
    hidden = ("dana: {name: Dana,", "dana: {name: Dana, callers_may_ask_for: false,")
    assert "unused-department" in codes(text(ENDS, unused, hidden))
    broken = ("    to: front_desk", "    to: front_desk\n  - rule: x\n    key_pressed: ten\n    to: back")
    assert codes(text(ENDS, unused, hidden, broken)) == ["not-allowed"]


def test_what_names_a_broken_piece_is_set_aside_with_it() -> None:
    source = text(ENDS, ("luis: {name: Luis,", "luis: {nam: Luis,"))
    doc = check(source, "small.yaml").document
    assert doc is not None
    part = partial.sound_part(doc, findings(source))
    assert part is not None
    assert part.document.get("people").keys() == {"dana"}
    assert part.document.get("departments") == {}
    assert part.document.get("when_to_transfer") == []
    assert part.broken == {"people", "departments", "when_to_transfer"}


def test_places_of_what_is_left_are_those_of_the_file() -> None:
    broken_first = ("  - rule: asked", "  - rule: x\n    key_pressed: ten\n    to: front_desk\n  - rule: asked")
    told = [d for d in findings(text(ENDS, TWO_RULES, broken_first)) if d.code == "never-reached"]
    assert [d.excerpt.strip() for d in told] == ["caller_wants: to speak with a person"]
    assert told[0].line == text(ENDS, TWO_RULES, broken_first).splitlines().index("  - rule: again") + 2


def test_a_group_that_is_there_twice_leaves_nothing_sure() -> None:
    assert "never-reached" not in codes(text(ENDS, TWO_RULES, add="people:\n  eve: {name: Eve, phone: 312-555-0113}\n"))


def test_slips_in_good_flows_bring_no_false_alarms() -> None:
    """What is found in the sound part of a good flow with a slip would be found in the good flow, which has nothing."""
    told = [o for o in outcomes(600, 7) if o.flow is None]
    slips = [o for o in told if any(d.severity == "error" and d.code not in partial.HOLDS_WITH for d in o.found)]
    assert len(slips) > 200
    for outcome in slips:
        assert {d.code for d in outcome.found} & partial.HOLDS_WITH.keys() <= {"rings-itself"}, outcome.mutation


def test_every_finding_of_the_finished_flow_says_what_it_holds_with() -> None:
    said = {
        code
        for check in MEANING
        for code, severity in said_in((FLOW / _file(check.__module__)).read_text())
        if severity
    }
    assert partial.HOLDS_WITH.keys() <= said | {limit.code for limit in LIMITS}
    assert frozenset().union(*partial.HOLDS_WITH.values()) <= schema()["properties"].keys()


def _file(module: str) -> str:
    return module.rpartition(".")[2] + ".py"
