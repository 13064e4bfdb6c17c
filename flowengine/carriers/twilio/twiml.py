"""Documents as TwiML: the only place that renders `templates/twiml/*.xml`, and the only TwiML there is."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import assert_never
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
from flowengine.carriers.twilio.links import Links, caller_leg
from flowengine.carriers.twilio.music import MOST_SECONDS
from flowengine.resources import template_dir

INLINE_LIMIT = 4000  # characters of a `Twiml` parameter (twilio.md 4.1)
SAY_LIMIT = 3000  # characters of one <Say>, the smaller of the two limits (twilio.md 2.6)
LETTERS_A_SECOND = 10.0  # a slow voice, to know how long a stream may wait behind a <Say>
PATIENCE = ("One moment, please.", "Please stay on the line.", "It takes a few seconds more.", "Thank you for waiting.")
BETWEEN = 2  # seconds, so that nobody is left in silence; in all it is the time a process needs to be started again
RING_EXTRA = 5  # seconds Twilio adds to every ring time (twilio.md 2.2, 4.1)

# Languages as flows name them, in the spelling that the carrier's older voices know as well as its newer ones.
LANGUAGES = {
    "English": "en-US", "Spanish": "es-MX", "French": "fr-FR", "German": "de-DE", "Italian": "it-IT",
    "Portuguese": "pt-BR",
}  # fmt: skip

# Whatever XML 1.0 cannot hold, escaped or not (section 2.2 of the XML recommendation).
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(document: Document, links: Links) -> str:
    """The TwiML of one document. Every call makes new stream tokens."""
    match document:
        case ConnectCaller(stream, say, language):
            return _connect(stream, spoken(say), language, links)
        case JoinCaller(room):
            return _join("join_caller.xml", caller_leg(links.call_id), links.of_call("room", room), room, links)
        case ParkCaller(room):
            return _park(room, links)
        case AskAgain(room):
            return ask_again(links.of_call("room", room))
        case Wait(say, _, seconds, language):
            return _wait(spoken(say), language, min(MOST_SECONDS, _whole(seconds)), links)
        case SayToRoom(say, language):
            return _fill("say_to_room.xml", say=spoken(say), language=_tag(language))
        case BriefStaff(leg, briefing, seconds, language):
            return _ask_key(briefing, seconds, language, links.of_leg(leg, "key"))
        case AskWhy(leg, say, seconds, language):
            return _ask_key(say, seconds, language, links.of_leg(leg, "why"))
        case AwaitTone(_, seconds):
            return _fill("await_tone.xml", seconds=_whole(seconds))
        case BriefByAgent(leg):
            return _brief_by_agent(leg, links)
        case JoinStaff(leg, room):
            return _join("join_staff.xml", leg, links.of_leg(leg, "room"), room, links)
        case RecordCaller(say, seconds, language):
            told = {"say": spoken(say), "language": _tag(language)}
            return _fill("record.xml", **told, seconds=_whole(seconds), **_onward("recorded", links))
        case ReferCaller(address, card):
            return _fill("refer.xml", address=with_headers(address, card), **_onward("refer", links))
        case DialNumber():
            return _dial(document, links)
        case HangUp(say, language):
            return _fill("hangup.xml", say=spoken(say), language=_tag(language))
        case _:
            assert_never(document)


def ask_again(address: str) -> str:
    """For a leg whose call goes on with another process: some words, and then the same question."""
    return _fill("ask_again.xml", says=PATIENCE, seconds=BETWEEN, address=address)


def spoken(text: str) -> str:
    """What can be said of `text`: no characters XML forbids, single spaces, whole words up to the vendor's limit."""
    text = " ".join(_FORBIDDEN.sub("", text).split())
    if len(text) <= SAY_LIMIT:
        return text
    return text[:SAY_LIMIT].rpartition(" ")[0] or text[:SAY_LIMIT]


