"""The whole engine on the sandbox: each scenario holds, and fails when one thing is taken from it."""

from __future__ import annotations

import math
import struct
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from flowengine.call.sentences import FILLER
from flowengine.desk.webhooks import webhook_secret
from flowengine.runtime.mulaw import encode
from flowengine.sandbox.agent import AgentBehaviour, DropsAfter, FailsAfter, HugeSummary, NamesUnknownRule, NeverReady
from flowengine.sandbox.carrier import Behaviour, CutStream, LoseMark, RestAnswers, RestSilent
from flowengine.sandbox.speech import find_words
from flowengine.sandbox.transcriber import DropsStream, RefusesStreams
from flowengine.sandbox.world import SECRET_KEY, Options
from tests.sandbox.play import SPEED, Played, as_it_stands, known, played

LINE = "I'm connecting you with our clinical team. It usually takes about half a minute."


def options(**more: Any) -> Options:
    return Options(speed=SPEED, **more)


@pytest.mark.parametrize("name", sorted(known()))
def test_the_scenario_holds(name: str) -> None:
    run = as_it_stands(name)
    assert run.failures == []
    assert run.journals.broken() == []
    assert [w for w in run.world.carrier.warnings if "lost on the way" not in w.text] == []


@pytest.mark.parametrize("name", sorted(known()))
def test_its_negative_control_fails(name: str) -> None:
    assert known()[name].control, "a scenario without a control proves nothing"
    assert played(name, options(control=True)).failures != []


# ---- the main job, looked at closely --------------------------------------------------------------------


@pytest.fixture(scope="module")
def crown() -> Played:
    return as_it_stands("crown")


def test_the_card_is_on_the_desk_before_the_first_phone_rings(crown: Played) -> None:
    (handoff,) = crown.report["handoffs"]
    assert handoff["decided_at"] <= handoff["card_at"] < handoff["first_ring_at"]
    assert handoff["first_ring_at"] < handoff["accepted_at"] < handoff["connected_at"]


def test_the_hand_off_line_is_heard_whole_and_as_written(crown: Played) -> None:
    assert LINE in crown.heard("agent")


def test_the_person_knows_who_and_why_before_meeting_the_caller(crown: Played) -> None:
    (briefing,) = [text for text in crown.heard("notice", "staff_heard") if "Maria" in text]
    assert "My crown just fell out" in briefing
    assert crown.report["card"]["headline"].startswith("Maria Lopez: My crown just fell out")


def test_both_sides_are_transcribed_after_connecting_word_for_word(crown: Played) -> None:
    connected = crown.report["handoffs"][0]["connected_at"]
    said = {speaker: [t["text"] for t in crown.report["transcript"] if t["at"] > connected and t["speaker"] == speaker]
            for speaker in ("caller", "staff", "agent")}  # fmt: skip
    assert said["staff"] == list(known()["crown"].staff["Hygiene desk"].says)
    assert said["caller"] == ["Oh wonderful, can you glue it back in today?", "Thank you so much, see you at two."]
    assert said["agent"] == []
    assert ("agent", LINE) in [(t["speaker"], t["text"]) for t in crown.report["transcript"]]


def test_what_the_caller_heard_tiles_the_call(crown: Played) -> None:
    at = crown.report["caller_heard"][0]["at"]
    for segment in crown.report["caller_heard"]:
        assert segment["at"] == pytest.approx(at, abs=0.05)
        at = segment["at"] + segment["seconds"]


def test_no_word_is_lost_between_the_wire_and_either_ear(crown: Played) -> None:
    """Both directions: what the agent's service sent is what the caller heard, what the caller said is what it got."""
    caller = next(r for r in crown.world.carrier.calls.values() if r.direction == "inbound")
    heard = " ".join(w.text for w in find_words(bytes(caller.heard_audio)) if w.speaker == "agent")
    transcript = [t["text"] for t in crown.report["transcript"] if t["speaker"] == "agent"]
    assert heard.replace(f"{FILLER} ", "") == " ".join(transcript)
    talk = next(s for s in crown.world.agent.sessions if s.conversation.calls)
    assert [text for text in talk.conversation.heard if text] == [
        "My crown just fell out and I'm flying tomorrow morning.",
        "My name is Maria Lopez.",
    ]


