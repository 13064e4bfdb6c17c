"""Every document is TwiML that the vendor knows, whatever a caller said."""

from __future__ import annotations

import inspect
import re
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from twilio.twiml import voice_response as sdk  # type: ignore[import-untyped]

from flowengine.call.commands import (
    BriefStaff,
    ConnectCaller,
    DialNumber,
    Document,
    HangUp,
    JoinCaller,
    JoinStaff,
    RecordCaller,
    ReferCaller,
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
        "Say": {},
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
            "jitterBufferSize": "small|medium|large|off",
            "statusCallback": WEB,
            "statusCallbackEvent": f"({EVENTS})( ({EVENTS}))*",
        },
    },
    "Gather": {"Say": {}},
    "Refer": {"Sip": {}},
}
WITH_TEXT = {"Say", "Redirect", "Conference", "Number", "Sip"}


def documents(text: str) -> list[Document]:
    """Every kind of document, with caller's text wherever a flow or a caller could bring it."""
    return [
        ConnectCaller(1),
        ConnectCaller(2, text),
        JoinCaller("c1-room-1"),
        BriefStaff("c1-staff-1", text, 8.0),
        JoinStaff("c1-staff-1", "c1-room-1"),
        RecordCaller(text, 90.0),
        ReferCaller("sip:frontdesk@pbx.example.com", text),
        ReferCaller("sip:frontdesk@pbx.example.com?X-Line=2", "c1-h1"),
        DialNumber("+13125550111", 20.0, "+13125550100"),
        DialNumber("sip:dana@pbx.example.com", 20.0, ""),
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


@budget(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
        expected = spoken(text)
        assert said(twiml) in ([], [expected]), document
        assert (expected != "" and text in vars_of(document)) == bool(said(twiml))


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
    assert connect.get("action") == redirect.text == "https://demo.test/twilio/calls/c1/recovery"
    stream = connect[0]
    assert stream.get("url") == "wss://demo.test/twilio/media"
    given = {p.get("name"): p.get("value") for p in stream}
    assert (given["call"], given["stream"]) == ("c1", "3")
    assert given["token"]


def test_both_legs_name_the_same_conference_callbacks(links: Links) -> None:
    """The first joiner fixes them (twilio.md 1.4)."""
    rooms = [
        ElementTree.fromstring(render(document, links)).find("Dial/Conference")
        for document in (JoinCaller("c1-room-1"), JoinStaff("c1-staff-2", "c1-room-1"))
    ]
    caller, staff = (room.attrib for room in rooms if room is not None)
    assert caller["statusCallback"] == staff["statusCallback"] == "https://demo.test/twilio/calls/c1/conference"
    assert (caller["endConferenceOnExit"], staff["endConferenceOnExit"]) == ("false", "true")
    assert "participantLabel" not in caller


def test_the_streams_of_a_room_name_their_legs(links: Links) -> None:
    for document, leg in ((JoinCaller("c1-room-1"), "c1-caller"), (JoinStaff("c1-staff-2", "r"), "c1-staff-2")):
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


def test_the_card_rides_in_a_header(links: Links) -> None:
    for address, expected in (
        ("sip:a@b.c", "sip:a@b.c?X-Card=c1-h1%20%26"),
        ("sip:a@b.c?X-Line=2", "sip:a@b.c?X-Line=2&X-Card=c1-h1%20%26"),
    ):
        sip = ElementTree.fromstring(render(ReferCaller(address, "c1-h1 &"), links)).find("Refer/Sip")
        assert sip is not None
        assert sip.text == expected


def test_a_phone_rings_as_long_as_asked(links: Links) -> None:
    """The carrier adds five seconds of its own (twilio.md 2.2)."""
    for asked, ordered in ((20.0, "15"), (35.0, "30"), (4.0, "5")):
        dial = ElementTree.fromstring(render(DialNumber("+13125550111", asked, ""), links)).find("Dial")
        assert dial is not None
        assert dial.get("timeout") == ordered