def ring_timeout(seconds: float) -> int:
    """The ring time to ask for so that a phone rings `seconds`."""
    return max(5, round(seconds) - RING_EXTRA)


def with_headers(address: str, card: str) -> str:
    """A SIP address that carries the card's id, and nothing else of the call, to the far end: as `X-Card`, and as
    `User-to-User` in hex, the only coding that RFC 7433 has (twilio.md 2.7).
    """
    card = _FORBIDDEN.sub("", card)
    if not card:
        return address
    headers = f"X-Card={quote(card, safe='')}&User-to-User={card.encode().hex()}%3Bencoding%3Dhex"
    return f"{address}{'&' if '?' in address else '?'}{headers}"


def _tag(language: str) -> str:
    """What `<Say>` is told of its language; "" leaves it to the carrier, which speaks English."""
    return LANGUAGES.get(language, "")


def _connect(stream: int, say: str, language: str, links: Links) -> str:
    return _fill(
        "connect.xml",
        say=say,
        language=_tag(language),
        call=links.call_id,
        stream=stream,
        token=links.token("media", str(stream), len(say) / LETTERS_A_SECOND),
        stream_url=links.socket("media"),
        recovery_url=links.recovery_of(stream),
    )


def _join(template: str, leg: str, action_url: str, room: str, links: Links, **more: object) -> str:
    return _fill(
        template,
        **_transcript(leg, links),
        action_url=action_url,
        conference_url=links.of_call("conference"),
        room=room,
        **more,
    )


def _park(room: str, links: Links) -> str:
    waits = {"wait_url": links.of_call("wait", room)}
    return _join("park.xml", caller_leg(links.call_id), links.of_call("room", room), room, links, **waits)


def _wait(say: str, language: str, seconds: int, links: Links) -> str:
    told = {"say": say, "language": _tag(language)}
    return _fill("wait.xml", **told, music_url=links.music(seconds), wait_url=links.wait_on(seconds))


def _ask_key(say: str, seconds: float, language: str, action_url: str) -> str:
    """A sentence that any key cuts short, and one key. No key in time goes to the same address."""
    return _fill(
        "ask_key.xml", say=spoken(say), language=_tag(language), seconds=_whole(seconds), action_url=action_url
    )


def _brief_by_agent(leg: str, links: Links) -> str:
    return _fill(
        "brief_by_agent.xml",
        call=links.call_id,
        leg=leg,
        token=links.token("consult", leg),
        stream_url=links.socket("consult"),
        action_url=links.of_leg(leg, "returned"),
    )


def _dial(dial: DialNumber, links: Links) -> str:
    """One stream of both tracks: the caller says one, the carrier plays her the other (twilio.md 3.4)."""
    return _fill(
        "dial.xml",
        **_transcript(caller_leg(links.call_id), links),
        other=dial.leg,
        address=dial.address,
        sip=dial.address.startswith(("sip:", "sips:")),
        seconds=ring_timeout(dial.ring_seconds),
        caller_id=dial.caller_id,
        action_url=links.of_call("dial"),
    )


def _transcript(leg: str, links: Links) -> dict[str, str]:
    """What a stream to the transcript of one leg brings with it."""
    return {
        "call": links.call_id,
        "leg": leg,
        "token": links.token("transcript", leg),
        "stream_url": links.socket("transcript"),
    }


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))


def _onward(what: str, links: Links) -> dict[str, object]:
    return {"action_url": links.of_call(what), "recovery_url": links.recovery}


def _fill(template: str, **values: object) -> str:
    return _templates().get_template(template).render({name: _printable(value) for name, value in values.items()})


def _printable(value: object) -> object:
    return _FORBIDDEN.sub("", value) if isinstance(value, str) else value


@cache
def _templates() -> Environment:
    # Not select_autoescape: everything here is XML. No globals: a template needs none, and none can be abused.
    environment = Environment(
        loader=FileSystemLoader(str(template_dir("twiml"))),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    return environment
