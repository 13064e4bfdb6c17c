"""What each way of handing over can do and what it cannot, in one table: `validate` and a running call go by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from flowengine.flow.model import Accept, Briefing, Method, Transfer

ASKING_SECONDS = 20.0  # for all questions before a hand-off (language.md section 4)
CONSULT_SECONDS = 60.0  # a briefing in conversation, from picking up to yes or no
NEW_CALL_SECONDS = 1.0  # between two phones rung at once: a carrier begins one call a second (twilio.md 4.4)


class Line(StrEnum):
    """What leads to somebody, or brings a call to us: a telephone number or an address of a phone system."""

    PHONE = "phone"
    SIP = "sip"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to hand a call over. `line` leads to the person, `arrives` brought the caller; `extension` says whether
    digits are dialled once the phone is picked up."""

    method: Method
    briefing: Briefing
    accept: Accept
    line: Line
    arrives: Line = Line.PHONE
    extension: bool = False


@dataclass(frozen=True, slots=True, eq=False)  # each stands in the table once
class Limit:
    """What a word of a flow cannot do in ways in which everything in `when` is so: what `validate` calls it, why it
    is so, and what would be right."""

    word: str
    values: tuple[str, ...]  # the values that cannot be had; () for any
    when: Mapping[str, str | bool]
    code: str
    why: str
    instead: str


_TOLD, _KEY = "people should be told first", "people should press a key"
_OF_OURS: tuple[tuple[str, tuple[str, ...], str], ...] = (  # what needs us on the line: word, values, who wants that
    ("briefing", ("spoken", "conversation"), _TOLD),
    ("accept", ("press one",), _KEY),
    ("accept_within", (), _KEY),
    ("introduction", ("announced",), "both should hear a sentence"),
    ("after_staff_hang_up", ("receptionist", "take_message"), "the caller should not be left alone then"),
    ("voicemail_answers", ("leave a note",), "a voicemail box should get a note"),
    ("transcript", ("live",), "the talk should be written down"),
)
_OF_A_KEY = (("briefing", ("spoken", "conversation"), _TOLD), ("accept_within", (), _KEY))


def _once_gone(method: Method) -> Iterator[Limit]:
    for word, values, wish in _OF_OURS:
        if word == "transcript" and method is Method.DIAL:
            continue  # the carrier stays between the two, and lets us listen
        why = f"with method {method} the call leaves us before anybody picks up"
        instead = f"delete the line, or use  method: conference  if {wish}"
        yield Limit(word, values, {"method": method}, "refer-loses-briefing", why, instead)


def _without_a_key() -> Iterator[Limit]:
    for word, values, wish in _OF_A_KEY:
        why = "with accept: none whoever picks up has the caller at once"
        instead = f"delete the line, or use  accept: press one  if {wish}"
        yield Limit(word, values, {"method": "conference", "accept": "none"}, "needs-press-one", why, instead)


def _with_extension() -> Iterator[Limit]:
    """Digits sent after the answer switch the carrier's machine detection off (twilio.md 1.6)."""
    for word, value, why, instead in (
        (
            "voicemail_answers",
            "leave a note",
            "a voicemail box that picks up is not noticed while an extension is dialled, so it gets no note",
            "use  voicemail_answers: try next person  there, or a number that needs no extension",
        ),
        (
            "accept",
            "none",
            "a voicemail box that picks up is not noticed while an extension is dialled, so it would get the caller",
            "use  accept: press one  there, or a number that needs no extension",
        ),
    ):
        yield Limit(word, (value,), {"method": "conference", "extension": True}, "machine-unnoticed", why, instead)


