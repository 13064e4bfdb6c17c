"""Every document is TwiML that the vendor knows, whatever a caller said."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from twilio.twiml import voice_response as sdk  # type: ignore[import-untyped]

from flowengine.call.documents import (
    AskAgain,
    AskWhy,
    AwaitTone,
    BriefByAgent,
    BriefStaff,
    ConnectCaller,
    DialNumber,
    Document,
    HangUp,
    JoinCaller,
    JoinStaff,
    ParkCaller,
    RecordCaller,
    ReferCaller,
    SayToRoom,
    Wait,
)
from flowengine.carriers.twilio.links import Links
from flowengine.carriers.twilio.twiml import SAY_LIMIT, render, spoken
from flowengine.resources import template_dir

BOOL = "true|false"
WEB = r"https://\S+"
WHOLE = "[1-9][0-9]*"
EVENTS = "start|end|join|leave"

# parent -> child -> attribute -> what its value must look like (twilio.md section 2). "" is the document itself.
KNOWN: dict[str, dict[str, dict[str, str]]] = {
    "": {"Response": {}},
    "Response": {
        "Say": {"language": "[a-z]{2}-[A-Z]{2}"},
        "Play": {},
        "Pause": {"length": WHOLE},
        "Connect": {"action": WEB},
        "Start": {},
        "Dial": {"action": WEB, "timeout": WHOLE, "callerId": r"\+[0-9]+|[A-Za-z0-9+\-_.]+"},
        "Gather": {
            "input": "dtmf",
            "numDigits": WHOLE,
            "finishOnKey": "[0-9*#]?",
            "timeout": WHOLE,
            "action": WEB,
        },
        "Record": {"action": WEB, "maxLength": WHOLE, "timeout": WHOLE, "playBeep": BOOL},
        "Refer": {"action": WEB},
        "Redirect": {},
        "Hangup": {},
    },
    "Connect": {"Stream": {"url": r"wss://[^?\s]+"}},
    "Start": {"Stream": {"url": r"wss://[^?\s]+", "track": "inbound_track|outbound_track|both_tracks"}},
    "Stream": {"Parameter": {"name": r"\w+", "value": r"\S+"}},
    "Dial": {
        "Number": {},
        "Sip": {},
        "Conference": {
            "startConferenceOnEnter": BOOL,
            "endConferenceOnExit": BOOL,
            "beep": "true|false|onEnter|onExit",
            "waitUrl": f"({WEB})?",
            "waitMethod": "POST",
            "jitterBufferSize": "small|medium|large|off",
            "statusCallback": WEB,
            "statusCallbackEvent": f"({EVENTS})( ({EVENTS}))*",
        },
    },
    "Gather": {"Say": {"language": "[a-z]{2}-[A-Z]{2}"}},
    "Refer": {"Sip": {}},
}
WITH_TEXT = {"Say", "Play", "Redirect", "Conference", "Number", "Sip"}


def documents(text: str) -> list[Document]:
    """Every kind of document, with caller's text wherever a flow or a caller could bring it."""
    return [
        ConnectCaller(1),
        ConnectCaller(2, text),
        JoinCaller("c1-room-1"),
        AskAgain("c1-room-1"),
        ParkCaller("c1-room-1"),
        Wait(text, "built-in", 20.0),
        SayToRoom(text),
        BriefStaff("c1-staff-1", text, 8.0),
        BriefStaff("c1-staff-1", text, 8.0, text),
        AskWhy("c1-staff-1", text, 4.0, "Spanish"),
        AwaitTone("c1-staff-1", 30.0),
        BriefByAgent("c1-staff-1"),
        JoinStaff("c1-staff-1", "c1-room-1"),
        RecordCaller(text, 90.0),
        ReferCaller("sip:frontdesk@pbx.example.com", text),
        ReferCaller("sip:frontdesk@pbx.example.com?X-Line=2", "c1-h1"),
        DialNumber("+13125550111", 20.0, "+13125550100", "c1-staff-1"),
        DialNumber("sip:dana@pbx.example.com", 20.0, "", "c1-staff-1"),
        HangUp(),
        HangUp(text),
    ]


def check(element: ElementTree.Element, parent: str = "") -> None:
    """Only verbs, nesting and attributes of the table."""
    known = KNOWN.get(parent, {})
    assert element.tag in known, f"<{element.tag}> in <{parent}>"
    for name, value in element.attrib.items():
        assert name in known[element.tag], f"{name} of <{element.tag}>"
        assert re.fullmatch(known[element.tag][name], value), f"{name}={value!r} of <{element.tag}>"
    if element.tag not in WITH_TEXT:
        assert not (element.text or "").strip()
    assert not (element.tail or "").strip()
    for child in element:
        check(child, element.tag)


def said(twiml: str) -> list[str]:
    return [say.text or "" for say in ElementTree.fromstring(twiml).iter("Say")]


ANY_TEXT = st.text(st.characters(), max_size=300)


