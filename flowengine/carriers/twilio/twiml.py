"""Documents as TwiML: the only place that renders `templates/twiml/*.xml`, and the only TwiML there is."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import assert_never
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
from flowengine.carriers.twilio.links import Links, caller_leg
from flowengine.resources import template_dir

INLINE_LIMIT = 4000  # characters of a `Twiml` parameter (twilio.md 4.1)
SAY_LIMIT = 3000  # characters of one <Say>, the smaller of the two limits (twilio.md 2.6)
LETTERS_A_SECOND = 10.0  # a slow voice, to know how long a stream may wait behind a <Say>
RING_EXTRA = 5  # seconds Twilio adds to every ring time (twilio.md 2.2, 4.1)

# Whatever XML 1.0 cannot hold, escaped or not (section 2.2 of the XML recommendation).
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(document: Document, links: Links) -> str:
    """The TwiML of one document. Every call makes new stream tokens."""
    match document:
        case ConnectCaller(stream, say):
            return _connect(stream, spoken(say), links)
        case JoinCaller(room):
            return _join("join_caller.xml", caller_leg(links.call_id), links.of_call("room", room), room, links)
        case JoinStaff(leg, room):
            return _join("join_staff.xml", leg, links.of_leg(leg, "room"), room, links)
        case BriefStaff(leg, briefing, seconds):
            return _fill(
                "brief.xml", say=spoken(briefing), seconds=_whole(seconds), action_url=links.of_leg(leg, "key")
            )
        case RecordCaller(say, seconds):
            return _fill("record.xml", say=spoken(say), seconds=_whole(seconds), **_onward("recorded", links))
        case ReferCaller(address, card):
            return _fill("refer.xml", address=with_header(address, card), **_onward("refer", links))
        case DialNumber(address, seconds, caller_id):
            return _dial(address, seconds, caller_id, links)
        case HangUp(say):
            return _fill("hangup.xml", say=spoken(say))
        case _:
            assert_never(document)


def spoken(text: str) -> str:
    """What can be said of `text`: no characters XML forbids, single spaces, whole words up to the vendor's limit."""
    text = " ".join(_FORBIDDEN.sub("", text).split())
    if len(text) <= SAY_LIMIT:
        return text
    return text[:SAY_LIMIT].rpartition(" ")[0] or text[:SAY_LIMIT]


def ring_timeout(seconds: float) -> int:
    """The ring time to ask for so that a phone rings `seconds`."""
    return max(5, round(seconds) - RING_EXTRA)


def with_header(address: str, card: str) -> str:
    """A SIP address that carries the card's name to the far end as `X-Card` (twilio.md 2.7)."""
    if not card:
        return address
    return f"{address}{'&' if '?' in address else '?'}X-Card={quote(_FORBIDDEN.sub('', card), safe='')}"


def _connect(stream: int, say: str, links: Links) -> str:
    token = links.tokens.issue(links.call_id, str(stream), len(say) / LETTERS_A_SECOND)
    return _fill(
        "connect.xml",
        say=say,
        call=links.call_id,
        stream=stream,
        token=token,
        stream_url=links.socket("media"),
        recovery_url=links.recovery,
    )


def _join(template: str, leg: str, action_url: str, room: str, links: Links) -> str:
    return _fill(
        template,
        call=links.call_id,
        leg=leg,
        token=links.tokens.issue(links.call_id, leg),
        stream_url=links.socket("transcript"),
        action_url=action_url,
        conference_url=links.of_call("conference"),
        room=room,
    )


def _dial(address: str, seconds: float, caller_id: str, links: Links) -> str:
    return _fill(
        "dial.xml",
        address=address,
        sip=address.startswith(("sip:", "sips:")),
        seconds=ring_timeout(seconds),
        caller_id=caller_id,
        action_url=links.of_call("dial"),
    )


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
