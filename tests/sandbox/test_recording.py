"""Recording on the whole engine: not a sound before a yes, all of it after, and none after a no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from flowengine.sandbox.carrier import Behaviour, RestAnswers, RestSilent
from flowengine.sandbox.scenario import Scenario
from flowengine.sandbox.world import Options
from tests.sandbox.play import SPEED, Played, as_it_stands, played

ALWAYS = {"privacy": {"recording": "always", "consent_line": "This call is recorded."}}
HELLO: Mapping[str, str] = {"hears": "How can I help?"}


def said(run: Played, text: str) -> float:
    """When the engine had the caller's words."""
    return next(float(t["at"]) for t in run.report["transcript"] if t["speaker"] == "caller" and text in t["text"])


def told(scenario: Scenario, *lines: Mapping[str, Any], **changes: Any) -> Scenario:
    """The scenario with an office that always records, other first lines of the caller and nothing expected of it."""
    return replace(scenario, change=ALWAYS, caller=(*lines, *scenario.caller[2:]), expect={}, **changes)


@pytest.fixture(scope="module")
def agreed() -> Played:
    return as_it_stands("recording_agreed")


def test_nothing_is_recorded_before_the_yes_and_everything_after_it(agreed: Played) -> None:
    run = agreed
    assert run.failures == []
    (kept,) = run.report["recorded"]
    assert said(run, "Yes.") <= kept["at"] < said(run, "Yes.") + 1.0
    assert kept["until"] == pytest.approx(run.times("CallerHungUp")[0], abs=1.0)
    assert kept["said"].endswith("can you glue it back in today?")
    assert len(run.world.carrier.recordings) == 1


def test_the_address_lands_on_the_card_and_in_the_journal_after_the_end(agreed: Played) -> None:
    run = agreed
    (name,) = run.world.carrier.recordings
    assert run.report["card"]["recording"].endswith(f"/Recordings/{name}")
    assert run.times("RecordingEnded")[0] > run.times("CallerHungUp")[0]


def test_a_carrier_that_ends_the_recording_with_a_redirect_is_asked_for_the_rest() -> None:
    run = played("recording_agreed", Options(speed=SPEED, behaviour=Behaviour(redirect_ends_recording=True)))
    assert run.failures == []
    first, second = run.report["recorded"]
    assert "My crown just fell out" in first["said"]
    assert "glue it back in" in second["said"]


@pytest.mark.parametrize("callbacks", ["twice", "shuffled", "late"])
def test_callbacks_may_come_as_they_like(callbacks: Any) -> None:
    run = played("recording_agreed", Options(speed=SPEED, behaviour=Behaviour(callbacks=callbacks)))
    assert run.failures == []
    assert len(run.report["recorded"]) == 1


@pytest.mark.parametrize(
    "fault", [RestAnswers("/Recordings.json", 500, 20500, nth=None), RestSilent("/Recordings.json")]
)
def test_a_carrier_that_cannot_or_does_not_say_never_stops_a_call(fault: Any) -> None:
    run = played(
        "recording_agreed",
        Options(speed=SPEED, faults=(fault,)),
        scenario=lambda s: replace(s, expect={"ends_with": "connected"}),
    )
    assert run.failures == []
    assert len(run.report.get("recorded", [])) == isinstance(fault, RestSilent)


def test_always_tells_first_and_records_from_there_on() -> None:
    run = played("recording_agreed", scenario=lambda s: told(s, HELLO))
    (kept,) = run.report["recorded"]
    told_at = next(
        s for s in run.report["caller_heard"] if "This call is recorded. How can I help?" in (s["text"] or "")
    )
    assert kept["at"] >= told_at["at"] + told_at["seconds"] - 0.3
    assert "My crown just fell out" in kept["said"]
    assert run.report["card"]["consent"] == "Recorded: the caller was told"


def test_whoever_objects_is_recorded_no_more() -> None:
    stop = {"says": "Please stop recording this."}
    run = played("recording_agreed", scenario=lambda s: told(s, HELLO, stop))
    (kept,) = run.report["recorded"]
    assert kept["until"] < said(run, "stop recording") + 1.5
    assert "crown" not in kept["said"]
    assert run.report["outcome"] == "connected"
    assert run.report["card"]["consent"].startswith("Recording stopped")


def test_nobody_is_recorded_when_the_receptionist_does_not_work() -> None:
    run = played("recording_agreed", scenario=lambda s: told(s, receptionist_fails=True))
    assert "recorded" not in run.report
    assert run.times("RecordingStarted") == []
