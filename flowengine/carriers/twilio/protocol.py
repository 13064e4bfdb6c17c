"""Twilio's words and ours: webhook forms become events, Media Streams frames become audio, keys and marks. Pure."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

import msgspec

from flowengine.call.events import (
    DialEnded,
    Event,
    LegCreated,
    LegEnded,
    LegOutcome,
    LegRinging,
    MachineDetected,
    MessageRecorded,
    ReferAnswered,
)

Form = Mapping[str, str]
News = Callable[[float], Event]  # an event, once `at` is known
Question = Callable[[float, str], Event]  # an event, once `at` and the request id are known

LARGEST_MESSAGE = 64 * 1024  # characters of one frame or bytes of one form; Twilio's own are far smaller

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_OUTCOMES: dict[str, LegOutcome] = {
    "completed": "completed",
    "answered": "completed",  # the word for a conference (twilio.md 1.4)
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "cancelled",
}
_REFER_FIELDS = ("ReferCallStatus", "ReferSipResponseCode", "NotifySipResponseCode")
# What an `action` is told of the verb that is over (twilio.md 1.4). It is said once: a <Redirect> does not repeat it.
_SAID_ONCE = (
    "Digits", "RecordingUrl", "RecordingDuration", "DialCallStatus", "DialSipResponseCode", "DialBridged",
    "DialCallDuration", *_REFER_FIELDS,
)  # fmt: skip
_DECLINED = "603"  # SIP: "Decline", the far end pressed reject
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# A withheld number where a network insists on digits: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE on a keypad.
_WITHHELD = frozenset(("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"))
_SIP = ("sip:", "sips:")


# ---- webhook forms ---------------------------------------------------------------------------------------------------


def said_once(form: Form) -> dict[str, str]:
    """What the same question must bring along when it is asked again."""
    return {name: form[name] for name in _SAID_ONCE if name in form}


def caller_number(form: Form) -> str:
    """The caller as E.164; "" when withheld or not a number (twilio.md 1.1)."""
    number = _user_part(form.get("From", ""))
    return number if E164.fullmatch(number) and number not in _WITHHELD else ""


def dialled_number(form: Form) -> str:
    """The number that was called; of a SIP address the user part (language.md section 2)."""
    return _user_part(form.get("To", ""))


def arrives_by(form: Form) -> Literal["phone", "sip"]:
    by_sip = form.get("SipDomain") or any(form.get(name, "").lower().startswith(_SIP) for name in ("From", "To"))
    return "sip" if by_sip else "phone"


def _user_part(address: str) -> str:
    """`sip:+13125550100@example.com;user=phone` is read as `+13125550100`."""
    if not address.lower().startswith(_SIP):
        return address.strip()
    user, at, _ = address.partition(":")[2].partition("@")
    return unquote(user.partition(";")[0]) if at else ""


def leg_is_over(form: Form) -> bool:
    """Whether the leg that this request is about has ended, whatever else the request says."""
    return form.get("CallStatus") in ENDED


def leg_news(leg: str, form: Form) -> News | None:
    """A status callback of a staff leg. `answered` is no news: the question for a document says it better."""
    ref, status = form.get("CallSid", ""), form.get("CallStatus", "")
    match status:
        case "queued" | "initiated":
            return lambda at: LegCreated(at, leg, ref)
        case "ringing":
            return lambda at: LegRinging(at, leg, ref)
        case _ if status in ENDED:
            code = form.get("SipResponseCode", "")
            outcome, evidence = _outcome(status, code), _words(status, code, *_circumstances(form, "CallDuration"))
            return lambda at: LegEnded(at, leg, outcome, evidence)
        case _:
            return None


def machine_news(leg: str, form: Form) -> News | None:
    """Answering-machine detection (twilio.md 1.6); `human` and `unknown` are no news."""
    by = form.get("AnsweredBy", "")
    if by.startswith(("machine_", "fax")):
        return lambda at: MachineDetected(at, leg, by.startswith("machine_end_"))
    return None


def recorded_seconds(form: Form) -> float:
    """How long a recording is; 0 where the form does not say."""
    return _number(form.get("RecordingDuration", ""))


def recorded(form: Form) -> Question:
    url, seconds = form.get("RecordingUrl", ""), recorded_seconds(form)
    return lambda at, request: MessageRecorded(at, request, url, seconds)


def refer_answered(form: Form) -> Question:
    """How a REFER ended, in all its forms (twilio.md 2.7); no word at all is not accepted."""
    status, answer, notify = (form.get(name, "") for name in _REFER_FIELDS)
    accepted = status in ("in-progress", "completed") or (not status and answer[:1] == notify[:1] == "2")
    evidence = _words(status or "no status", answer and f"refer {answer}", notify and f"notify {notify}")
    return lambda at, request: ReferAnswered(at, request, accepted, evidence)


def dial_ended(form: Form) -> Question:
    """How a cold dial ended. `completed` proves only an answer; `DialBridged` decides where given (twilio.md 1.4)."""
    status, code = form.get("DialCallStatus", ""), form.get("DialSipResponseCode", "")
    outcome = _outcome(status, code)
    evidence = _words(status or "no status", code, *_circumstances(form, "DialCallDuration"))
    bridged = form["DialBridged"].lower() == "true" if form.get("DialBridged") else outcome == "completed"
    return lambda at, request: DialEnded(at, request, outcome, bridged, evidence)


@dataclass(frozen=True, slots=True)
class RoomNews:
    """Somebody entered or left a room. `is_staff` is read from who ends the room on leaving."""

    joined: bool
    ref: str
    room: str
    is_staff: bool


def room_news(form: Form) -> RoomNews | None:
    """A conference status callback about one participant (twilio.md 1.4); others are None."""
    event, ref = form.get("StatusCallbackEvent", ""), form.get("CallSid", "")
    if event not in ("participant-join", "participant-leave") or not ref:
        return None
    is_staff = form.get("EndConferenceOnExit", "").lower() == "true"
    return RoomNews(event == "participant-join", ref, form.get("FriendlyName", ""), is_staff)


def _outcome(status: str, sip_code: str) -> LegOutcome:
    if sip_code == _DECLINED and status != "completed":
        return "declined"
    return _OUTCOMES.get(status, "unknown")


def _circumstances(form: Form, duration: str) -> tuple[str, ...]:
    """Who picked up, as the carrier sees it, and how long the leg was up, where the form has them."""
    by, seconds = form.get("AnsweredBy", ""), form.get(duration, "")
    return by and f"answered by {by}", f"lasted {seconds} s" if _number(seconds) else ""


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0


# ---- Media Streams, from Twilio (twilio.md 3.1) ---------------------------------------------------------------------


class Start(msgspec.Struct, rename="camel", frozen=True, gc=False):
    stream_sid: str
    call_sid: str = ""
    custom_parameters: dict[str, str] = {}  # msgspec copies it


class Media(msgspec.Struct, frozen=True, gc=False):
    payload: bytes  # msgspec reads base64
    track: str = "inbound"


class Dtmf(msgspec.Struct, frozen=True, gc=False):
    digit: str


class Mark(msgspec.Struct, frozen=True, gc=False):
    name: str


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of a stream. Unknown events and fields are let through: the vendor may add some."""

    event: str
    start: Start | None = None
    media: Media | None = None
    dtmf: Dtmf | None = None
    mark: Mark | None = None


_decode = msgspec.json.Decoder(Frame).decode


def decode(message: str | bytes) -> Frame | None:
    """A message as a frame; None if it is none (wrong JSON, wrong types, bad base64, too deep, too long)."""
    if len(message) > LARGEST_MESSAGE:
        return None
    try:
        return _decode(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


# ---- Media Streams, to Twilio (twilio.md 3.2) -----------------------------------------------------------------------


class Encoder:
    """What we say on one stream. The envelope is built once, so that a frame costs a base64 and a join."""

    __slots__ = ("_mark", "_media", "clear")

    def __init__(self, stream_sid: str) -> None:
        sid = msgspec.json.encode(stream_sid).decode()
        self._media = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        self._mark = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":'
        self.clear = f'{{"event":"clear","streamSid":{sid}}}'

    def media(self, audio: bytes) -> str:
        """Text, not bytes: a binary frame is error 31950."""
        return f'{self._media}{b2a_base64(audio, newline=False).decode("ascii")}"}}}}'

    def mark(self, name: str) -> str:
        return f"{self._mark}{msgspec.json.encode(name).decode()}}}}}"