@budget(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=ANY_TEXT)
@example(text="{{ 7*7 }} {% for x in y %}")
@example(text="]]> <Hangup/> <!-- -- --> & &amp; ' \"")
@example(text="\x00\x07\x1b\ufffe\uffff\ud800 nothing left of it")
@example(text="my crown fell out 🦷 O'Brien\r\n\ttomorrow")
@example(text="")
def test_every_document_is_known_to_the_vendor_whatever_was_said(text: str, links: Links) -> None:
    for document in documents(text):
        twiml = render(document, links)
        check(ElementTree.fromstring(twiml))
        if isinstance(document, AskAgain):  # it says words of its own
            continue
        expected = spoken(text)
        assert said(twiml) in ([], [expected]), document
        assert (expected != "" and text in vars_of(document)) == bool(said(twiml))


def test_no_kind_of_document_is_left_out() -> None:
    assert {type(document) for document in documents("x")} == set(get_args(Document))


def vars_of(document: Document) -> list[object]:
    """The texts of a document that are spoken."""
    return [getattr(document, name) for name in ("say", "briefing") if getattr(document, name, "")]


def test_every_template_is_rendered_by_some_document() -> None:
    """A template that no document uses would escape the test above."""
    names = {path.name for path in template_dir("twiml").iterdir()}
    source = inspect.getsource(inspect.getmodule(render))  # type: ignore[arg-type]
    assert names == set(re.findall(r'"(\w+\.xml)"', source))


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: "_" + letter.group().lower(), name).removeprefix("_")


@pytest.mark.parametrize(("parent", "child"), [(p, c) for p, children in KNOWN.items() for c in children if p])
def test_the_table_agrees_with_the_vendors_builders(parent: str, child: str) -> None:
    builder = getattr(sdk, "VoiceResponse" if parent == "Response" else parent)
    parameters = inspect.signature(getattr(builder, snake(child))).parameters
    for attribute in KNOWN[parent][child]:
        assert snake(attribute) in parameters, f"{attribute} of <{child}>"


def test_the_caller_is_connected_with_a_way_back(links: Links) -> None:
    response = ElementTree.fromstring(render(ConnectCaller(3, "One moment."), links))
    assert [child.tag for child in response] == ["Say", "Connect", "Redirect"]
    connect, redirect = response[1], response[2]
    assert connect.get("action") == redirect.text == "https://demo.test/twilio/calls/c1/recovery?stream=3"
    stream = connect[0]
    assert stream.get("url") == "wss://demo.test/twilio/media"
    given = {p.get("name"): p.get("value") for p in stream}
    assert (given["call"], given["stream"]) == ("c1", "3")
    assert given["token"]


def test_both_legs_name_the_same_conference_callbacks(links: Links) -> None:
    """The first joiner fixes them (twilio.md 1.4)."""
    rooms = [
        ElementTree.fromstring(render(document, links)).find("Dial/Conference")
        for document in (JoinCaller("c1-room-1"), ParkCaller("c1-room-1"), JoinStaff("c1-staff-2", "c1-room-1"))
    ]
    caller, parked, staff = (room.attrib for room in rooms if room is not None)
    for each in (caller, parked, staff):
        assert each["statusCallback"] == "https://demo.test/twilio/calls/c1/conference"
        assert each["statusCallbackEvent"] == caller["statusCallbackEvent"]
        assert "participantLabel" not in each
    assert [each["endConferenceOnExit"] for each in (caller, parked, staff)] == ["false", "false", "true"]
    assert [each["startConferenceOnEnter"] for each in (caller, parked, staff)] == ["true", "false", "true"]


def test_a_parked_caller_asks_what_there_is_to_hear(links: Links) -> None:
    response = ElementTree.fromstring(render(ParkCaller("c1-room-1"), links))
    room = response.find("Dial/Conference")
    assert room is not None
    assert (room.text, room.get("waitMethod")) == ("c1-room-1", "POST")
    assert room.get("waitUrl") == "https://demo.test/twilio/calls/c1/wait/c1-room-1"
    dial = response.find("Dial")
    assert dial is not None
    assert dial.get("action") == "https://demo.test/twilio/calls/c1/room/c1-room-1"


def test_what_is_heard_in_a_room_uses_the_verbs_allowed_there(links: Links) -> None:
    """Anything else is error 13238."""
    links = replace(links, room="c1-room-1", heard=40)
    for document in (
        Wait("Still ringing Dana.", "built-in", 20.0),
        Wait("", "", 500.0),
        SayToRoom("Hello."),
        SayToRoom(""),
    ):
        response = ElementTree.fromstring(render(document, links))
        assert {child.tag for child in response} <= {"Play", "Say", "Pause", "Redirect"}
    play, redirect = ElementTree.fromstring(render(Wait("", "", 500.0), links))
    assert play.text == "https://demo.test/twilio/calls/c1/music/60.wav?from=40"
    assert redirect.text == "https://demo.test/twilio/calls/c1/wait/c1-room-1?heard=100"


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("English", "en-US"),
        ("Spanish", "es-MX"),
        ("French", "fr-FR"),
        ("German", "de-DE"),
        ("Italian", "it-IT"),
        ("Portuguese", "pt-BR"),
        ("Klingon", None),
        ("", None),
    ],
)
def test_a_person_is_spoken_to_in_their_language(links: Links, language: str, tag: str | None) -> None:
    for document in (BriefStaff("c1-staff-1", "Hola.", 8.0, language), AskWhy("c1-staff-1", "Hola.", 4.0, language)):
        say = ElementTree.fromstring(render(document, links)).find("Gather/Say")
        assert say is not None
        assert say.get("language") == tag


