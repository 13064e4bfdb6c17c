"""TwiML as the carrier reads it: a document becomes verbs; what it does not know is a warning, not an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

__all__ = ["MOST_BYTES", "Document", "TwimlError", "Verb", "read", "read_answer"]

MOST_BYTES = 64 * 1024
_XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


class TwimlError(Exception):
    """A document that cannot be run; `code` is the vendor's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Verb:
    """One element: only attributes and children that the vendor knows."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Verb, ...] = ()
    text: str = ""

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        return self.attributes[name] == "true" if name in self.attributes else default

    def number(self, name: str, default: float) -> float:
        return float(self.attributes[name]) if name in self.attributes else default

    def named(self, name: str) -> tuple[Verb, ...]:
        return tuple(c for c in self.children if c.name == name)


@dataclass(frozen=True, slots=True)
class Document:
    """What to do, in order. `base` is where it came from; TwiML passed to REST came from nowhere."""

    verbs: tuple[Verb, ...]
    base: str | None = None

    def resolve(self, url: str) -> str:
        """`url` as an absolute one. Raises `TwimlError` 11100 for a relative one in TwiML without a base."""
        if urlsplit(url).scheme in ("http", "https"):
            return url
        if self.base is None:
            raise TwimlError(11100, f"{url!r} is relative, and this TwiML has no base")
        return urljoin(self.base, url)


# ---- what the vendor knows (twilio.md 2) -----------------------------------------------------------------------------

Check = Callable[[str], Any]


def _anything(_: str) -> bool:
    return True


def _one_of(*values: str) -> Check:
    return frozenset(values).__contains__


def _some_of(*values: str) -> Check:
    return lambda text: bool(text.split()) and set(text.split()) <= set(values)


def _whole(least: int, most: int) -> Check:
    return lambda text: text.isascii() and text.isdigit() and least <= int(text) <= most


_bool, _method, _count = _one_of("true", "false"), _one_of("GET", "POST"), _whole(0, 86400)
_keys: Check = re.compile(r"[0-9*#]*").fullmatch
_digits: Check = re.compile(r"[0-9*#A-DwW]+").fullmatch
_progress = _some_of("initiated", "ringing", "answered", "completed")
_trim = _one_of("trim-silence", "do-not-trim")

_RECORDING: dict[str, Check] = {
    "recordingStatusCallback": _anything,
    "recordingStatusCallbackMethod": _method,
    "recordingStatusCallbackEvent": _some_of("in-progress", "completed", "absent"),
    "recordingConfigurationId": _anything,
    "trim": _trim,
}
_CALLEE: dict[str, Check] = {
    "url": _anything,
    "method": _method,
    "statusCallback": _anything,
    "statusCallbackEvent": _progress,
    "statusCallbackMethod": _method,
    "machineDetection": _one_of("Enable", "DetectMessageEnd"),
    "machineDetectionTimeout": _whole(3, 60),
    "machineDetectionSpeechThreshold": _whole(1000, 6000),
    "machineDetectionSpeechEndThreshold": _whole(500, 5000),
    "machineDetectionSilenceTimeout": _whole(2000, 10000),
    "amdStatusCallback": _anything,
    "amdStatusCallbackMethod": _method,
}
_STREAM: dict[str, Check] = {
    "url": _anything,
    "name": _anything,
    "track": _one_of("inbound_track", "outbound_track", "both_tracks"),
    "statusCallback": _anything,
    "statusCallbackMethod": _method,
    "connectorName": _anything,
}
_ATTRIBUTES: dict[str, dict[str, Check]] = {
    "Connect": {"action": _anything, "method": _method},
    "Start": {"action": _anything, "method": _method},
    "Stop": {},
    "Stream": _STREAM,
    "Parameter": {"name": _anything, "value": _anything},
    "Dial": _RECORDING | {
        "action": _anything,
        "method": _method,
        "timeout": _whole(5, 600),
        "timeLimit": _whole(1, 86400),
        "callerId": _anything,
        "answerOnBridge": _bool,
        "hangupOnStar": _bool,
        "record": _one_of(
            "do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
            "record-from-ringing-dual", "true", "false",
        ),
        "recordingTrack": _one_of("inbound", "outbound", "both"),
        "sequential": _bool,
        "referUrl": _anything,
        "referMethod": _method,
        "ringTone": _anything,
        "callReason": _anything,
        "events": _anything,
        "passports": _anything,
    },
    "Number": _CALLEE | {"sendDigits": _digits, "byoc": _anything},
    "Sip": _CALLEE | {"username": _anything, "password": _anything},
    "Conference": {k: v for k, v in _RECORDING.items() if k != "recordingConfigurationId"} | {
        "muted": _bool,
        "beep": _one_of("true", "false", "onEnter", "onExit"),
        "startConferenceOnEnter": _bool,
        "endConferenceOnExit": _bool,
        "participantLabel": lambda text: 0 < len(text) <= 128 and "/" not in text and not text.startswith("CA"),
        "jitterBufferSize": _one_of("small", "medium", "large", "off"),
        "waitUrl": _anything,
        "waitMethod": _method,
        "maxParticipants": _whole(2, 250),
        "record": _one_of("do-not-record", "record-from-start"),
        "recordingConfigurationId": _anything,
        "region": _one_of("us1", "ie1", "de1", "sg1", "br1", "au1", "jp1"),
        "coach": _anything,
        "statusCallback": _anything,
        "statusCallbackMethod": _method,
        "statusCallbackEvent": _some_of(
            "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"
        ),
        "eventCallbackUrl": _anything,
    },
    "Gather": {
        "input": _some_of("dtmf", "speech"),
        "action": _anything,
        "method": _method,
        "timeout": lambda text: _count(text) or text == "auto",
        "speechTimeout": lambda text: _count(text) or text == "auto",
        "numDigits": _whole(1, 1000),
        "finishOnKey": lambda text: len(text) <= 1 and bool(_keys(text)),
        "actionOnEmptyResult": _bool,
        "partialResultCallback": _anything,
        "partialResultCallbackMethod": _method,
        "language": _anything,
        "hints": _anything,
        "profanityFilter": _bool,
        "speechModel": _anything,
        "enhanced": _bool,
        "bargeIn": _bool,
        "maxSpeechTime": _count,
        "debug": _bool,
    },
    "Say": {"voice": _anything, "language": _anything, "loop": _whole(0, 1000)},
    "Play": {"loop": _whole(0, 1000), "digits": _digits},
    "Record": {k: v for k, v in _RECORDING.items() if k != "recordingConfigurationId"} | {
        "action": _anything,
        "method": _method,
        "timeout": _count,
        "finishOnKey": _keys,
        "maxLength": _whole(1, 86400),
        "playBeep": _bool,
        "transcribe": _bool,
        "transcribeCallback": _anything,
        "recordingConfigurationId": _anything,
    },
    "Pause": {"length": _count},
    "Redirect": {"method": _method},
    "Hangup": {},
    "Reject": {"reason": _one_of("rejected", "busy")},
    "Refer": {"action": _anything, "method": _method},
}  # fmt: skip
_VERBS = frozenset({
    "Connect", "Start", "Stop", "Dial", "Gather", "Say", "Play", "Record", "Pause", "Redirect", "Hangup", "Reject",
    "Refer",
})  # fmt: skip
_NESTED: dict[str, frozenset[str]] = {
    "Response": _VERBS,
    "Connect": frozenset({"Stream"}),
    "Start": frozenset({"Stream"}),
    "Stop": frozenset({"Stream"}),
    "Stream": frozenset({"Parameter"}),
    "Dial": frozenset({"Number", "Sip", "Conference"}),
    "Gather": frozenset({"Say", "Play", "Pause"}),
    "Refer": frozenset({"Sip"}),
}


# ---- reading ---------------------------------------------------------------------------------------------------------


def read(body: bytes | str, base: str | None = None) -> tuple[Document, list[str]]:
    """The document and what it says that nobody knows (12200). Raises `TwimlError` 11750, 12100, 12102."""
    data = body.encode() if isinstance(body, str) else body
    if len(data) > MOST_BYTES:
        raise TwimlError(11750, "TwiML is larger than 64 kB")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as mistake:
        raise TwimlError(12100, f"document parse failure: {mistake}") from mistake
    if root.tag != "Response":
        raise TwimlError(12102, f"the root must be <Response>, not <{root.tag}>")
    unknown: list[str] = []
    return Document(tuple(_children(root, unknown)), base), unknown


def read_answer(content_type: str, body: bytes, url: str) -> tuple[Document, list[str]]:
    """What an HTTP answer means (twilio.md 1.2). Raises `TwimlError`, 12300 for a type that is no text nor sound."""
    if content_type in _XML_TYPES:
        if not body:
            raise TwimlError(11770, "empty body")
        return read(body, url)
    if content_type.startswith("audio/"):
        return Document((Verb("Play", text=url),), url), []
    if content_type == "text/plain":
        try:
            return read(body, url)
        except TwimlError:
            return Document((Verb("Say", text=body.decode(errors="replace")),), url), []
    raise TwimlError(12300, f"invalid Content-Type {content_type!r}")


def _children(parent: ElementTree.Element, unknown: list[str]) -> Iterator[Verb]:
    known = _NESTED.get(str(parent.tag), frozenset())
    for element in parent:
        if element.tag in known:
            yield _verb(element, unknown)
        else:
            unknown.append(f"element <{element.tag}> is not allowed in <{parent.tag}>")


def _verb(element: ElementTree.Element, unknown: list[str]) -> Verb:
    checks = _ATTRIBUTES[element.tag]
    good = {k: v for k, v in element.attrib.items() if k in checks and checks[k](v)}
    unknown += [
        f"attribute {k}={v!r} is not allowed in <{element.tag}>" for k, v in element.attrib.items() if k not in good
    ]
    return Verb(element.tag, good, tuple(_children(element, unknown)), " ".join((element.text or "").split()))
