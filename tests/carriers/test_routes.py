"""What Twilio asks and tells reaches the call; nobody else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from flowengine.call.commands import MoveCaller
from flowengine.call.documents import BriefByAgent, ConnectCaller, Document, HangUp, SayToRoom, Wait
from flowengine.call.events import (
    AnnouncementAsked,
    CallerHungUp,
    CallerLeftRoom,
    CallerReturned,
    DialEnded,
    Event,
    JoinedRoom,
    LeftRoom,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegRinging,
    MachineDetected,
    MessageRecorded,
    ReferAnswered,
    StaffLeftRoom,
    StaffPressed,
    StaffReturned,
    StaffSaidWhy,
    WaitAsked,
)
from flowengine.carriers.twilio import media
from flowengine.carriers.twilio.routes import twilio_routes
from flowengine.carriers.twilio.tokens import StreamTokens
from flowengine.carriers.twilio.waiting import SORRY
from flowengine.runtime.ports import CallerLine, HandedOver, NoSuchCall
from flowengine.runtime.wav import read_wav
from flowengine.settings import Settings

from .conftest import AUTH_TOKEN, PUBLIC, FakeCalls, HandClock, OneBus, Orders, start_frame

CALLER, STAFF = "CA" + "2" * 32, "CA" + "3" * 32


@dataclass
class Twilio:
    """Twilio's side: signed requests to the engine, which sees itself under another address."""

    web: TestClient

    def post(self, path: str, form: dict[str, str] | list[tuple[str, str]], *, token: str = AUTH_TOKEN) -> object:
        pairs = list(form.items()) if isinstance(form, dict) else form
        signature = RequestValidator(token).compute_signature(PUBLIC + path, FormData([*pairs]))
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        return self.web.post(path, content=urlencode(pairs), headers=headers)

    def ask(self, path: str, form: dict[str, str]) -> ElementTree.Element:
        """A question; the document it is answered with."""
        answer = self.post(path, form)
        assert answer.status_code == 200  # type: ignore[attr-defined]
        assert answer.headers["content-type"].startswith("text/xml")  # type: ignore[attr-defined]
        return ElementTree.fromstring(answer.text)  # type: ignore[attr-defined]

    def tell(self, path: str, form: dict[str, str]) -> None:
        assert self.post(path, form).status_code == 204  # type: ignore[attr-defined]

    def open(self, path: str, *, signed_as: str = "wss://demo.test"):  # type: ignore[no-untyped-def]
        signature = RequestValidator(AUTH_TOKEN).compute_signature(signed_as + path, {})
        return self.web.websocket_connect(path, headers={"X-Twilio-Signature": signature})


@pytest.fixture
def twilio(settings: Settings, calls: FakeCalls, bus: OneBus, clock: HandClock, orders: Orders) -> Iterator[Twilio]:
    app = Starlette(routes=twilio_routes(settings, calls, bus, clock, orders))
    with TestClient(app, base_url="http://inside:8000") as web:
        yield Twilio(web)


ARRIVAL = {
    "CallSid": CALLER,
    "AccountSid": "AC" + "0" * 32,
    "From": "+13125550177",
    "To": "+13125550100",
    "CallStatus": "ringing",
    "Direction": "inbound",
}


# ---- the caller


def test_a_caller_arrives_and_is_connected(twilio: Twilio, calls: FakeCalls) -> None:
    document = twilio.ask("/twilio/voice", ARRIVAL)
    assert [child.tag for child in document] == ["Connect", "Redirect"]
    assert calls.arrivals == [{"ref": CALLER, "caller": "+13125550177", "dialled": "+13125550100", "by": "phone"}]


def test_a_sip_caller_arrives_without_a_number(twilio: Twilio, calls: FakeCalls) -> None:
    form = {**ARRIVAL, "From": "sip:anonymous@pbx.example.com", "To": "sip:+13125550100@office.example.com"}
    twilio.ask("/twilio/voice", {**form, "SipDomain": "office.example.com", "SomethingNew": "é"})
    assert calls.arrivals == [{"ref": CALLER, "caller": "", "dialled": "+13125550100", "by": "sip"}]