LIMITS: tuple[Limit, ...] = (
    Limit(
        "method",
        ("refer",),
        {"arrives": "phone"},
        "refer-needs-sip",
        "method: refer works only when calls arrive by sip",
        "use conference, or set  calls_arrive_by: sip  in office",
    ),
    Limit(
        "method",
        ("refer",),
        {"line": "phone"},
        "refer-needs-sip",
        "a phone system takes calls back at a sip address only",
        "add  sip:  there, or use another method",
    ),
    *_once_gone(Method.REFER),
    *_once_gone(Method.DIAL),
    *_without_a_key(),
    *_with_extension(),
    Limit(
        "caller_id_shown",
        ("caller",),
        {"method": "refer"},
        "caller-id-not-shown",
        "with method refer your own phone system decides what its phones show",
        "delete the line",
    ),
    Limit(
        "caller_id_shown",
        ("caller",),
        {"method": "dial"},
        "caller-id-not-shown",
        "with method dial the phone shows the office's number",
        "delete the line, or use  method: conference  if phones should show the caller's",
    ),
    Limit(
        "caller_id_shown",
        ("caller",),
        {"arrives": "sip"},
        "caller-id-not-shown",
        "a call that arrives by sip brings no number a phone may show",
        "delete the line: phones show the office's number",
    ),
    Limit(
        "extension",
        (),
        {"line": "sip"},
        "extension-not-dialled",
        "a sip address leads to one phone, with nothing to dial behind it",
        "delete the line, or add the  phone:  that needs it",
    ),
    Limit(
        "extension",
        (),
        {"method": "dial"},
        "extension-not-dialled",
        "with method dial the caller is connected as soon as the phone is picked up, and nothing is dialled behind it",
        "use  method: conference  there, or a number that needs no extension",
    ),
)  # fmt: skip


def limits(way: Way, word: str, value: str = "") -> Iterator[Limit]:
    """Why a word with this value cannot do its work in this way; nothing where it can."""
    for limit in LIMITS:
        if limit.word == word and (not limit.values or value in limit.values) and _so(limit, way):
            yield limit


def _so(limit: Limit, way: Way) -> bool:
    return all(getattr(way, name) == wanted for name, wanted in limit.when.items())


def possible(method: Method, briefing: Briefing, accept: Accept, line: Line, arrives: Line = Line.SIP) -> str:
    """Why a call cannot be handed over so; "" when it can. Without `arrives` the caller's own line is no hindrance."""
    way = Way(method, briefing, accept, line, arrives)
    words = (("method", method), ("briefing", briefing), ("accept", accept))
    return next((limit.why for word, value in words for limit in limits(way, word, value)), "")


# ---- for a running call ----------------------------------------------------------------------------------------------


def line_of(address: str) -> Line:
    """Whether a phone of somebody is a number or a SIP address."""
    return Line.SIP if address.startswith(("sip:", "sips:")) else Line.PHONE


def way_of(transfer: Transfer, line: Line, arrives: Line = Line.PHONE, extension: str = "") -> Way:
    """The way a department hands over, to a phone of this kind."""
    return Way(transfer.method, transfer.briefing, transfer.accept, line, arrives, bool(extension))


def briefing_for(transfer: Transfer, line: Line = Line.PHONE) -> Briefing:
    """The briefing that is really given: the card alone where nobody can be told first."""
    loses = any(limits(way_of(transfer, line), "briefing", transfer.briefing))
    return Briefing.CARD_ONLY if loses else transfer.briefing


def digits_for(transfer: Transfer, line: Line, extension: str) -> str:
    """What is dialled once the phone is picked up; "" where nothing can be."""
    return "" if any(limits(way_of(transfer, line), "extension")) else extension


def notices_machine(transfer: Transfer, extension: str = "") -> bool:
    """Whether the carrier tells us that a machine picked up."""
    return not any(limits(way_of(transfer, Line.PHONE, extension=extension), "voicemail_answers", "leave a note"))


def leaves_note(transfer: Transfer, extension: str = "") -> bool:
    """Whether a voicemail box that picks up gets a note."""
    return transfer.voicemail_answers == "leave a note" and notices_machine(transfer, extension)


def shows_caller(transfer: Transfer, arrives: Line) -> bool:
    """Whether the phone that rings shows the caller's own number."""
    way = way_of(transfer, Line.PHONE, arrives)
    return transfer.caller_id_shown == "caller" and not any(limits(way, "caller_id_shown", "caller"))


def writes_down(transfer: Transfer) -> bool:
    """Whether what the two say to each other is transcribed."""
    return not any(limits(way_of(transfer, Line.PHONE), "transcript", "live"))


def accept_seconds(transfer: Transfer, line: Line = Line.PHONE) -> float:
    """How long somebody who has picked up has to say yes: the key, a whole conversation, or no time at all."""
    if any(limits(way_of(transfer, line), "accept_within")):
        return 0.0
    return CONSULT_SECONDS if briefing_for(transfer, line) is Briefing.CONVERSATION else transfer.accept_within
