"""A flow in plain sentences, as one would brief a new colleague."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from flowengine.flow import explain_rules as rules
from flowengine.flow.data_lists import published
from flowengine.flow.hours import spans_words, week_words
from flowengine.flow.model import (
    Accept,
    Briefing,
    Delivery,
    Department,
    Field,
    Flow,
    Member,
    Method,
    OpenRule,
    Ring,
    Spoken,
    Transfer,
    WeeklyHours,
)
from flowengine.flow.occasions import range_words
from flowengine.flow.phrasing import counted, duration, listed, quoted, steps

WIDTH = 88


def explain(flow: Flow) -> str:
    """The whole office: who answers, when somebody takes over, who that is, and what happens if nobody does."""
    parts = [
        ("The office", _office(flow)),
        ("Who answers", _receptionist(flow)),
        ("When somebody takes over", rules.told(flow)),
        ("Who is rung", _departments(flow)),
        ("While the caller waits", _waiting(flow)),
        ("What the person gets to know", _card(flow)),
        ("If nobody takes the call", _afterwards(flow)),
        ("What is kept", _privacy(flow)),
        ("How this is decided", _deciding(flow)),
    ]
    told = [f"{title}\n{'-' * len(title)}\n\n{_paragraphs(said)}" for title, said in parts]
    title = f"How {flow.office.name} answers the phone"
    return "\n\n".join([f"{title}\n{'=' * len(title)}", *told])


def word_lists() -> str:
    """The lists of words that the engine's own matcher goes by, whole."""
    told = (f"{title}\n\n{_filled(', '.join(entries))}" for title, entries in published().items())
    return "\n\n".join(told)


def _paragraphs(said: Iterable[str]) -> str:
    return "\n\n".join(_filled(paragraph) for paragraph in said if paragraph)


def _filled(text: str) -> str:
    """Wrapped; a list entry hangs under its dash."""
    hang = "   " if text[:1].isdigit() else "  " if text.startswith("- ") else ""
    return textwrap.fill(" ".join(text.split()), WIDTH, subsequent_indent=hang, break_long_words=False)


# ---- the office and the receptionist ---------------------------------------------------------------------------------


def _office(flow: Flow) -> Iterator[str]:
    office = flow.office
    numbers = listed(f"{number} ({name})" if name else number for number, name in office.phone_numbers.items())
    by = "Calls come from the office's own telephone system." if office.calls_arrive_by == "sip" else ""
    yield f"Calls to {numbers} reach {office.name}. {by}"
    yield f"Open: {week_words(flow.hours)} ({office.timezone} time)."
    if flow.exceptions:
        days = "; ".join(
            f"{e.name + ', ' if e.name else ''}{range_words(e.dates)}: {spans_words(e.spans)}" for e in flow.exceptions
        )
        yield f"Special days: {days}."


def _receptionist(flow: Flow) -> Iterator[str]:
    who = flow.receptionist
    yield f"{who.name} answers, with the voice {who.voice}, in {listed(who.languages)}. {who.manner}"
    yield f"When the office is open {who.name} begins: {_said(who.greeting)}"
    yield f"When it is closed: {_said(who.greeting_when_closed)}"
    if who.may_help_with:
        yield f"{who.name} may help with {listed(who.may_help_with)}, and offers to take a message for anything else."
    if flow.office.facts:
        facts = listed(name.replace("_", " ") for name in flow.office.facts)
        yield f"The only facts {who.name} may state are about {facts}."
    if who.must_not:
        yield f"{who.name} must not {listed(who.must_not, 'or')}."
    for tool in flow.tools:
        to = f"goes to {flow.departments[tool.sends_to].say_as}" if tool.sends_to else "is sent to another system"
        yield f"{who.name} can also: {_lower(tool.does)}. What is noted {to}."
    yield f"Before handing a caller over {who.name} asks for {listed(_field(f) for f in who.find_out)}."


def _field(field: Field) -> str:
    name = field.name.replace("_", " ")
    notes = [note for note, so in (("must be asked", field.required), ("private", field.private)) if so]
    notes += [f"known from {field.start_from}"] if field.start_from else []
    notes += [f"one of {listed(field.choices, 'or')}"] if field.choices else []
    return f"{name} ({', '.join(notes)})" if notes else name


def _said(line: Spoken) -> str:
    others = (f"{name}: {quoted(text)}" for name, text in line.by_language.items() if text != line.text)
    return " ".join((quoted(line.text), *others))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


# ---- departments -----------------------------------------------------------------------------------------------------


def _departments(flow: Flow) -> Iterator[str]:
    for department in flow.departments.values():
        named = f"- {_cap(department.say_as)} ({department.key}) {_when(department)}."
        yield f"{named} {_who(flow, department)} {_how(flow, department)}"
    yield f"No more than {counted(flow.most_phones_rung, 'phone')} ring for one call."


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def _when(department: Department) -> str:
    match department.hours:
        case OpenRule.OFFICE:
            return "can be reached in office hours"
        case OpenRule.WHEN_CLOSED:
            return "can be reached when the office is closed"
        case OpenRule.ALWAYS:
            return "can be reached at any time"
        case WeeklyHours() as weekly:
            return f"can be reached {week_words(weekly)}"


