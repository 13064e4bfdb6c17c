"""What a flow file means once compiled: frozen, typed, normalised, with the place each value came from.

The words are those of language.md. Every length of time is in seconds, a confidence and the limit of a share in percent
(0 to 100), minutes of a day count from midnight, and a phone is E.164 or `sip:…`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Path = tuple[str | int, ...]  # where a value stands in the file: ("departments", "clinical", "people", 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a source file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence the receptionist says as written; `by_language` holds other wordings, keyed by language name."""

    text: str
    by_language: Mapping[str, str] = field(default_factory=dict)


# ---- hours -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes since midnight of the day it starts; `end` may pass 1440 when the span runs past midnight."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Opening spans for Monday (0) to Sunday (6)."""

    days: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True)
class YearlyDate:
    """A day of every year, or of one year: `25 Dec`, `26 Nov 2026`, `fourth Thursday of November`."""

    month: int
    day: int | None = None  # None when it is the nth weekday
    year: int | None = None
    nth: int | None = None  # 1..4, or -1 for the last
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class DateRange:
    """From `first` to `last`, both included; a range without years may run across New Year."""

    first: YearlyDate
    last: YearlyDate


@dataclass(frozen=True, slots=True)
class HoursException:
    """What holds on particular dates instead of the weekly hours; empty `spans` is closed."""

    dates: DateRange
    spans: tuple[Span, ...]
    name: str = ""


class OpenRule(StrEnum):
    """Hours said relative to the office's."""

    OFFICE = "office hours"
    WHEN_CLOSED = "when the office is closed"
    ALWAYS = "always"


Opening = OpenRule | WeeklyHours


# ---- people ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Absence:
    """Dates on which a person is away and, if named, who stands in."""

    dates: DateRange
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with phones. `phones` are E.164 numbers or `sip:` addresses, tried in turn."""

    key: str
    name: str
    phones: tuple[str, ...]
    extension: str = ""
    languages: tuple[str, ...] = ()
    hours: WeeklyHours | None = None  # None: always
    away: tuple[Absence, ...] = ()
    callers_may_ask_for: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a department's list."""

    person: str  # a key of Flow.people (inline people get a key made from department and position)
    hours: WeeklyHours | None = None  # replaces the person's
    dates: DateRange | None = None


# ---- steps -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToDepartment:
    department: str


@dataclass(frozen=True, slots=True)
class TakeMessageStep:
    pass


@dataclass(frozen=True, slots=True)
class CallbackStep:
    pass


@dataclass(frozen=True, slots=True)
class VoicemailStep:
    pass


@dataclass(frozen=True, slots=True)
class ReceptionistStep:
    """Back to the receptionist, who knows what happened."""


@dataclass(frozen=True, slots=True)
class HangUpStep:
    say: Spoken


Step = ToDepartment | TakeMessageStep | CallbackStep | VoicemailStep | ReceptionistStep | HangUpStep


# ---- the transfer ------------------------------------------------------------------------------------------------


class Method(StrEnum):
    CONFERENCE = "conference"
    REFER = "refer"
    DIAL = "dial"


class Accept(StrEnum):
    PRESS_ONE = "press one"
    NONE = "none"


class Briefing(StrEnum):
    CARD_ONLY = "card only"
    SPOKEN = "spoken"
    CONVERSATION = "conversation"


class Ring(StrEnum):
    IN_ORDER = "in order"
    ALL_AT_ONCE = "all at once"


@dataclass(frozen=True, slots=True)
class Transfer:
    """How one department is reached, every word resolved: the department's, `transfer`'s, or built in."""

    method: Method = Method.CONFERENCE
    say_before: Spoken = Spoken("I'm connecting you with {department}. It usually takes about half a minute.")
    ring_for: float = 20.0
    accept: Accept = Accept.PRESS_ONE
    no_key_because: str = ""
    accept_within: float = 8.0
    briefing: Briefing = Briefing.SPOKEN
    voicemail_answers: Literal["try next person", "leave a note"] = "try next person"
    caller_id_shown: Literal["office", "caller"] = "office"
    introduction: Literal["none", "announced"] = "none"
    after_staff_hang_up: Literal["end", "receptionist", "take_message"] = "end"
    card_confirmed_within: float = 5.0
    if_card_not_confirmed: Step = CallbackStep()
    longest_wait: float = 120.0


@dataclass(frozen=True, slots=True)
class Department:
    key: str
    say_as: str
    people: tuple[Member, ...]
    ring: Ring
    if_no_one_answers: tuple[Step, ...]
    hours: Opening
    transfer: Transfer


# ---- rules -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerSays:
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    topics: tuple[str, ...]
    for_example: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallerWants:
    wants: tuple[str, ...]
    for_example: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mood:
    moods: tuple[str, ...]
    turns: int = 1


@dataclass(frozen=True, slots=True)
class NotSolvedAfter:
    tries: int


@dataclass(frozen=True, slots=True)
class SameQuestionAgain:
    times: int


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    turns: int


@dataclass(frozen=True, slots=True)
class ConfidenceBelow:
    percent: int


@dataclass(frozen=True, slots=True)
class CallLongerThan:
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnsMoreThan:
    turns: int


@dataclass(frozen=True, slots=True)
class QuietFor:
    seconds: float


@dataclass(frozen=True, slots=True)
class KeyPressedIs:
    keys: tuple[str, ...]  # as the carrier names them: "0".."9", "*", "#"