def test_the_agent_leaves_when_they_meet(crown: Played) -> None:
    talk = next(s for s in crown.world.agent.sessions if s.conversation.calls)
    assert talk.closed
    assert [m["type"] for m in talk.received][-1] == "session.end"
    assert talk.audio_in < crown.report["handoffs"][0]["connected_at"]


def test_the_phone_that_was_not_needed_stops_ringing(crown: Played) -> None:
    reed = next(r for r in crown.world.carrier.calls.values() if r.to == "+13125550122")
    assert reed.status in ("canceled", "no-answer")
    assert crown.report["handoffs"][0]["attempts"][1]["outcome"] == "cancelled"


def test_the_offices_own_system_gets_the_card_signed_and_with_a_link_to_its_page() -> None:
    run = as_it_stands("claim_referred")
    headers, text = run.world.receiver.received[0]
    webhook = Webhook(webhook_secret(SECRET_KEY))
    body = webhook.verify(text, {k.lower(): v for k, v in headers.items()})
    assert body["data"]["link"].startswith("http://127.0.0.1:")
    assert body["data"]["handoff"] == f"{run.report['call_id']}-h1"


# ---- it does not depend on how the run is run -----------------------------------------------------------


def shape(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its timing."""
    keep = ("rule", "department", "method", "outcome")
    return {
        "outcome": report["outcome"],
        "handoffs": [{k: h[k] for k in keep} for h in report["handoffs"]],
        "attempts": [(a["person"], a["outcome"]) for h in report["handoffs"] for a in h["attempts"]],
        "card": report["card"]["headline"],
        "said": [(t["speaker"], t["text"]) for t in report["transcript"]],
    }


def test_the_speed_changes_nothing_but_the_time_it_takes(crown: Played) -> None:
    assert shape(played("crown", Options(speed=12.0)).report) == shape(crown.report)


def test_the_night_rings_somebody_else() -> None:
    run = played("crown", scenario=lambda s: replace(s, at="Sun 8 Nov 2026 3am"))
    (handoff,) = run.report["handoffs"]
    assert handoff["department"] == "on_call_dentist"
    assert [a["person"] for a in handoff["attempts"]] == ["Dr. Reed"]


# ---- where the reference says uncertain, either way -----------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"behaviour": Behaviour(connect_action_after_redirect=True)},
        {"behaviour": Behaviour(callbacks="twice")},
        {"behaviour": Behaviour(callbacks="late")},
        {"behaviour": Behaviour(callbacks="shuffled", answer_before_rest_reply=True)},
        {"behaviour": Behaviour(chunk_per_track=True, completed_cancels_ringing=False)},
        {"agent": AgentBehaviour(ready_before_updated=True, code_case="upper", extra_events=True)},
        {"agent": AgentBehaviour(arguments="string", done_status="missing")},
        {"agent": AgentBehaviour(delivery="burst", filler_seconds=2.3)},
    ],
    ids=lambda more: repr(next(iter(more.values())))[:60],
)
def test_crown_holds_under_either_behaviour(more: dict[str, Any]) -> None:
    assert played("crown", options(**more)).failures == []


@pytest.mark.parametrize("misbehaviour", [HugeSummary(), NamesUnknownRule()], ids=lambda m: type(m).__name__)
def test_a_misbehaving_model_changes_nothing_the_engine_decides(misbehaviour: Any) -> None:
    assert played("crown", options(misbehaviour=(misbehaviour,))).failures == []


# ---- recovery -------------------------------------------------------------------------------------------


def with_faults(*faults: Any) -> Options:
    return options(faults=faults)


def test_a_stream_that_breaks_mid_call_comes_back_and_the_call_goes_on() -> None:
    run = played("crown", with_faults(CutStream(after=26.0)))
    assert run.report["outcome"] == "connected"
    assert len(run.times("MediaStarted")) == 2
    assert len(run.times("CallerReturned")) == 1


def test_an_agent_that_drops_is_resumed_without_the_caller_noticing() -> None:
    run = played("crown", options(misbehaviour=(DropsAfter(seconds=8.0),)))
    assert run.report["outcome"] == "connected"
    assert run.times("AgentFailed") == []


def test_an_agent_that_fails_mid_call_leads_to_a_person_after_words() -> None:
    run = played("crown", options(misbehaviour=(FailsAfter(seconds=4.0),)), scenario=lambda s: replace(s, expect={}))
    (handoff,) = run.report["handoffs"]
    assert handoff["rule"] == "receptionist_down"
    assert run.report["outcome"] == "connected"
    until = handoff["connected_at"]
    silences = [s for s in run.report["caller_heard"] if s["what"] == "silence" and s["at"] < until]
    assert max(min(s["seconds"], until - s["at"]) for s in silences) < 3.0


def test_an_agent_that_never_says_ready_is_given_two_seconds() -> None:
    run = played("crown", options(misbehaviour=(NeverReady(),)), scenario=lambda s: replace(s, expect={}))
    assert run.report["handoffs"][0]["rule"] == "receptionist_down"
    assert run.times("AgentFailed")[0] == pytest.approx(2.0, abs=0.3)
    assert run.report["outcome"] == "connected"


@pytest.mark.parametrize("fault", [RefusesStreams(), DropsStream(6.0, times=1)], ids=lambda f: type(f).__name__)
def test_a_transcript_that_fails_never_touches_the_call(fault: Any) -> None:
    run = played(
        "crown", options(transcripts=(fault,)), scenario=lambda s: replace(s, expect={"ends_with": "connected"})
    )
    assert run.failures == []
    assert run.times("TranscriptGap") != []


def test_a_mark_that_never_comes_back_delays_but_does_not_stop_the_hand_off() -> None:
    run = played("crown", with_faults(LoseMark(3)))
    assert run.report["outcome"] == "connected"


def test_a_create_that_is_never_answered_rings_one_phone_and_connects() -> None:
    run = played("second_person", with_faults(RestSilent("/Calls.json", nth=2)))
    assert run.report["outcome"] == "connected"
    assert [a["person"] for a in run.report["handoffs"][0]["attempts"]] == ["Dana", "Luis"]
    assert len([r for r in run.world.carrier.calls.values() if r.direction == "outbound-api"]) == 2


def test_too_many_requests_are_tried_again_and_ring_each_phone_once() -> None:
    run = played("second_person", with_faults(RestAnswers("/Calls.json", 429, 20429)))
    assert run.failures == []
    assert len([r for r in run.world.carrier.calls.values() if r.direction == "outbound-api"]) == 2


def test_a_refused_move_means_the_caller_is_gone_and_staff_are_told() -> None:
    run = played("crown", with_faults(RestAnswers("/Calls/", 400, 21220)), scenario=lambda s: replace(s, expect={}))
    assert run.report["outcome"] == "abandoned"
    assert any("just hung up" in text for text in run.heard("notice", "staff_heard"))


# ---- the file decides -----------------------------------------------------------------------------------


def test_another_greeting_in_the_file_is_another_greeting_in_the_ear() -> None:
    run = played("crown", change=lambda text: text.replace("How can I help?", "What can I do for you today?", 1))
    assert run.heard("agent")[0].endswith("What can I do for you today?")


def test_another_order_of_people_rings_another_phone_first() -> None:
    run = played(
        "second_person",
        change=lambda text: text.replace("people: [dana, luis]", "people: [luis, dana]"),
        scenario=lambda s: replace(s, expect={}),
    )
    assert [a["person"] for a in run.report["handoffs"][0]["attempts"]] == ["Luis"]


def test_other_music_in_the_file_is_other_music_in_the_ear(tmp_path: Path) -> None:
    tone = [round(9000 * math.sin(2 * math.pi * 300 * i / 8000)) for i in range(8000 * 4)]
    with wave.open(str(tmp_path / "tone.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack(f"<{len(tone)}h", *tone))
    run = played("crown", change=lambda text: text.replace("music: built-in ", "music: tone.wav "), folder=tmp_path)
    assert run.failures == []
    caller = next(r for r in run.world.carrier.calls.values() if r.direction == "inbound")
    assert encode(tone[:4000]) in bytes(caller.heard_audio)