def test_a_webhook_may_come_by_get(twilio: Twilio, calls: FakeCalls) -> None:
    path = "/twilio/voice?" + urlencode({**ARRIVAL, "CallerName": "a b/c"})
    signature = RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC + path, {})
    answer = twilio.web.get(path, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 200
    assert calls.arrivals[0]["ref"] == CALLER
    assert twilio.web.get(path + "&To=2", headers={"X-Twilio-Signature": signature}).status_code == 403


CALL, LEG = "/twilio/calls/c1", "/twilio/legs/c1-staff-1"
LIVE, OVER = {"CallSid": CALLER, "CallStatus": "in-progress"}, {"CallSid": CALLER, "CallStatus": "completed"}
GONE = CallerHungUp(2.5)


@pytest.mark.parametrize(
    ("path", "form", "events"),
    [
        (f"{CALL}/recovery", LIVE, [CallerReturned(1.5, "r1")]),
        (f"{CALL}/recovery", OVER, [GONE]),
        (f"{CALL}/room/c1-room-1", LIVE, [CallerLeftRoom(1.5, "r1", "c1-room-1")]),
        (f"{CALL}/room/c1-room-1", OVER, [GONE]),
        (
            f"{CALL}/recorded",
            {**OVER, "RecordingUrl": "https://api.example.com/RE1", "RecordingDuration": "7"},
            [MessageRecorded(1.5, "r1", "https://api.example.com/RE1", 7.0), GONE],
        ),
        (
            f"{CALL}/refer",
            {**LIVE, "ReferCallStatus": "in-progress", "ReferSipResponseCode": "202", "NotifySipResponseCode": "200"},
            [ReferAnswered(1.5, "r1", True, "in-progress refer 202 notify 200")],
        ),
        (f"{CALL}/refer", LIVE, [ReferAnswered(1.5, "r1", False, "no status")]),
        (
            f"{CALL}/dial",
            {**LIVE, "DialCallStatus": "no-answer", "DialBridged": "false"},
            [DialEnded(1.5, "r1", "no_answer", False, "no-answer")],
        ),
        (f"{LEG}/answer", {"CallSid": STAFF}, [LegAnswered(1.5, "c1-staff-1", STAFF, "r1")]),
        (f"{LEG}/key", {"CallSid": STAFF, "Digits": "1"}, [StaffPressed(1.5, "c1-staff-1", "1", "r1")]),
        (f"{LEG}/key", {"CallSid": STAFF}, [StaffPressed(1.5, "c1-staff-1", "", "r1")]),
        (f"{LEG}/why", {"CallSid": STAFF, "Digits": "3"}, [StaffSaidWhy(1.5, "c1-staff-1", "3", "r1")]),
        (f"{LEG}/why", {"CallSid": STAFF}, [StaffSaidWhy(1.5, "c1-staff-1", "", "r1")]),
        (f"{LEG}/returned", {"CallSid": STAFF}, [StaffReturned(1.5, "c1-staff-1", "r1")]),
        (f"{LEG}/returned", {"CallSid": STAFF, "CallStatus": "completed"}, []),
        (f"{LEG}/room", {"CallSid": STAFF}, [StaffLeftRoom(1.5, "c1-staff-1", "r1")]),
    ],
)
def test_questions_reach_the_call(
    twilio: Twilio, calls: FakeCalls, path: str, form: dict[str, str], events: list[Event]
) -> None:
    calls.document = HangUp("Goodbye.")
    document = twilio.ask(path, form)
    assert calls.events == events
    assert document.findtext("Say", "") == ("" if events in ([GONE], []) else "Goodbye.")


@pytest.mark.parametrize(
    ("path", "form", "events"),
    [
        (f"{LEG}/status", {"CallSid": STAFF, "CallStatus": "initiated"}, [LegCreated(2.5, "c1-staff-1", STAFF)]),
        (f"{LEG}/status", {"CallSid": STAFF, "CallStatus": "ringing"}, [LegRinging(2.5, "c1-staff-1", STAFF)]),
        (f"{LEG}/status", {"CallSid": STAFF, "CallStatus": "in-progress"}, []),
        (
            f"{LEG}/status",
            {"CallSid": STAFF, "CallStatus": "busy", "SipResponseCode": "486"},
            [LegEnded(2.5, "c1-staff-1", "busy", "busy 486")],
        ),
        (f"{LEG}/machine", {"CallSid": STAFF, "AnsweredBy": "machine_start"}, [MachineDetected(2.5, "c1-staff-1")]),
        (
            f"{LEG}/machine",
            {"CallSid": STAFF, "AnsweredBy": "machine_end_beep"},
            [MachineDetected(2.5, "c1-staff-1", finished=True)],
        ),
        (f"{LEG}/machine", {"CallSid": STAFF, "AnsweredBy": "human"}, []),
        ("/twilio/legs/strange/status", {"CallSid": STAFF, "CallStatus": "busy"}, []),
        ("/twilio/status", {"CallSid": "CA-never-heard-of", "CallStatus": "completed"}, []),
    ],
)
def test_news_reaches_the_call(
    twilio: Twilio, calls: FakeCalls, path: str, form: dict[str, str], events: list[Event]
) -> None:
    twilio.tell(path, form)
    assert calls.events == events


def test_the_numbers_own_callback_means_the_caller_left(twilio: Twilio, calls: FakeCalls) -> None:
    twilio.ask("/twilio/voice", ARRIVAL)
    twilio.tell("/twilio/status", {"CallSid": CALLER, "CallStatus": "completed"})
    assert calls.events == [GONE]


def room(event: str, ref: str, *, staff: bool) -> dict[str, str]:
    return {
        "StatusCallbackEvent": event,
        "ConferenceSid": "CF" + "4" * 32,
        "FriendlyName": "c1-room-1",
        "CallSid": ref,
        "EndConferenceOnExit": str(staff).lower(),
        "SequenceNumber": "2",
    }


def test_the_room_tells_who_joined_and_left(twilio: Twilio, calls: FakeCalls) -> None:
    twilio.ask("/twilio/voice", ARRIVAL)
    twilio.tell(f"{LEG}/status", {"CallSid": STAFF, "CallStatus": "ringing"})
    calls.events.clear()
    twilio.tell(f"{CALL}/conference", {"StatusCallbackEvent": "conference-start", "FriendlyName": "c1-room-1"})
    twilio.tell(f"{CALL}/conference", room("participant-join", STAFF, staff=True))
    twilio.tell(f"{CALL}/conference", room("participant-join", CALLER, staff=False))
    twilio.tell(f"{CALL}/conference", room("participant-leave", STAFF, staff=True))
    assert calls.events == [
        JoinedRoom(2.5, "c1-staff-1", "c1-room-1"),
        JoinedRoom(2.5, "c1-caller", "c1-room-1"),
        LeftRoom(2.5, "c1-staff-1", "c1-room-1"),
    ]


def test_after_a_restart_the_caller_is_known_in_the_room_and_strangers_are_not(
    twilio: Twilio, calls: FakeCalls
) -> None:
    twilio.tell(f"{CALL}/conference", room("participant-join", CALLER, staff=False))
    twilio.tell(f"{CALL}/conference", room("participant-join", "CA-unknown", staff=True))
    assert calls.events == [JoinedRoom(2.5, "c1-caller", "c1-room-1")]
    twilio.tell("/twilio/legs/c9-staff-1/status", {"CallSid": STAFF, "CallStatus": "ringing"})
    twilio.tell(f"{CALL}/conference", room("participant-join", STAFF, staff=True))
    assert len(calls.events) == 1


# ---- waiting in a room

WAITS, MUSIC = f"{CALL}/wait/c1-room-1", f"{PUBLIC}{CALL}/music"


def test_a_waiting_caller_hears_what_is_true_then_music_that_goes_on(twilio: Twilio, calls: FakeCalls) -> None:
    calls.document = Wait("I'm still trying.", "built-in", 20.0)
    first = twilio.ask(WAITS, LIVE)
    assert [child.tag for child in first] == ["Say", "Play", "Redirect"]
    assert (first.findtext("Say"), first.findtext("Play")) == ("I'm still trying.", f"{MUSIC}/20.wav")
    calls.document = Wait("", "built-in", 12.2)
    second = twilio.ask(first.findtext("Redirect", "").removeprefix(PUBLIC), LIVE)
    assert [child.text for child in second] == [f"{MUSIC}/13.wav?from=20", f"{PUBLIC}{WAITS}?heard=33"]
    assert calls.events == [WaitAsked(1.5, "r1", "c1-room-1")] * 2


@pytest.mark.parametrize("heard", ["", "-3", "x", "1" * 40, "\u0663"])
def test_a_strange_place_in_the_music_is_its_beginning(twilio: Twilio, calls: FakeCalls, heard: str) -> None:
    calls.document = Wait("", "built-in", 20.0)
    path = f"{WAITS}?{urlencode({'heard': heard})}"
    assert twilio.ask(path, LIVE).findtext("Play") == f"{MUSIC}/20.wav"


def only_sound(document: ElementTree.Element) -> bool:
    return {child.tag for child in document} <= {"Play", "Redirect"}


@pytest.mark.parametrize("mistake", [None, NoSuchCall("c1"), RuntimeError("Maria Lopez: crown fell out")])
def test_a_call_that_gives_no_answer_twice_has_its_caller_taken_out_with_words(
    twilio: Twilio, calls: FakeCalls, orders: Orders, mistake: Exception | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wait document may not hang up (13238), and one lost answer is no reason to."""
    calls.mistake, calls.document = mistake, HangUp()
    assert only_sound(twilio.ask(WAITS, LIVE))
    assert orders.given == []
    assert only_sound(twilio.ask(WAITS, LIVE))
    assert orders.given == [("c1", MoveCaller(CALLER, HangUp(SORRY)))]
    assert "Lopez" not in "".join(capsys.readouterr())


def test_a_call_that_answers_in_between_keeps_its_caller(twilio: Twilio, calls: FakeCalls, orders: Orders) -> None:
    for document in (HangUp(), Wait("", "built-in", 20.0), HangUp()):
        calls.document = document
        assert only_sound(twilio.ask(WAITS, LIVE))
    assert orders.given == []
    calls.document = HangUp("Goodbye.")
    assert only_sound(twilio.ask(WAITS, LIVE))
    assert orders.given == [("c1", MoveCaller(CALLER, HangUp("Goodbye.")))]


def test_a_late_question_of_a_caller_who_hung_up_is_the_news(twilio: Twilio, calls: FakeCalls, orders: Orders) -> None:
    for _ in range(3):
        assert only_sound(twilio.ask(WAITS, OVER))
    assert calls.events == [GONE] * 3
    assert orders.given == []


def test_a_room_hears_what_the_call_says_and_nothing_else(twilio: Twilio, calls: FakeCalls) -> None:
    path = f"{CALL}/announce/c1-room-1"
    calls.document = SayToRoom("Dana, this is Maria Lopez.")
    for _ in range(2):  # the carrier may ask for each of those in the room
        said = twilio.ask(path, {"ConferenceSid": "CF1"})
        assert [(child.tag, child.text) for child in said] == [("Say", "Dana, this is Maria Lopez.")]
    calls.document = HangUp("Goodbye.")
    assert len(twilio.ask(path, {})) == 0
    calls.mistake = RuntimeError("ours")
    assert len(twilio.ask(path, {})) == 0
    assert calls.events == [AnnouncementAsked(1.5, "r1", "c1-room-1")] * 3


def test_music_is_a_sound_file_as_long_as_asked(twilio: Twilio, calls: FakeCalls) -> None:
    """Unsigned: that is how the carrier fetches it."""
    music = calls.hold_music
    for path, expected in (
        ("20.wav", music * 10),
        ("1.wav", music[:8000]),
        ("3.wav?from=1", music[8000:] + music),
        ("2.wav?from=400", music),
        ("2.wav?from=-1", music),
        ("0.wav", music[:8000]),
        ("99999.wav", music * 30),
    ):
        answer = twilio.web.get(f"{CALL}/music/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
        assert "max-age" in answer.headers["cache-control"]
        assert read_wav(answer.content) == expected, path
    assert twilio.web.get(f"{CALL}/music/x.wav").status_code == 404


def test_the_callers_own_token_is_kept_for_staff_legs(twilio: Twilio, orders: Orders) -> None:
    twilio.ask("/twilio/voice", ARRIVAL)
    assert orders.caller_tokens.find("c1") is None
    twilio.ask("/twilio/voice", ARRIVAL | {"CallToken": "a-token"})
    twilio.ask("/twilio/voice", ARRIVAL)
    assert orders.caller_tokens.find("c1") == "a-token"


# ---- whatever happens, words


@pytest.mark.parametrize("mistake", [NoSuchCall("c1"), RuntimeError("Maria Lopez: crown fell out"), TimeoutError()])
def test_a_caller_hears_an_apology_whatever_breaks(
    twilio: Twilio, calls: FakeCalls, mistake: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.mistake = mistake
    for path in ("/twilio/voice", f"{CALL}/recovery", f"{LEG}/answer"):
        document = twilio.ask(path, ARRIVAL | {"CallStatus": "in-progress"})
        assert [child.tag for child in document] == ["Say", "Hangup"]
        assert document.findtext("Say") == SORRY
    assert "Lopez" not in "".join(capsys.readouterr())


def test_an_arrival_without_an_id_and_an_unknown_call_are_answered_too(twilio: Twilio) -> None:
    assert twilio.ask("/twilio/voice", {"From": "+13125550177"}).findtext("Say") == SORRY
    assert twilio.ask("/twilio/calls/c77/recovery", LIVE).findtext("Say") == SORRY


@pytest.mark.parametrize(
    ("path", "form", "event"),
    [
        (f"{LEG}/key", {"CallSid": STAFF, "Digits": "1"}, StaffPressed(1.5, "c1-staff-1", "1", "r1")),
        (f"{CALL}/recovery?stream=2", LIVE, CallerReturned(1.5, "r1", 2)),
        (
            f"{CALL}/recorded",
            LIVE | {"RecordingUrl": "https://api.example.com/a&b", "RecordingDuration": "7"},
            MessageRecorded(1.5, "r1", "https://api.example.com/a&b", 7.0),
        ),
    ],
)
def test_who_is_told_to_ask_again_says_the_same_again(
    twilio: Twilio, calls: FakeCalls, path: str, form: dict[str, str], event: Event
) -> None:
    """The call goes on with another process. A redirect brings the standard parameters only."""
    plain = {name: value for name, value in form.items() if name.startswith("Call")}
    calls.mistake = HandedOver()
    for _ in range(2):
        document = twilio.ask(path, form)
        assert {child.tag for child in document} == {"Say", "Pause", "Redirect"}
        path, form = (document.findtext("Redirect") or "").removeprefix(PUBLIC), plain
    calls.mistake = None
    twilio.ask(path, form)
    assert calls.events == [event]


# ---- nobody else


@pytest.mark.parametrize(
    "path", ["/twilio/voice", f"{CALL}/recovery", f"{CALL}/wait/r", f"{LEG}/why", f"{LEG}/status", "/twilio/status"]
)
def test_nobody_else_may_ask_or_tell(twilio: Twilio, calls: FakeCalls, path: str) -> None:
    assert twilio.post(path, ARRIVAL, token="other").status_code == 403  # type: ignore[attr-defined]
    assert twilio.web.post(path, data=ARRIVAL).status_code == 403
    assert twilio.web.get(path).status_code == 403
    stolen = RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC + "/twilio/other", FormData(ARRIVAL))
    assert twilio.web.post(path, data=ARRIVAL, headers={"X-Twilio-Signature": stolen}).status_code == 403
    inside = RequestValidator(AUTH_TOKEN).compute_signature("http://inside:8000" + path, FormData(ARRIVAL))
    refused = twilio.web.post(path, data=ARRIVAL, headers={"X-Twilio-Signature": inside, "X-Forwarded-Host": "x"})
    assert (refused.status_code, refused.text) == (403, "refused")
    assert calls.arrivals == []
    assert calls.events == []


def test_repeated_parameters_are_signed_each(twilio: Twilio, calls: FakeCalls) -> None:
    pairs = [("Digits", "1"), ("Digits", "2"), ("CallSid", STAFF)]
    assert twilio.post(f"{LEG}/key", pairs).status_code == 200  # type: ignore[attr-defined]
    assert calls.events == [StaffPressed(1.5, "c1-staff-1", "1", "r1")]


def test_huge_and_broken_bodies_are_refused(twilio: Twilio) -> None:
    assert twilio.web.post("/twilio/voice", content=b"a" * 70_000).status_code == 413
    assert twilio.web.post("/twilio/voice", content=b"\xff\xfe=1").status_code == 400
    assert twilio.web.post("/twilio/voice", content=b"&".join([b"a=1"] * 5000)).status_code == 400


# ---- streams


def opening(document: Document, tokens: StreamTokens) -> dict[str, str]:
    match document:
        case ConnectCaller(stream):
            return {"call": "c1", "stream": str(stream), "token": tokens.issue("c1", f"media:{stream}")}
        case BriefByAgent(leg):
            return {"call": "c1", "leg": leg, "token": tokens.issue("c1", f"consult:{leg}")}
        case _:
            return {"call": "c1", "leg": "c1-staff-1", "token": tokens.issue("c1", "transcript:c1-staff-1")}


@pytest.fixture
def caller_pass(tokens: StreamTokens) -> dict[str, str]:
    return opening(ConnectCaller(1), tokens)


def test_the_callers_audio_keys_and_marks_reach_the_call_and_ours_reach_the_caller(
    twilio: Twilio, calls: FakeCalls, caller_pass: dict[str, str]
) -> None:
    def greet(line: CallerLine) -> None:
        line.play(b"\x55" * 1000)
        line.mark("g1")
        line.clear()

    calls.greet = greet
    with twilio.open("/twilio/media") as socket:
        socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        socket.send_json(start_frame(**caller_pass))
        for number in range(3):
            chunk = {"track": "inbound", "chunk": str(number), "timestamp": "20", "payload": "gICA"}
            socket.send_json({"event": "media", "streamSid": "MZ", "sequenceNumber": "2", "media": chunk})
        socket.send_text("no JSON at all")
        socket.send_json({"event": "media", "media": {"track": "outbound", "payload": "gICA"}})
        socket.send_json({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "1"}})
        socket.send_json({"event": "dtmf", "dtmf": {"digit": "A"}})
        socket.send_json({"event": "mark", "mark": {"name": "g1"}})
        socket.send_json(start_frame(**caller_pass))
        heard = [json.loads(socket.receive_text()) for _ in range(4)]
        socket.send_json({"event": "stop", "stop": {}})
        assert socket.receive()["code"] == 1000
    assert [each["event"] for each in heard] == ["media", "media", "mark", "clear"]
    assert {each["streamSid"] for each in heard} == {"MZ" + "1" * 32}
    assert calls.attached == [1]
    assert (calls.ear.audio, calls.ear.keys, calls.ear.marks) == (b"\x80" * 9, ["1"], ["g1"])


def test_a_legs_stream_reaches_its_transcript(twilio: Twilio, calls: FakeCalls, tokens: StreamTokens) -> None:
    with twilio.open("/twilio/transcript") as socket:
        socket.send_json(start_frame(**opening(HangUp(), tokens)))
        socket.send_json({"event": "media", "media": {"track": "inbound", "payload": "gICA"}})
        socket.send_json({"event": "media", "media": {"track": "outbound", "payload": "////"}})
        socket.send_json({"event": "stop"})
        assert socket.receive()["code"] == 1000
    assert calls.transcribed == ["c1-staff-1"]
    assert bytes(calls.heard) == b"\x80" * 3


@pytest.mark.parametrize("path", ["/twilio/media", "/twilio/transcript", "/twilio/consult"])
def test_an_unsigned_upgrade_is_not_accepted(twilio: Twilio, calls: FakeCalls, path: str) -> None:
    for address in ("https://demo.test", "ws://demo.test", "wss://inside:8000", "wss://demo.test/x"):
        with pytest.raises(WebSocketDisconnect), twilio.open(path, signed_as=address):
            pass
    with pytest.raises(WebSocketDisconnect), twilio.web.websocket_connect(path):
        pass
    assert (calls.attached, calls.transcribed, calls.consulted) == ([], [], [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"token": "x.y"},
        {"token": "é"},
        {"stream": "2"},
        {"call": "c2"},
    ],
)
def test_a_stream_without_its_own_token_is_closed(
    twilio: Twilio, calls: FakeCalls, caller_pass: dict[str, str], wrong: dict[str, str]
) -> None:
    with twilio.open("/twilio/media") as socket:
        socket.send_json(start_frame(**(caller_pass | wrong)))
        assert socket.receive()["code"] == 1008
    assert calls.attached == []


def test_a_token_opens_one_stream_once(twilio: Twilio, calls: FakeCalls, caller_pass: dict[str, str]) -> None:
    for code in (1000, 1008):
        with twilio.open("/twilio/media") as socket:
            socket.send_json(start_frame(**caller_pass))
            socket.send_json({"event": "stop"})
            assert socket.receive()["code"] == code
    assert calls.attached == [1]


def test_a_token_is_only_good_for_a_minute(
    twilio: Twilio, calls: FakeCalls, clock: HandClock, tokens: StreamTokens
) -> None:
    for after, waited, code in ((0.0, 59.0, 1000), (0.0, 61.0, 1008), (10.0, 61.0, 1000)):
        clock.seconds = 0.0
        given = {"call": "c1", "stream": "1", "token": tokens.issue("c1", "media:1", after)}
        clock.seconds = waited
        with twilio.open("/twilio/media") as socket:
            socket.send_json(start_frame(**given))
            socket.send_json({"event": "stop"})
            assert socket.receive()["code"] == code


BRIEFED = BriefByAgent("c1-staff-1")


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/twilio/media", HangUp()),
        ("/twilio/media", BRIEFED),
        ("/twilio/transcript", ConnectCaller(1)),
        ("/twilio/transcript", BRIEFED),
        ("/twilio/consult", HangUp()),
        ("/twilio/consult", ConnectCaller(1)),
    ],
)
def test_a_token_opens_no_other_socket(
    twilio: Twilio, calls: FakeCalls, tokens: StreamTokens, path: str, document: Document
) -> None:
    given = opening(document, tokens)
    for name in ("1", "c1-staff-1", "consult:c1-staff-1", "transcript:c1-staff-1", "media:1"):
        with twilio.open(path) as socket:
            socket.send_json(start_frame(**(given | {"stream": name, "leg": name})))
            assert socket.receive()["code"] == 1008
    assert (calls.attached, calls.transcribed, calls.consulted) == ([], [], [])


def test_a_staff_members_audio_keys_and_marks_reach_the_consult_and_ours_reach_them(
    twilio: Twilio, calls: FakeCalls, tokens: StreamTokens
) -> None:
    def greet(line: CallerLine) -> None:
        line.play(b"\x55" * 160)
        line.mark("g1")

    calls.greet = greet
    with twilio.open("/twilio/consult") as socket:
        socket.send_json(start_frame(**opening(BRIEFED, tokens)))
        socket.send_json({"event": "media", "media": {"track": "inbound", "payload": "gICA"}})
        socket.send_json({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "1"}})
        socket.send_json({"event": "mark", "mark": {"name": "g1"}})
        heard = [json.loads(socket.receive_text())["event"] for _ in range(2)]
        socket.send_json({"event": "stop", "stop": {}})
        assert socket.receive()["code"] == 1000
    assert heard == ["media", "mark"]
    assert calls.consulted == ["c1-staff-1"]
    assert (calls.ear.audio, calls.ear.keys, calls.ear.marks) == (b"\x80" * 3, ["1"], ["g1"])


def test_a_stream_that_never_starts_is_closed(
    twilio: Twilio, calls: FakeCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media.TwilioStream.opened, "__defaults__", (0.2,))
    with twilio.open("/twilio/media") as socket:
        socket.send_json({"event": "media", "media": {"payload": "gICA"}})
        assert socket.receive()["code"] == 1008
    assert calls.attached == []


def test_a_message_beyond_64_kib_closes_the_stream(
    twilio: Twilio, calls: FakeCalls, caller_pass: dict[str, str]
) -> None:
    with twilio.open("/twilio/media") as socket:
        socket.send_json(start_frame(**caller_pass))
        socket.send_text("x" * (64 * 1024 + 1))
        assert socket.receive()["code"] == 1009


def test_a_mistake_behind_a_stream_closes_it_with_a_code(
    twilio: Twilio, calls: FakeCalls, caller_pass: dict[str, str]
) -> None:
    def stumble(line: CallerLine) -> None:
        raise KeyError("ours")

    calls.greet = stumble
    with twilio.open("/twilio/media") as socket:
        socket.send_json(start_frame(**caller_pass))
        assert socket.receive()["code"] == 1011
