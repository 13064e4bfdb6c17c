"""A sound document → the Flow it means, with every default in its place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flowengine.flow import read
from flowengine.flow.build_rules import rule, step, steps
from flowengine.flow.build_words import Say
from flowengine.flow.document import Document
from flowengine.flow.model import (
    Absence,
    Argument,
    Callback,
    Delivery,
    Department,
    Expectation,
    Field,
    FieldType,
    Flow,
    FlowTest,
    HandoffCard,
    Hold,
    HoursException,
    Line,
    Member,
    Office,
    Opening,
    OpenRule,
    Path,
    Person,
    Place,
    Privacy,
    Receptionist,
    ReceptionistStep,
    Ring,
    Spoken,
    Step,
    TakeMessage,
    Tool,
    Transfer,
    Voicemail,
    WeeklyHours,
)

MOST_PHONES_RUNG = 6
VOICE = "anna"
USUAL_FIELDS = (
    Field("caller_name", required=True),
    Field("callback_number", FieldType.PHONE, start_from="the number they call from"),
    Field("reason", required=True),
)
SCREEN = (Delivery("staff screen"),)

GREETING = "Thank you for calling {office}. I'm {receptionist}, the automated receptionist. How can I help?"
GREETING_CLOSED = (
    "Thank you for calling {office}. I'm {receptionist}, the automated receptionist. "
    "We're closed and open again {next_opening}. I can take a message."
)
TAKE_MESSAGE = "No one is free right now. I'll take a message and we'll call you back {callback_time}."
TAKE_MESSAGE_CLOSED = "We're closed. I'll take a message and we'll call you back {callback_time}."
CALLBACK = "I'll have someone call you back {callback_time}."
VOICEMAIL = "Please leave a message after the tone."
HEADLINE = "{caller_name}: {reason}"
CARD_FIELDS = ("callback_number", "rule", "already_offered", "suggested_next_step")
CALLBACK_WITHIN = 3600.0
LINK_EXPIRES = 1800.0
TOOL_SECONDS = 3.0  # for an address to answer


def build(doc: Document, text: str) -> Flow:
    """The flow of a document without errors; `text` is the source its version is taken from."""
    v: dict[str, Any] = doc.value
    receptionist = _receptionist(v["receptionist"])
    say = Say(receptionist.languages[0])
    people = {key: _person(key, value) for key, value in v.get("people", {}).items()}
    departments = {key: _department(key, value, v, say, people) for key, value in v.get("departments", {}).items()}
    return Flow(
        key=v["flow"],
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        file=doc.file,
        office=_office(v["office"]),
        hours=weekly(v["hours"]),
        exceptions=tuple(_exception(e) for e in v["hours"].get("exceptions", ())),
        people=people,
        receptionist=receptionist,
        tools=tuple(_tool(t) for t in v.get("tools", ())),
        departments=departments,
        rules=tuple(rule(r, say) for r in v["when_to_transfer"]),
        most_phones_rung=v.get("transfer", {}).get("most_phones_rung", MOST_PHONES_RUNG),
        hold=_hold(v.get("hold", {}), say),
        take_message=_take_message(v.get("take_message", {}), say),
        callback=_callback(v.get("callback", {}), say),
        voicemail=_voicemail(v.get("voicemail", {}), say),
        card=_card(v.get("handoff_card", {})),
        privacy=_privacy(v.get("privacy", {}), say),
        known_callers={group: tuple(numbers) for group, numbers in v.get("known_callers", {}).items()},
        alert_when=dict(v.get("alert_when", {})),
        tests=tuple(_test(t) for t in v.get("tests", ())),
        origins=_origins(doc),
    )


def _origins(doc: Document) -> Mapping[Path, Place]:
    places = {**doc.values, **doc.keys}
    return {path: Place(e.file, e.line, e.column) for path, e in places.items()}


def weekly(value: Mapping[str, Any]) -> WeeklyHours:
    """Hours by weekday; a single day beats a range, a missing day is closed."""
    days: list[Any] = [()] * 7
    for key in sorted((k for k in value if k != "exceptions"), key=lambda k: -len(read.weekdays(k))):
        for day in read.weekdays(key):
            days[day] = value[key]
    return WeeklyHours(tuple(days))


def _office(v: Mapping[str, Any]) -> Office:
    return Office(
        name=v["name"],
        timezone=v["timezone"],
        phone_numbers=_numbers(v["phone_numbers"]),
        calls_arrive_by=v.get("calls_arrive_by", "phone"),
        facts=dict(v.get("facts", {})),
    )


def _numbers(value: Any) -> Mapping[str, str]:
    if isinstance(value, dict):
        return {number: name for name, number in value.items()}
    return dict.fromkeys(value if isinstance(value, list) else [value], "")


def _exception(v: Mapping[str, Any]) -> HoursException:
    return HoursException(v["date"], v["hours"], v.get("name", ""))


def _person(key: str, v: Mapping[str, Any]) -> Person:
    kinds = [kind for kind in v if kind in ("phone", "sip")]  # as written: the first is tried first
    return Person(
        key=key,
        name=v["name"],
        phones=tuple(number for kind in kinds for number in v[kind]),
        extension=v.get("extension", ""),
        languages=tuple(v.get("languages", ())),
        hours=weekly(v["hours"]) if "hours" in v else None,
        away=tuple(Absence(a["dates"], a.get("replaced_by")) for a in v.get("away", ())),
        callers_may_ask_for=v.get("callers_may_ask_for", True),
    )


def _department(
    key: str, v: Mapping[str, Any], flow: Mapping[str, Any], say: Say, people: dict[str, Person]
) -> Department:
    return Department(
        key=key,
        say_as=v.get("say_as", key.replace("_", " ")),
        people=tuple(_member(key, i, entry, people) for i, entry in enumerate(v["people"], 1)),
        ring=Ring(v.get("ring", Ring.IN_ORDER)),
        if_no_one_answers=steps(v["if_no_one_answers"], say) if "if_no_one_answers" in v else (ReceptionistStep(),),
        hours=_opening(v.get("hours", OpenRule.OFFICE)),
        transfer=_transfer(
            {**flow.get("transfer", {}), **v}, v.get("longest_wait", flow.get("hold", {}).get("longest_wait")), say
        ),
    )


def _member(department: str, position: int, entry: Any, people: dict[str, Person]) -> Member:
    """One entry; somebody listed only here becomes a person with a key of department and position."""
    if isinstance(entry, str):
        return Member(entry)
    person = entry.get("person")
    if person is None:
        person = f"{department}_{position}"
        while person in people:
            person += "_"
        people[person] = Person(person, entry["name"], tuple(entry["phone"]))
    return Member(person, weekly(entry["hours"]) if "hours" in entry else None, entry.get("dates"))


def _opening(value: Any) -> Opening:
    return weekly(value) if isinstance(value, dict) else OpenRule(value)


def _transfer(v: Mapping[str, Any], longest_wait: float | None, say: Say) -> Transfer:
    usual = Transfer()
    unconfirmed: Step = (
        step(v["if_card_not_confirmed"], say) if "if_card_not_confirmed" in v else usual.if_card_not_confirmed
    )
    return Transfer(
        method=type(usual.method)(v.get("method", usual.method)),
        say_before=say(v.get("say_before"), usual.say_before.text),
        ring_for=v.get("ring_for", usual.ring_for),
        accept=type(usual.accept)(v.get("accept", usual.accept)),
        no_key_because=v.get("no_key_because", ""),
        accept_within=v.get("accept_within", usual.accept_within),
        briefing=type(usual.briefing)(v.get("briefing", usual.briefing)),
        voicemail_answers=v.get("voicemail_answers", usual.voicemail_answers),
        caller_id_shown=v.get("caller_id_shown", usual.caller_id_shown),
        introduction=v.get("introduction", usual.introduction),
        after_staff_hang_up=v.get("after_staff_hang_up", usual.after_staff_hang_up),
        card_confirmed_within=v.get("card_confirmed_within", usual.card_confirmed_within),
        if_card_not_confirmed=unconfirmed,
        longest_wait=usual.longest_wait if longest_wait is None else longest_wait,
    )


def _receptionist(v: Mapping[str, Any]) -> Receptionist:
    languages = tuple(v.get("languages", ("English",)))
    say = Say(languages[0])
    return Receptionist(
        name=v["name"],
        voice=v.get("voice", VOICE),
        languages=languages,
        greeting=say(v.get("greeting"), GREETING),
        greeting_when_closed=say(v.get("greeting_when_closed"), GREETING_CLOSED),
        manner=v.get("manner", ""),
        may_help_with=tuple(v.get("may_help_with", ())),
        must_not=tuple(v.get("must_not", ())),
        find_out=tuple(_field(f) for f in v["find_out"]) if "find_out" in v else USUAL_FIELDS,
    )


def _field(v: Mapping[str, Any]) -> Field:
    return Field(
        name=v["field"],
        type=FieldType(v.get("type", FieldType.TEXT)),
        required=v.get("required", False),
        private=v.get("private", False),
        choices=tuple(v.get("choices", ())),
        start_from=v.get("start_from", ""),
    )


def _tool(v: Mapping[str, Any]) -> Tool:
    calls = v.get("calls", {})
    return Tool(
        name=v["name"],
        does=v["does"],
        asks_for=tuple(_argument(name, kind) for name, kind in v.get("asks_for", {}).items()),
        sends_to=v.get("sends_to", ""),
        post=calls.get("post", ""),
        timeout=calls.get("timeout", TOOL_SECONDS),
    )


def _argument(name: str, kind: Any) -> Argument:
    return Argument(name, FieldType.CHOICE, tuple(kind)) if isinstance(kind, list) else Argument(name, FieldType(kind))


def _hold(v: Mapping[str, Any], say: Say) -> Hold:
    usual = Hold()
    return Hold(
        music=v.get("music", usual.music),
        receptionist_stays=v.get("receptionist_stays", usual.receptionist_stays),
        update_every=v.get("update_every", usual.update_every),
        update_says=say(v.get("update_says"), usual.update_says.text),
        says={what: say(line, "") for what, line in v.get("says", {}).items()},
    )


def _take_message(v: Mapping[str, Any], say: Say) -> TakeMessage:
    return TakeMessage(
        say=say(v.get("say"), TAKE_MESSAGE),
        say_when_closed=say(v.get("say_when_closed"), TAKE_MESSAGE_CLOSED),
        collect=tuple(v.get("collect", ("caller_name", "callback_number", "reason"))),
        send_to=_deliveries(v),
    )


def _callback(v: Mapping[str, Any], say: Say) -> Callback:
    return Callback(say(v.get("say"), CALLBACK), v.get("within", CALLBACK_WITHIN), _deliveries(v))


def _voicemail(v: Mapping[str, Any], say: Say) -> Voicemail:
    return Voicemail(say(v.get("say"), VOICEMAIL), _deliveries(v))


def _deliveries(v: Mapping[str, Any], key: str = "send_to") -> tuple[Delivery, ...]:
    return tuple(_delivery(d) for d in v[key]) if key in v else SCREEN


def _delivery(value: Any) -> Delivery:
    if isinstance(value, str):
        return Delivery("staff screen")
    ((kind, address),) = value.items()
    return Delivery(kind, address)


def _card(v: Mapping[str, Any]) -> HandoffCard:
    return HandoffCard(
        headline=v.get("headline", HEADLINE),
        fields=tuple(v.get("fields", CARD_FIELDS)),
        transcript=v.get("transcript", "live"),
        show_on=_deliveries(v, "show_on"),
        link_expires=v.get("link_expires", LINK_EXPIRES),
        crm_webhook=v.get("crm_webhook", ""),
    )


def _privacy(v: Mapping[str, Any], say: Say) -> Privacy:
    usual = Privacy()
    redact = v.get("redact", ())
    consent: Spoken | None = say(v["consent_line"], "") if "consent_line" in v else None
    return Privacy(
        recording=v.get("recording", usual.recording),
        consent_line=consent,
        redact=tuple(r for r in redact if isinstance(r, str)),
        redact_patterns=tuple(r["pattern"] for r in redact if not isinstance(r, str)),
        keep_transcripts=v.get("keep_transcripts", usual.keep_transcripts),
        keep_audit_log=v.get("keep_audit_log", usual.keep_audit_log),
    )


def _test(v: Mapping[str, Any]) -> FlowTest:
    return FlowTest(
        name=v["name"],
        at=v["at"],
        caller=tuple(_line(line) for line in v["caller"]),
        staff=dict(v.get("staff", {})),
        expect=_expectation(v["expect"]),
        dialled=v.get("dialled", ""),
        calls_from=v.get("calls_from", ""),
        called_before=v.get("called_before", False),
        language=v.get("language", ""),
        receptionist_fails="receptionist" in v,
    )


def _line(value: Any) -> Line:
    return Line(says=value) if isinstance(value, str) else Line(**value)


def _expectation(v: Mapping[str, Any]) -> Expectation:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in v.items()}
    return Expectation(**values)
