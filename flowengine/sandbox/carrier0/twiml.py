"""The document interpreter: verbs run one after another, as strictly as the carrier runs them (twilio.md 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin
from xml.etree import ElementTree

MOST_BYTES = 64 * 1024
CONTENT_TYPES = ("text/xml", "application/xml", "text/html")

# verb → (attributes, what may stand inside). "text" means character data.
_STATUS = {"statusCallback", "statusCallbackEvent", "statusCallbackMethod"}
_AMD = {
    "machineDetection",
    "machineDetectionTimeout",
    "machineDetectionSpeechThreshold",
    "machineDetectionSpeechEndThreshold",
}
_AMD |= {"machineDetectionSilenceTimeout", "amdStatusCallback", "amdStatusCallbackMethod"}
_RECORDING = {"recordingStatusCallback", "recordingStatusCallbackMethod", "recordingStatusCallbackEvent", "trim"}
KNOWN: Mapping[str, tuple[set[str], set[str]]] = {
    "Response": (
        set(),
        {
            "Connect",
            "Start",
            "Stop",
            "Dial",
            "Gather",
            "Say",
            "Play",
            "Record",
            "Pause",
            "Redirect",
            "Hangup",
            "Reject",
            "Refer",
        },
    ),
    "Connect": ({"action", "method"}, {"Stream"}),
    "Start": (set(), {"Stream"}),
    "Stop": (set(), {"Stream"}),
    "Stream": ({"url", "name", "track", "statusCallback", "statusCallbackMethod", "connectorName"}, {"Parameter"}),
    "Parameter": ({"name", "value"}, set()),
    "Dial": (
        {
            "action",
            "method",
            "timeout",
            "timeLimit",
            "callerId",
            "answerOnBridge",
            "hangupOnStar",
            "record",
            "recordingTrack",
            "sequential",
            "referUrl",
            "referMethod",
            "ringTone",
        }  # noqa: E501
        | _RECORDING,
        {"Number", "Sip", "Conference", "text"},
    ),
    "Number": ({"sendDigits", "url", "method", "byoc"} | _STATUS | _AMD, {"text"}),
    "Sip": ({"username", "password", "url", "method"} | _STATUS | _AMD, {"text"}),
    "Conference": (
        {
            "muted",
            "beep",
            "startConferenceOnEnter",
            "endConferenceOnExit",
            "participantLabel",
            "jitterBufferSize",
            "waitUrl",
            "waitMethod",
            "maxParticipants",
            "record",
            "region",
            "coach",
        }  # noqa: E501
        | _STATUS
        | _RECORDING,
        {"text"},
    ),
    "Gather": (
        {
            "input",
            "action",
            "method",
            "timeout",
            "speechTimeout",
            "numDigits",
            "finishOnKey",
            "actionOnEmptyResult",
            "language",
            "hints",
            "profanityFilter",
        },
        {"Say", "Play", "Pause"},
    ),
    "Say": ({"voice", "language", "loop"}, {"text"}),
    "Play": ({"loop", "digits"}, {"text"}),
    "Record": (
        {"action", "method", "timeout", "finishOnKey", "maxLength", "playBeep", "transcribe", "transcribeCallback"}
        | _RECORDING,
        set(),
    ),
    "Pause": ({"length"}, set()),
    "Redirect": ({"method"}, {"text"}),
    "Hangup": (set(), set()),
    "Reject": ({"reason"}, set()),
    "Refer": ({"action", "method"}, {"Sip"}),
}


class BadDocument(Exception):
    """A document that ends the call; `code` is the carrier's error code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verb:
    """One element with the attributes and children the carrier knows."""

    name: str
    attributes: Mapping[str, str]
    children: tuple[Verb, ...]
    text: str

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        return self.attributes.get(name, str(default)).lower() == "true"


@dataclass(frozen=True, slots=True)
class Document:
    """Verbs in order; `base` is the address they came from ("" for inline documents, which have none)."""

    verbs: tuple[Verb, ...]
    base: str

    def absolute(self, url: str) -> str:
        """Raises `BadDocument` 11100 for a relative address in an inline document."""
        if self.base:
            return urljoin(self.base, url)
        if "://" not in url:
            raise BadDocument(11100, f"a relative address in an inline document: {url!r}")
        return url


def parse(body: str, content_type: str, base: str) -> tuple[Document, list[str]]:
    """The document and what was ignored in it (12200). Raises `BadDocument`."""
    if content_type not in CONTENT_TYPES:
        raise BadDocument(12300, f"content type {content_type!r}")
    if len(body.encode()) > MOST_BYTES:
        raise BadDocument(11750, "over 64 kB")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as mistake:
        raise BadDocument(12100, str(mistake)) from mistake
    if root.tag != "Response":
        raise BadDocument(12102, f"root element {root.tag!r}")
    ignored: list[str] = []
    top = _verb(root, ignored)
    return Document(top.children, base), ignored


def _verb(element: ElementTree.Element, ignored: list[str]) -> Verb:
    attributes, inside = KNOWN[element.tag]
    known = {name: value for name, value in element.attrib.items() if name in attributes}
    ignored += [f"{element.tag} {name}" for name in element.attrib if name not in attributes]
    children = []
    for child in element:
        if child.tag in inside:
            children.append(_verb(child, ignored))
        else:
            ignored.append(f"{child.tag} in {element.tag}")
    text = (element.text or "").strip() if "text" in inside else ""
    return Verb(element.tag, known, tuple(children), text)