def test_who_declined_is_asked_for_one_key(links: Links) -> None:
    gather, redirect = ElementTree.fromstring(render(AskWhy("c1-staff-1", "Why?", 3.5), links))
    assert gather.get("action") == redirect.text == "https://demo.test/twilio/legs/c1-staff-1/why"
    assert (gather.get("timeout"), gather.get("numDigits"), gather.get("finishOnKey")) == ("4", "1", "")


def test_a_leg_that_waits_for_a_tone_is_quiet_and_ends(links: Links) -> None:
    pause, hangup = ElementTree.fromstring(render(AwaitTone("c1-staff-1", 29.1), links))
    assert (pause.tag, pause.get("length"), hangup.tag) == ("Pause", "30", "Hangup")


def test_a_staff_member_is_briefed_over_a_line_of_their_own_with_a_way_back(links: Links) -> None:
    connect, redirect = ElementTree.fromstring(render(BriefByAgent("c1-staff-1"), links))
    assert connect.get("action") == redirect.text == "https://demo.test/twilio/legs/c1-staff-1/returned"
    stream = connect[0]
    assert stream.get("url") == "wss://demo.test/twilio/consult"
    given = {p.get("name"): p.get("value") for p in stream}
    assert (given["call"], given["leg"]) == ("c1", "c1-staff-1")
    assert given["token"]


def test_the_streams_of_a_room_name_their_legs(links: Links) -> None:
    for document, leg in (
        (JoinCaller("c1-room-1"), "c1-caller"),
        (ParkCaller("c1-room-1"), "c1-caller"),
        (JoinStaff("c1-staff-2", "r"), "c1-staff-2"),
    ):
        response = ElementTree.fromstring(render(document, links))
        assert [child.tag for child in response] == ["Start", "Dial"]
        assert {p.get("name"): p.get("value") for p in response.iter("Parameter")}["leg"] == leg


def test_parameters_stay_under_the_limit(links: Links) -> None:
    """Name and value together under 500 characters (twilio.md 2.1)."""
    for document in documents("x"):
        for p in ElementTree.fromstring(render(document, links)).iter("Parameter"):
            assert len(p.get("name", "")) + len(p.get("value", "")) < 500


def test_no_key_in_time_is_reported_too(links: Links) -> None:
    gather, redirect = ElementTree.fromstring(render(BriefStaff("c1-staff-1", "Maria Lopez.", 7.2), links))
    assert gather.get("action") == redirect.text == "https://demo.test/twilio/legs/c1-staff-1/key"
    assert (gather.get("timeout"), gather.get("numDigits"), gather.get("finishOnKey")) == ("8", "1", "")


def test_long_texts_are_cut_between_words(links: Links) -> None:
    [text] = said(render(HangUp("word " * 2000), links))
    assert len(text) <= SAY_LIMIT
    assert set(text.split()) == {"word"}
    assert len(spoken("x" * 5000)) == SAY_LIMIT


def test_the_cards_id_rides_in_two_headers(links: Links) -> None:
    card = "X-Card=c1-h1%20%26&User-to-User=63312d68312026%3Bencoding%3Dhex"
    for address, expected in (
        ("sip:a@b.c", f"sip:a@b.c?{card}"),
        ("sip:a@b.c?X-Line=2", f"sip:a@b.c?X-Line=2&{card}"),
    ):
        sip = ElementTree.fromstring(render(ReferCaller(address, "c1-h1 &"), links)).find("Refer/Sip")
        assert sip is not None
        assert sip.text == expected
    assert bytes.fromhex("63312d68312026") == b"c1-h1 &"


def test_without_a_card_there_is_no_header(links: Links) -> None:
    for card in ("", "\x00"):
        sip = ElementTree.fromstring(render(ReferCaller("sip:a@b.c", card), links)).find("Refer/Sip")
        assert sip is not None
        assert sip.text == "sip:a@b.c"


def test_a_phone_rings_as_long_as_asked(links: Links) -> None:
    """The carrier adds five seconds of its own (twilio.md 2.2)."""
    for asked, ordered in ((20.0, "15"), (35.0, "30"), (4.0, "5")):
        dial = ElementTree.fromstring(render(DialNumber("+13125550111", asked, "", "c1-staff-1"), links)).find("Dial")
        assert dial is not None
        assert dial.get("timeout") == ordered
