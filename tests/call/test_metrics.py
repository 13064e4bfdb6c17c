"""The figures over many calls: each by a small example, and what holds for all of them whatever the calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.call import figures_told as told
from flowengine.call.measures import CallMeasures, HandOver, unmeasured
from flowengine.call.metrics import Value, alerts, figures, summary
from flowengine.flow.figures import ALERT, ALERT_LEAST, FIGURES
from flowengine.flow.reference_figures import figures_page
from flowengine.flow.shape import schema

NOW = datetime(2026, 11, 10, 16, 0, tzinfo=UTC)
WEEK = NOW - timedelta(days=7)
CHICAGO = ZoneInfo("America/Chicago")


def handover(**changes: Any) -> HandOver:
    """One that was connected after 20 s and talked for a minute."""
    plain = HandOver("c1-h1", "asked_for_a_person", "front_desk", "conference", "connected", 10.0,
                     ("accepted",), 30.0, 90.0, "caller")  # fmt: skip
    return replace(plain, **changes)


def abandoned(**changes: Any) -> HandOver:
    return handover(outcome="abandoned", connected=None, over=None, over_by="", attempts=("caller_gone",), **changes)


def call(*handovers: HandOver, days_ago: float = 1.0, caller: str = "", **changes: Any) -> CallMeasures:
    started = (NOW - timedelta(days=days_ago)).isoformat()
    return replace(CallMeasures("c1", "f", started, "connected", caller, handovers), **changes)


def figure(name: str, *calls: CallMeasures) -> Value:
    return figures(calls, WEEK, NOW)[name]


def fraction(name: str, *calls: CallMeasures) -> tuple[float, int]:
    found = figure(name, *calls)
    return found.over, found.of


def test_the_transfer_rate_counts_calls_and_not_hand_overs() -> None:
    assert fraction("transfer_rate", call(handover(), handover()), call(), call(abandoned())) == (2, 3)


def test_a_person_was_needed_by_what_staff_said_and_else_by_how_long_they_talked() -> None:
    short = handover(over=35.0)
    said = [handover(needed_person=False), handover(needed_person=True), replace(short, needed_person=True)]
    silent = [handover(), short, abandoned()]
    assert fraction("transfer_precision", *map(call, said)) == (2, 3)
    assert fraction("transfer_precision", *map(call, silent)) == (1, 2)


def test_abandoned_is_of_all_hand_overs() -> None:
    message = handover(outcome="message", connected=None, over=None)
    assert fraction("abandoned", call(abandoned(), handover()), call(message), call()) == (1, 3)


def test_the_time_to_answer_is_the_median_of_the_connected_and_what_nine_of_ten_stay_within() -> None:
    waits = [handover(connected=10.0 + seconds) for seconds in (5, 10, 20, 40, 100)]
    found = figure("time_to_answer", *map(call, waits), call(abandoned()))
    assert (found.value, found.p90, found.of, found.over) == (20.0, 100.0, 5, 175.0)
    ten = figure("time_to_answer", *(call(handover(connected=10.0 + s)) for s in range(1, 11)))
    assert (ten.value, ten.p90) == (5.5, 9.0)


def test_the_time_to_context_is_of_those_in_which_it_came_up() -> None:
    found = figure("time_to_context", call(handover(context=4.0)), call(handover()), call(abandoned()))
    assert (found.value, found.of, found.left_out) == (4.0, 1, 1)


def test_the_repeat_rate_is_of_those_of_which_it_can_be_said() -> None:
    calls = [call(handover(repeated=which)) for which in (("reason",), (), None)]
    found = figure("repeat_rate", *calls, call(abandoned()))
    assert (found.over, found.of, found.left_out) == (1, 2, 1)


def test_the_handle_time_is_of_talks_that_are_over() -> None:
    assert figure("handle_time", call(handover()), call(handover(over=None))).value == 60.0


def test_attempts_are_phones_rung_for_each_hand_over_that_rang_any() -> None:
    found = figure("attempts", call(handover(attempts=("busy", "accepted"))), call(handover()), call(abandoned()))
    assert (found.over, found.of) == (4, 3)
    assert found.value == pytest.approx(4 / 3)
    assert figure("attempts", call(handover(attempts=()))).value is None


def test_cut_off_is_over_within_seconds_and_not_by_the_person() -> None:
    ways = [handover(over=36.0), handover(over=36.0, over_by="staff"), handover(over=41.0), handover(over=None)]
    assert fraction("cut_off", *map(call, ways), call(abandoned())) == (1, 3)


# ---- first-call resolution -------------------------------------------------------------------------------------------


def resolved(answer: bool | None, days_ago: float, caller: str = "m") -> CallMeasures:
    return call(handover(resolved=answer), days_ago=days_ago, caller=caller)


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ([resolved(True, 10)], (1, 1)),
        ([resolved(False, 10)], (0, 1)),
        ([resolved(None, 10)], (0, 0)),
        ([resolved(True, 10, caller="")], (0, 0)),  # withheld: nobody knows whether they called again
        ([resolved(True, 10), call(days_ago=5, caller="m")], (0, 1)),
        ([resolved(True, 10), call(days_ago=5, caller="l")], (1, 1)),
        ([resolved(True, 13.9), call(days_ago=6.5, caller="m")], (1, 1)),  # a week and more later
        ([resolved(True, 3)], (0, 0)),  # not known yet
        ([resolved(True, 15)], (0, 0)),  # before the period
        ([resolved(True, 10), resolved(True, 9)], (1, 2)),
    ],
)
def test_a_call_resolved_it_when_staff_say_so_and_the_caller_does_not_call_again(
    calls: list[CallMeasures], found: tuple[int, int]
) -> None:
    assert fraction("first_call_resolved", *calls) == found


def test_what_staff_said_last_of_a_call_with_two_hand_overs_counts() -> None:
    both = call(handover(resolved=False), handover(resolved=True), handover(), days_ago=9, caller="m")
    assert fraction("first_call_resolved", both) == (1, 1)


# ---- what cannot be measured -----------------------------------------------------------------------------------------


def test_nothing_to_divide_by_is_not_enough_data_and_never_zero() -> None:
    for name, value in figures([], WEEK, NOW).items():
        assert (value.value, value.of) == (None, 0), name
        assert told.value(value) == "not enough data"
        assert told.basis(value) == ""


def test_a_call_that_cannot_be_read_counts_as_a_call_and_is_said() -> None:
    emptied = unmeasured("c2", "f", (NOW - timedelta(days=2)).isoformat(), "connected")
    found = summary("f", [call(handover()), emptied], WEEK, NOW, CHICAGO)
    assert (found.calls, found.measured, found.handovers) == (2, 1, 1)
    assert found.figures["transfer_rate"].value == 1.0
    assert told.measured(found) == "2 calls; 1 of them could be measured, with 1 hand-over"
    assert any("emptied by retention" in remark for remark in told.remarks(found))


def test_a_summary_has_every_day_of_the_office_and_the_waits_and_the_reasons() -> None:
    late = replace(call(handover(rule="emergency")), started="2026-11-09T05:30:00+00:00")  # still the 8th in Chicago
    found = summary("f", [late, call(handover(connected=75.0), abandoned())], WEEK, NOW, CHICAGO)
    assert [day.day for day in found.days] == [date(2026, 11, 3) + timedelta(days=i) for i in range(8)]
    by_day = {day.day.day: (day.calls, day.handovers, day.connected, day.abandoned) for day in found.days if day.calls}
    assert by_day == {8: (1, 1, 1, 0), 9: (1, 2, 1, 1)}
    assert dict(zip(told.bins(), found.waits, strict=True))["60-90 s"] == 1
    assert sum(found.waits) == 2
    assert found.rules == (("asked_for_a_person", 2), ("emergency", 1))
    assert found.outcomes == (("connected", 2), ("abandoned", 1))


def test_a_day_of_a_changing_clock_is_one_day() -> None:
    """The clocks of Chicago go back on 1 November 2026."""
    start = datetime(2026, 10, 31, 0, 0, tzinfo=CHICAGO)
    end = datetime(2026, 11, 3, 0, 0, tzinfo=CHICAGO)
    assert [day.day.day for day in summary("f", [], start, end, CHICAGO).days] == [31, 1, 2]


# ---- alerts ----------------------------------------------------------------------------------------------------------


def raised(limits: dict[str, float], *calls: CallMeasures) -> dict[str, bool]:
    return dict(alerts(limits, figures(calls, WEEK, NOW)))


def test_an_alert_needs_ten_and_a_figure_beyond_its_limit() -> None:
    nine = [call(handover())] * 8 + [call(abandoned())]
    assert raised({"abandoned": 5}, *nine) == {"abandoned": False}
    assert raised({"abandoned": 5}, *nine, call(handover())) == {"abandoned": True}


def test_a_share_at_its_limit_is_within_it() -> None:
    """Whatever it is worth in binary: 7 of 100 times 100 is more than 7 there, and 29 of 100 less than 29."""
    for percent in range(101):
        found = {name: Value(name, percent, 100, percent / 100) for name in ("abandoned", "transfer_precision")}
        assert alerts(dict.fromkeys(found, percent), found) == dict.fromkeys(found, False), percent


def test_a_time_at_its_limit_is_within_it() -> None:
    waits = [call(handover(decided=14.34, connected=14.34 + 26.13)) for _ in range(10)]  # 26.130000000000003
    assert raised({"time_to_answer": 26.13}, *waits) == {"time_to_answer": False}
    assert raised({"time_to_answer": 26.12}, *waits) == {"time_to_answer": True}


def test_some_figures_are_bad_when_they_are_low_and_times_go_by_the_median() -> None:
    ten = [call(handover(needed_person=i < 7, connected=10.0 + 15.0 * i)) for i in range(10)]
    assert raised({"transfer_precision": 80, "time_to_answer": 60}, *ten) == {
        "transfer_precision": True,
        "time_to_answer": True,
    }
    assert raised({"transfer_precision": 70, "time_to_answer": 70}, *ten) == {
        "transfer_precision": False,
        "time_to_answer": False,
    }


def test_an_alert_is_one_sentence() -> None:
    found = figures([call(handover(connected=80.0))] * 10 + [call(abandoned())], WEEK, NOW)
    assert told.alert(found["abandoned"], 5) == (
        "Abandoned while waiting: 9% (1 of 11) in the last 7 days; the limit is 5%."
    )
    assert (
        told.alert(found["time_to_answer"], 60)
        == "Time to answer: half of them take 1 min 10 s or more in the last 7 days; the limit is 1 min."
    )
    assert told.alert(Value("attempts", 35, 10, 3.5), 3) == (
        "Attempts per hand-over: 3.5 (35 for 10) in the last 7 days; the limit is 3."
    )
    assert told.alert(Value("first_call_resolved", 6, 10, 0.6), 70) == (
        "First-call resolution: 60% (6 of 10) in the 7 days before the last 7 days; the limit is 70%."
    )


# ---- in words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (8.44, "8.4 s"), (9.97, "10 s"), (59.6, "1 min"), (65, "1 min 5 s"), (3720, "1 h 2 min")],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert told.seconds(seconds) == words


def test_what_a_figure_rests_on_in_words() -> None:
    one, three = ([call(handover(connected=10.0 + 8 * i, repeated=())) for i in range(1, n + 1)] for n in (1, 3))
    assert told.basis(figure("time_to_answer", *one)) == "only one"
    assert told.basis(figure("time_to_answer", *three)) == "half of 3 took no longer, nine in ten at most 24 s"
    assert told.basis(figure("attempts", *three)) == "3 for 3"
    assert told.basis(figure("repeat_rate", *three, call(handover()))) == "0 of 3; 1 not known"


def test_a_share_is_never_rounded_to_nothing_or_to_all() -> None:
    shares = [Value("abandoned", over, of, over / of) for over, of in ((1, 300), (299, 300), (0, 5), (5, 5), (1, 3))]
    assert [told.value(v) for v in shares] == ["0.3%", "99.7%", "0%", "100%", "33%"]


# ---- whatever the calls ----------------------------------------------------------------------------------------------

moments = st.floats(0, 500, allow_nan=False)


@st.composite
def any_handover(draw: st.DrawFn) -> HandOver:
    connected = draw(st.none() | moments)
    over = None if connected is None else draw(st.none() | moments.map(lambda s: connected + s))
    return handover(
        rule=draw(st.sampled_from(["a", "b"])),
        outcome="connected" if connected is not None else draw(st.sampled_from(["abandoned", "message", "referred"])),
        attempts=tuple(draw(st.lists(st.sampled_from(["busy", "accepted"]), max_size=4))),
        decided=0.0,
        connected=connected,
        over=over,
        over_by="" if over is None else draw(st.sampled_from(["caller", "staff"])),
        context=None if connected is None else draw(st.none() | moments),
        repeated=None if connected is None else draw(st.none() | st.just(("reason",)) | st.just(())),
        resolved=draw(st.none() | st.booleans()),
        needed_person=draw(st.none() | st.booleans()),
    )


@st.composite
def any_call(draw: st.DrawFn, callers: str = "mnl") -> CallMeasures:
    if draw(st.integers(0, 9)) == 0:
        return unmeasured("c", "f", (NOW - timedelta(days=draw(st.floats(0, 15)))).isoformat(), "ended")
    handovers = draw(st.lists(any_handover(), max_size=3))
    return call(*handovers, days_ago=draw(st.floats(0.001, 15)), caller=draw(st.sampled_from(["", *callers])))


calls = st.lists(any_call(), max_size=12)


@given(calls, st.randoms())
def test_the_order_of_the_calls_does_not_matter(every: list[CallMeasures], random: Any) -> None:
    shuffled = random.sample(every, len(every))
    assert figures(shuffled, WEEK, NOW) == figures(every, WEEK, NOW)
    assert summary("f", shuffled, WEEK, NOW, CHICAGO) == summary("f", every, WEEK, NOW, CHICAGO)


@given(calls)
def test_every_figure_is_a_share_or_a_time_or_says_that_there_is_not_enough(every: list[CallMeasures]) -> None:
    for name, value in figures(every, WEEK, NOW).items():
        assert (value.value is None) == (value.of == 0), name
        assert told.value(value)
        if value.value is not None and FIGURES[name].kind == "percent":
            assert 0 <= value.over <= value.of
            assert value.value == value.over / value.of
        if value.value is not None and FIGURES[name].kind == "duration":
            assert value.p90 is not None
            assert 0 <= value.value <= value.p90
    assert set(alerts(dict.fromkeys(FIGURES, 1.0), figures(every, WEEK, NOW))) == set(FIGURES)


@given(st.lists(any_call("mn"), max_size=8), st.lists(any_call("op"), max_size=8))
def test_two_offices_together_have_the_sum_of_what_was_counted(a: list[CallMeasures], b: list[CallMeasures]) -> None:
    """Callers of one office are not those of the other."""
    one, other, both = figures(a, WEEK, NOW), figures(b, WEEK, NOW), figures([*a, *b], WEEK, NOW)
    for name in FIGURES:
        assert both[name].of == one[name].of + other[name].of, name
        assert both[name].over == pytest.approx(one[name].over + other[name].over), name
        assert both[name].left_out == one[name].left_out + other[name].left_out, name


@given(calls)
def test_a_report_of_any_calls_can_be_told(every: list[CallMeasures]) -> None:
    found = summary("f", every, WEEK, NOW, CHICAGO)
    told.as_json(found, alerts({"abandoned": 5}, found.figures))
    assert sum(day.calls for day in found.days) == found.measured <= found.calls
    assert sum(found.waits) == sum(day.connected for day in found.days) == found.connected
    assert sum(count for _, count in found.rules) == sum(day.handovers for day in found.days) == found.handovers


# ---- one table -------------------------------------------------------------------------------------------------------


def test_what_is_computed_what_is_told_and_what_a_flow_may_limit_are_the_same_figures() -> None:
    limits = schema()["properties"]["alert_when"]
    words = limits["properties"]
    assert f"Over the last {ALERT}, and from {ALERT_LEAST} hand-overs on" in limits["description"]
    assert list(figures([], WEEK, NOW)) == list(FIGURES) == list(words)
    for name, figure_ in FIGURES.items():
        assert words[name]["$ref"] == f"#/$defs/{figure_.kind}"
        assert words[name]["description"] == f"{figure_.says} Alert {figure_.alert} this limit."
        assert f"`{name}`" in figures_page()
        assert figure_.limits in figures_page()