@dataclass(frozen=True, slots=True)
class KnownCaller:
    groups: tuple[str, ...]  # names of known_callers, or "called before"


@dataclass(frozen=True, slots=True)
class ReceptionistFails:
    pass


Condition = (
    CallerSays
    | Topic
    | CallerWants
    | Mood
    | NotSolvedAfter
    | SameQuestionAgain
    | NotUnderstood
    | ConfidenceBelow
    | CallLongerThan
    | TurnsMoreThan
    | QuietFor
    | KeyPressedIs
    | KnownCaller
    | ReceptionistFails
)


@dataclass(frozen=True, slots=True)
class Rule:
    key: str
    condition: Condition
    to: Step
    to_when_closed: Step | None = None
    if_no_one_answers: tuple[Step, ...] | None = None  # None: the department's
    say: Spoken | None = None
    emergency: bool = False
    receptionist_may_answer: bool = True
    only_if: Mapping[str, str] = field(default_factory=dict)


# ---- what the receptionist is ------------------------------------------------------------------------------------


class FieldType(StrEnum):
    TEXT = "text"
    PHONE = "phone"
    DATE = "date"
    YES_OR_NO = "yes or no"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """Something to find out before a hand-off."""

    name: str
    type: FieldType = FieldType.TEXT
    required: bool = False
    private: bool = False
    choices: tuple[str, ...] = ()
    start_from: Literal["", "the number they call from", "the number they called"] = ""


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    type: FieldType
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """Something the receptionist may do besides talk; its result goes to a desk or to an address."""

    name: str
    does: str
    asks_for: tuple[Argument, ...]
    sends_to: str  # a department, or ""
    post: str  # an address, possibly `${NAME}`, or ""
    timeout: float


@dataclass(frozen=True, slots=True)
class Receptionist:
    name: str
    voice: str
    languages: tuple[str, ...]
    greeting: Spoken
    greeting_when_closed: Spoken
    manner: str
    may_help_with: tuple[str, ...]
    must_not: tuple[str, ...]
    find_out: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Office:
    name: str
    timezone: str
    phone_numbers: Mapping[str, str]  # E.164 -> name ("" when the file gives none)
    calls_arrive_by: Literal["phone", "sip"]
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hold:
    music: str = "built-in"  # "built-in", a file beside the flow, or an https address
    receptionist_stays: bool = True
    update_every: float = 20.0
    update_says: Spoken = Spoken(
        "{not_answered} did not pick up. I'm still trying {person}. You can keep holding, or say message to leave one."
    )
    says: Mapping[str, Spoken] = field(default_factory=dict)  # busy | no_answer | declined | failed


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a message or card goes: the staff screen, a webhook, a text message, an e-mail."""

    kind: Literal["staff screen", "webhook", "sms", "email"]
    address: str = ""


@dataclass(frozen=True, slots=True)
class TakeMessage:
    say: Spoken
    say_when_closed: Spoken
    collect: tuple[str, ...]
    send_to: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Callback:
    say: Spoken
    within: float
    send_to: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Voicemail:
    say: Spoken
    send_to: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class HandoffCard:
    headline: str
    fields: tuple[str, ...]
    transcript: Literal["live", "so far", "none"]
    show_on: tuple[Delivery, ...]
    link_expires: float
    crm_webhook: str = ""


@dataclass(frozen=True, slots=True)
class Privacy:
    recording: Literal["none", "with consent", "always"] = "none"
    consent_line: Spoken | None = None
    redact: tuple[str, ...] = ()
    redact_patterns: tuple[str, ...] = ()
    keep_transcripts: float = 30 * 86400.0
    keep_audit_log: float = 6 * 365.25 * 86400.0


@dataclass(frozen=True, slots=True)
class Line:
    """One act of a test's caller; exactly one of the first six is set."""

    says: str = ""
    presses: str = ""
    waits: float = 0.0
    interrupts: str = ""
    hangs_up: bool = False
    unclear: bool = False
    mood: str = ""
    unsolved: bool = False
    confidence: int | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test claims; None is not claimed."""

    rule: str | None = None
    department: str | None = None
    method: str | None = None
    tried: tuple[str, ...] | None = None
    connected_to: str | None = None
    ends_with: str | None = None
    caller_hears: tuple[str, ...] = ()
    caller_does_not_hear: tuple[str, ...] = ()
    staff_hears: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowTest:
    name: str
    at: str
    caller: tuple[Line, ...]
    staff: Mapping[str, str] = field(default_factory=dict)  # person's name -> outcome
    expect: Expectation = Expectation()
    dialled: str = ""
    calls_from: str = ""
    called_before: bool = False
    language: str = ""
    receptionist_fails: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """One compiled, immutable flow file."""

    key: str
    version: str  # first 12 hex digits of SHA-256 of the source text
    file: str
    office: Office
    hours: WeeklyHours
    exceptions: tuple[HoursException, ...]
    people: Mapping[str, Person]
    receptionist: Receptionist
    tools: tuple[Tool, ...]
    departments: Mapping[str, Department]
    rules: tuple[Rule, ...]
    most_phones_rung: int
    hold: Hold
    take_message: TakeMessage
    callback: Callback
    voicemail: Voicemail
    card: HandoffCard
    privacy: Privacy
    known_callers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alert_when: Mapping[str, float] = field(default_factory=dict)  # percent, seconds or a number, see figures.py
    tests: tuple[FlowTest, ...] = ()
    origins: Mapping[Path, Place] = field(default_factory=dict)
