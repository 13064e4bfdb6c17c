"""Documents as the carrier reads them."""

from __future__ import annotations

import pytest

from flowengine.sandbox.carrier.twiml import Document, TwimlError, read, read_answer


def warned(body: str) -> list[str]:
    return read(f"<Response>{body}</Response>")[1]


@pytest.mark.parametrize(
    "body",
    [
        '<Connect action="/a" method="GET"><Stream url="wss://x/y" name="n" track="inbound_track" statusCallback="/s">'
        '<Parameter name="a" value="b"/></Stream></Connect>',
        '<Start><Stream url="wss://x/y" track="both_tracks"/></Start><Stop><Stream name="n"/></Stop>',
        '<Dial action="/a" timeout="20" timeLimit="60" callerId="+13125550100" answerOnBridge="true" '
        'hangupOnStar="true">'
        '<Number url="/w" statusCallbackEvent="initiated ringing answered completed" sendDigits="wW1">'
        "+13125550111</Number>"
        "</Dial>",
        '<Dial><Conference startConferenceOnEnter="true" endConferenceOnExit="false" beep="onEnter" waitUrl="" '
        'jitterBufferSize="small" participantLabel="a" '
        'statusCallbackEvent="start end join leave">r</Conference></Dial>',
        '<Gather input="dtmf speech" numDigits="1" finishOnKey="" timeout="8" actionOnEmptyResult="true"><Say>x</Say>'
        '<Play>y</Play><Pause length="1"/></Gather>',
        '<Record maxLength="60" timeout="5" playBeep="true" trim="do-not-trim" finishOnKey="1#"/>',
        '<Refer action="/a"><Sip>sip:a@b</Sip></Refer><Reject reason="busy"/><Hangup/>'
        '<Redirect method="GET">/x</Redirect>',
        "<!-- a comment --><Say voice='alice' language='en-US' loop='0'>x</Say>",
    ],
)
def test_what_the_vendor_knows_passes(body: str) -> None:
    assert warned(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "<dial/>",
        "<Sms>x</Sms>",
        '<Say Voice="x">x</Say>',
        '<Dial timeout="soon">x</Dial>',
        '<Dial timeout="4">x</Dial>',
        '<Dial><Conference beep="yes">r</Conference></Dial>',
        '<Dial><Conference participantLabel="a/b">r</Conference></Dial>',
        '<Connect><Stream url="wss://x" track="inbound"/></Connect>',
        "<Gather><Dial>x</Dial></Gather>",
        '<Gather finishOnKey="ab"/>',
        "<Number>+13125550111</Number>",
        '<Dial><Number statusCallbackEvent="answered,completed">x</Number></Dial>',
    ],
)
def test_what_it_does_not_know_is_warned_of_and_left_out(body: str) -> None:
    assert len(warned(body)) == 1


def test_what_cannot_be_read() -> None:
    for body, code in (("<Response>", 12100), ("<response/>", 12102), (b"<Response>" + b" " * 65536, 11750)):
        with pytest.raises(TwimlError) as mistake:
            read(body)
        assert mistake.value.code == code


def test_addresses_are_relative_to_where_the_document_came_from() -> None:
    document = Document((), "https://demo.test/twilio/voice?x=1")
    assert document.resolve("key") == "https://demo.test/twilio/key"
    assert document.resolve("/key?a=1") == "https://demo.test/key?a=1"
    assert document.resolve("https://other.test/k") == "https://other.test/k"
    assert Document((), None).resolve("https://other.test/k") == "https://other.test/k"
    with pytest.raises(TwimlError):
        Document((), None).resolve("/key")


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "text/html", "text/plain"])
def test_content_types_that_are_documents(kind: str) -> None:
    document, _ = read_answer(kind, b"<Response><Hangup/></Response>", "https://demo.test/")
    assert [v.name for v in document.verbs] == ["Hangup"]


def test_text_is_read_out_and_sound_is_played() -> None:
    assert read_answer("text/plain", b"Hello", "u")[0].verbs[0].text == "Hello"
    assert read_answer("audio/wav", b"", "https://demo.test/x.wav")[0].verbs[0].name == "Play"
