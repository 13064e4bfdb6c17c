"""Routes: the table of one sentence, the matrix of every rule, and which occasions there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowengine.call.probes import probes
from flowengine.call.routes import chain, matrix, nobody, route, table
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow
from flowengine.flow.occasions import occasions, situation
from tests.flow.office import billing, dental, small

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("flow", [dental(), billing()], ids=lambda flow: str(flow.key))
def test_the_matrix_is_the_golden_file(flow: Flow) -> None:
    """Written by `flowengine route FLOW --all`; a difference here is a difference for callers."""
    assert "\n".join(matrix(flow)) + "\n" == (GOLDEN / f"{flow.key}.routes.txt").read_text("utf-8")


def test_the_table_answers_who_is_rung_and_what_each_hears() -> None:
    flow = dental()
    told = list(table(flow, "Can I talk to a person?", moment(flow, "Tue 10 Nov 2026 4:55pm"), {"Dana": "no answer"}))
    text = "\n".join(told)
    assert told[:2] == ["“Can I talk to a person?”", "Tuesday 10 November 2026, 4:55 pm"]
    assert "Dana for 20 s, at once: no answer" in text
    assert "Luis for 20 s, after 20 s: accepted" in text
    assert "“I'm connecting you with our front desk. It usually takes about half a minute.”" in text
    assert "connected, to Luis" in text


def test_friday_afternoon_is_another_answer() -> None:
    flow = dental()
    text = "\n".join(table(flow, "Can I talk to a person?", moment(flow, "Fri 4:55pm"), {}))
    assert "closed, open again Monday at 8 am" in text
    assert "take_message" in text
    assert "rings" not in text


def test_every_rule_of_a_flow_has_a_caller_who_makes_it_true() -> None:
    flow = dental()
    at = occasions(flow)[1].moments[0]
    for probe in probes(flow):
        got = route(flow, probe.test, at).got
        assert got.rule == probe.rule, probe.about


def test_nobody_answering_shows_the_whole_list() -> None:
    flow = dental()
    (probe,) = [p for p in probes(flow) if p.rule == "clinical_question"]
    found = route(flow, replace(probe.test, staff=nobody(flow)), occasions(flow)[1].moments[0])
    told = chain(flow, found)
    assert told == "clinical: Hygiene desk + Dr. Reed 20 s, then front_desk: Dana 20 s, Luis 20 s, then take_message"


# ---- occasions -------------------------------------------------------------------------------------------------------


def test_an_office_that_never_closes_has_one_occasion() -> None:
    flow = small(("  mon-fri: 8am - 5pm\n  sat-sun: closed\n", "  mon-sun: all day\n"))
    (only,) = occasions(flow)
    assert only.words == "at any time"


def test_hours_of_people_and_special_days_make_occasions_of_their_own() -> None:
    eve = "  exceptions:\n    - {date: 24 Dec, hours: 8am - 10am, name: Eve}\n"
    flow = small(
        ("phone: +1 312-555-0112}", "phone: +1 312-555-0112, hours: {mon-fri: 8am - 12pm}}"),
        ("  sat-sun: closed\n", f"  sat-sun: closed\n{eve}"),
    )
    found = {situation(flow, o.moments[0])[1][0]: o.words for o in occasions(flow)}
    assert found[("dana", "luis")] == "Monday to Friday 8 am to 12 pm; Eve 8 am to 10 am"
    assert found[("dana",)] == "Monday to Friday 12 pm to 5 pm"
    assert set(found) == {(), ("dana",), ("dana", "luis")}


def test_every_quarter_hour_of_a_week_is_one_of_the_occasions() -> None:
    flow = billing()
    known = {situation(flow, o.moments[0]) for o in occasions(flow)}
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        for quarter in range(96):
            at = moment(flow, f"{day} {quarter // 4:02d}:{quarter % 4 * 15:02d}")
            assert situation(flow, at) in known
