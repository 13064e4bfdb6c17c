"""Requests as Twilio would send them, for whoever tries whether our door tells it from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowengine.carriers.twilio.links import STATUS, VOICE
from flowengine.carriers.twilio.signature import HEADER, signature_for
from flowengine.settings import Settings

_NOBODY = "CA" + "0" * 32  # no call is named so


@dataclass(frozen=True, slots=True)
class Knock:
    """A webhook about a call that does not exist: a form to be posted, and the headers that prove who sends it."""

    path: str
    form: Mapping[str, str]
    signed: Mapping[str, str]
    forged: Mapping[str, str]
    let_in: int  # the status of a signed one's answer; a forged one is answered 403


def new_call(settings: Settings) -> Knock:
    """Somebody rings a number that no office has."""
    form = {"CallSid": _NOBODY, "From": "+13125550199", "To": "+13125550100", "Direction": "inbound"}
    return _knock(settings, VOICE, form, 200)


def old_news(settings: Settings) -> Knock:
    """A call is over that never began: harmless also where real calls are."""
    return _knock(settings, STATUS, {"CallSid": _NOBODY, "CallStatus": "completed"}, 204)


def _knock(settings: Settings, path: str, form: Mapping[str, str], let_in: int) -> Knock:
    right = signature_for(settings.twilio_auth_token, settings.public_url + path, form)
    return Knock(path, form, {HEADER: right}, {HEADER: right[::-1]}, let_in)