def _who(flow: Flow, department: Department) -> str:
    people = [_member(flow, member) for member in department.people]
    for_each = f"{duration(department.transfer.ring_for)}{' each' if len(people) > 1 else ''}"
    if len(people) < 2:
        return f"There {listed(people) or 'nobody'} is rung for {for_each}."
    order = "all at once" if department.ring == Ring.ALL_AT_ONCE else "one after another"
    return f"There {listed(people)} are rung, {order}, for {for_each}."


def _member(flow: Flow, member: Member) -> str:
    person = flow.people[member.person]
    notes = []
    if hours := member.hours or person.hours:
        notes.append(week_words(hours))
    if member.dates:
        notes.append(range_words(member.dates))
    if len(person.phones) > 1:
        notes.append(counted(len(person.phones), "number"))
    if person.languages:
        notes.append(f"speaks {listed(person.languages)}")
    for away in person.away:
        instead = f", {flow.people[away.replaced_by].name} instead" if away.replaced_by else ""
        notes.append(f"away {range_words(away.dates)}{instead}")
    return f"{person.name} ({'; '.join(notes)})" if notes else person.name


def _how(flow: Flow, department: Department) -> str:
    way = department.transfer
    end = f"If nobody takes the call, {steps(flow, department.if_no_one_answers)}."
    match way.method:
        case Method.REFER:
            unless = f"{duration(way.card_confirmed_within)} (otherwise {steps(flow, (way.if_card_not_confirmed,))})"
            return (
                f"Once the card has arrived within {unless}, the caller is sent back to the office's telephones. {end}"
            )
        case Method.DIAL:
            return f"The caller is connected directly, without a briefing, once the card has arrived. {end}"
    return f"{_takes(way)} {end}"


def _takes(way: Transfer) -> str:
    briefing = {
        Briefing.SPOKEN: "hears who is calling and why",
        Briefing.CARD_ONLY: "hears only which office it is",
        Briefing.CONVERSATION: "can ask the receptionist about the call",
    }[way.briefing]
    if way.accept == Accept.NONE:
        return f"Whoever picks up {briefing} and has the caller at once ({way.no_key_because})."
    return f"Whoever picks up {briefing}, and takes the call by pressing one within {duration(way.accept_within)}."


# ---- the rest --------------------------------------------------------------------------------------------------------


def _waiting(flow: Flow) -> Iterator[str]:
    who, hold = flow.receptionist.name, flow.hold
    music = "built-in music" if hold.music == "built-in" else f"the music {hold.music}"
    waits = sorted({d.transfer.longest_wait for d in flow.departments.values()})
    most = " or ".join(duration(wait) for wait in waits)
    yield f"The caller hears {music} and, every {duration(hold.update_every)}: {_said(hold.update_says)}"
    if hold.receptionist_stays:
        yield (
            f"{who} stays on the line: the caller can ask something, go back to {who} (“never mind”, or star), or "
            "leave a message (“message”, or one)."
        )
    yield f"Nobody waits longer than {most}." if waits else ""


def _card(flow: Flow) -> Iterator[str]:
    card = flow.card
    transcript = {"live": "what is said, as it is said", "so far": "what was said so far", "none": "no transcript"}
    fields = listed(name.replace("_", " ") for name in card.fields)
    where = listed(_place(d) for d in card.show_on)
    yield (
        f"Before the first phone rings a card is shown on {where}: {quoted(card.headline)}, then {fields}, and "
        f"{transcript[card.transcript]}. Its link works for {duration(card.link_expires)}."
    )
    if card.crm_webhook:
        yield "The card is also sent to the office's own system."


def _place(delivery: Delivery) -> str:
    names = {
        "staff screen": "the staff screen",
        "webhook": "another system",
        "sms": "a text message",
        "email": "an e-mail",
    }
    return names[delivery.kind]


def _afterwards(flow: Flow) -> Iterator[str]:
    message = flow.take_message
    fields = listed(name.replace("_", " ") for name in message.collect)
    yield f"A message: {_said(message.say)} When closed: {_said(message.say_when_closed)}"
    yield f"It holds {fields}, and goes to {listed(_place(d) for d in message.send_to)}."
    yield f"A callback is promised within {duration(flow.callback.within)} of open hours: {_said(flow.callback.say)}"
    yield f"A voicemail begins: {_said(flow.voicemail.say)}"


def _privacy(flow: Flow) -> Iterator[str]:
    privacy = flow.privacy
    recording = {
        "none": "Calls are not recorded.",
        "always": "Every call is recorded.",
        "with consent": "Calls are recorded if the caller agrees.",
    }
    times = duration(privacy.keep_transcripts), duration(privacy.keep_audit_log)
    kept = f"Transcripts are kept for {times[0]}, the audit log for {times[1]}."
    out = f"Blacked out before anything is kept: {listed(privacy.redact)}." if privacy.redact else ""
    yield f"{recording[privacy.recording]} {kept} {out}"


def _deciding(flow: Flow) -> Iterator[str]:
    yield (
        "Hours, phrases, keys, counts, times and who may be rung are decided by the engine, word for word as written. "
        "Subjects, wishes and moods are judged by the AI model; where the receptionist may not answer, the engine's "
        "own matcher decides as well."
    )
    yield f"The file has {counted(len(flow.tests), 'test')}; `flowengine test` plays them."
    titles = "; ".join(title[:1].lower() + title[1:] for title in published())
    yield f"The engine goes by these lists: {titles}. `flowengine explain words` prints them."
