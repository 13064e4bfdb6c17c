"""Forms become events; frames become audio, keys and marks; nothing a peer sends becomes a traceback."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.call.events import (
    DialEnded,
    LegCreated,
    LegEnded,
    LegRinging,
    MachineDetected,
    MessageRecorded,
    ReferAnswered,
)
from flowengine.carriers.twilio.protocol import (
    LARGEST_MESSAGE,
    Encoder,
    arrives_by,
    caller_number,
    decode,
    dial_ended,
    dialled_number,
    leg_news,
    machine_news,
    recorded,
    refer_answered,
    room_news,
)

from .conftest import start_frame

LEG = "c1-staff-1"


# ---- numbers


@pytest.mark.parametrize(
    ("given_as", "number"),
    [
        ("+13125550100", "+13125550100"),
        ("sip:+13125550100@pbx.example.com;user=phone", "+13125550100"),
        ("SIPS:%2B13125550100;ext=1@pbx.example.com:5061", "+13125550100"),
        ("anonymous", ""),
        ("+266696687", ""),
        ("client:maria", ""),
        ("sip:anonymous@anonymous.invalid", ""),
        ("sip:pbx.example.com", ""),
        ("+0123", ""),
        ("", ""),
    ],
)
def test_a_caller_is_a_number_or_withheld(given_as: str, number: str) -> None:
    assert caller_number({"From": given_as}) == number


def test_a_dialled_sip_address_is_read_as_its_number() -> None:
    form = {"To": "sip:+13125550100@office.sip.example.com", "From": "+13125550199"}
    assert (dialled_number(form), arrives_by(form)) == ("+13125550100", "sip")
    assert arrives_by({"To": "+13125550100", "From": "+13125550199"}) == "phone"
    assert arrives_by({"To": "100", "From": "200", "SipDomain": "office.example.com"}) == "sip"


# ---- staff legs


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("completed", "", "completed"),
        ("completed", "603", "completed"),
        ("busy", "486", "busy"),
        ("busy", "603", "declined"),
        ("failed", "603", "declined"),
        ("failed", "404", "failed"),
        ("no-answer", "487", "no_answer"),
        ("canceled", "487", "cancelled"),
    ],
)
def test_a_leg_ends_with_a_typed_outcome(status: str, code: str, outcome: str) -> None:
    news = leg_news(LEG, {"CallSid": "CA1", "CallStatus": status, "SipResponseCode": code})
    assert news is not None
    assert news(9.0) == LegEnded(9.0, LEG, outcome, f"{status} {code}".strip())  # type: ignore[arg-type]


def test_progress_names_the_leg_even_if_the_order_was_never_answered() -> None:
    for status, event in (("initiated", LegCreated), ("ringing", LegRinging)):
        news = leg_news(LEG, {"CallSid": "CA1", "CallStatus": status})
        assert news is not None
        assert news(1.0) == event(1.0, LEG, "CA1")
    assert leg_news(LEG, {"CallSid": "CA1", "CallStatus": "in-progress"}) is None
    assert leg_news(LEG, {}) is None


@pytest.mark.parametrize(
    ("answered_by", "finished"),
    [
        ("machine_start", False),
        ("machine_end_beep", True),
        ("machine_end_silence", True),
        ("machine_end_other", True),
        ("fax", False),
    ],
)
def test_a_machine_is_news_and_so_is_the_end_of_its_greeting(answered_by: str, finished: bool) -> None:
    news = machine_news(LEG, {"AnsweredBy": answered_by})
    assert news is not None
    assert news(3.0) == MachineDetected(3.0, LEG, finished)


@pytest.mark.parametrize("answered_by", ["human", "unknown", "", "machine"])
def test_a_person_is_no_news(answered_by: str) -> None:
    assert machine_news(LEG, {"AnsweredBy": answered_by}) is None


def test_the_evidence_of_an_end_is_the_carriers_words() -> None:
    form = {"CallSid": "CA1", "CallStatus": "completed", "CallDuration": "9", "AnsweredBy": "machine_start"}
    news = leg_news(LEG, form)
    assert news is not None
    assert news(9.0) == LegEnded(9.0, LEG, "completed", "completed answered by machine_start lasted 9 s")
    dial = {"DialCallStatus": "failed", "DialSipResponseCode": "404", "DialCallDuration": "0"}
    assert dial_ended(dial)(1.0, "r") == DialEnded(1.0, "r", "failed", False, "failed 404")


# ---- results


@pytest.mark.parametrize(
    ("status", "refer", "notify", "accepted", "evidence"),
    [
        # the table of twilio.md 2.7
        ("in-progress", "202", "200", True, "in-progress refer 202 notify 200"),
        ("busy", "202", "486", False, "busy refer 202 notify 486"),
        ("failed", "202", "486", False, "failed refer 202 notify 486"),
        ("failed", "405", "", False, "failed refer 405"),
        ("canceled", "202", "180", False, "canceled refer 202 notify 180"),
        # no word of how it ended: refused, no NOTIFY ever, only "trying", a good one, a bad one
        ("", "405", "", False, "no status refer 405"),
        ("", "202", "", False, "no status refer 202"),
        ("", "202", "100", False, "no status refer 202 notify 100"),
        ("", "202", "200", True, "no status refer 202 notify 200"),
        ("", "202", "486", False, "no status refer 202 notify 486"),
        ("", "", "", False, "no status"),
        # words the table lacks
        ("completed", "202", "200", True, "completed refer 202 notify 200"),
        ("no-answer", "202", "487", False, "no-answer refer 202 notify 487"),
        ("brand-new", "202", "200", False, "brand-new refer 202 notify 200"),
    ],
)
def test_a_refer_is_accepted_or_not(status: str, refer: str, notify: str, accepted: bool, evidence: str) -> None:
    given = {"ReferCallStatus": status, "ReferSipResponseCode": refer, "NotifySipResponseCode": notify}
    for form in (given, {name: value for name, value in given.items() if value}):
        assert refer_answered(form)(4.0, "r1") == ReferAnswered(4.0, "r1", accepted, evidence)


@pytest.mark.parametrize(
    ("form", "outcome", "bridged"),
    [
        ({"DialCallStatus": "completed", "DialBridged": "true"}, "completed", True),
        ({"DialCallStatus": "completed", "DialBridged": "false"}, "completed", False),
        ({"DialCallStatus": "completed"}, "completed", True),
        ({"DialCallStatus": "busy", "DialBridged": "false"}, "busy", False),
        ({"DialCallStatus": "no-answer"}, "no_answer", False),
        ({"DialCallStatus": "failed", "DialSipResponseCode": "603"}, "declined", False),
        ({}, "unknown", False),
    ],
)
def test_a_dial_ends_bridged_or_not(form: dict[str, str], outcome: str, bridged: bool) -> None:
    event = dial_ended(form)(4.0, "r1")
    assert isinstance(event, DialEnded)
    assert (event.outcome, event.bridged) == (outcome, bridged)


def test_a_recording_has_a_place_and_a_length() -> None:
    form = {"RecordingUrl": "https://api.example.com/RE1", "RecordingDuration": "12"}
    assert recorded(form)(5.0, "r") == MessageRecorded(5.0, "r", "https://api.example.com/RE1", 12.0)
    assert recorded({"RecordingDuration": "inf"})(5.0, "r") == MessageRecorded(5.0, "r", "", 0.0)


def test_room_news_is_about_participants() -> None:
    form = {
        "StatusCallbackEvent": "participant-join",
        "CallSid": "CA1",
        "FriendlyName": "c1-room-1",
        "EndConferenceOnExit": "true",
    }
    news = room_news(form)
    assert news is not None
    assert (news.joined, news.ref, news.room, news.is_staff) == (True, "CA1", "c1-room-1", True)
    assert room_news({**form, "StatusCallbackEvent": "conference-start"}) is None
    assert room_news({**form, "CallSid": ""}) is None


# ---- frames


def test_a_stream_starts_with_its_parameters() -> None:
    frame = decode(json.dumps(start_frame(call="c1", token="t")))
    assert frame is not None
    assert frame.start is not None
    assert frame.start.custom_parameters == {"call": "c1", "token": "t"}


@pytest.mark.parametrize("size", [0, 1, 159, 160, 161, 4000])
def test_audio_of_any_length_survives_both_ways(size: int) -> None:
    audio = bytes(range(256)) * 20
    message = Encoder("MZ1").media(audio[:size])
    assert json.loads(message) == {
        "event": "media",
        "streamSid": "MZ1",
        "media": {"payload": base64.b64encode(audio[:size]).decode()},
    }
    frame = decode(message)
    assert frame is not None
    assert frame.media is not None
    assert frame.media.payload == audio[:size]


@given(st.text(), st.text())
def test_marks_and_clears_are_json_whatever_their_names(sid: str, name: str) -> None:
    encoder = Encoder(sid.encode("utf-8", "ignore").decode())
    name = name.encode("utf-8", "ignore").decode()
    assert json.loads(encoder.mark(name))["mark"] == {"name": name}
    assert json.loads(encoder.clear)["event"] == "clear"


def test_fields_and_events_the_vendor_may_add_are_let_through() -> None:
    frame = decode('{"event":"media","media":{"payload":"/w==","gain":3},"extra":[1]}')
    assert frame is not None
    assert frame.media is not None
    assert frame.media.payload == b"\xff"
    assert decode('{"event":"brand-new","thing":{}}') is not None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"event":1}',
        '{"event":"media","media":7}',
        '{"event":"media","media":{"payload":"not base64!"}}',
        '{"event":"media","media":{"payload":12}}',
        '{"event":"start","start":{"customParameters":{"call":1}}}',
        '{"event":"x","deep":' + "[" * 30_000,
        '{"event":"x","deep":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"event":"x","long":"' + "a" * LARGEST_MESSAGE + '"}',
        b"\xff\xfe\x00",
        '{"event":"\ud800"}',
    ],
)
def test_a_malformed_frame_is_none(message: str | bytes) -> None:
    assert decode(message) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_no_message_raises(message: str | bytes) -> None:
    decode(message)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "event": st.sampled_from(["start", "media", "mark", "dtmf", "stop"]) | JSON,
            "start": JSON,
            "media": st.dictionaries(st.sampled_from(["payload", "track"]), JSON) | JSON,
            "mark": JSON,
            "dtmf": JSON,
        },
    )
)
def test_no_nearly_right_message_raises(message: dict[str, Any]) -> None:
    decode(json.dumps(message))
