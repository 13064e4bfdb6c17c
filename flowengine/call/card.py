"""The context card and the spoken briefing: deterministic from what the
call knows, better when the agent's sentence comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flowengine.call import recorded
from flowengine.call.private import open_fields, secret_values, without
from flowengine.call.staff_wording import NO_REASON, THE_CALLER
from flowengine.call.state import Call, Handoff
from flowengine.call.wording import ours
from flowengine.flow.fill import at_a_glance, fill, fill_card, names_in, tidy
from flowengine.flow.hours import (
    callback_time_words,
    closed_because,
    next_opening_words,
)
from flowengine.flow.model import Flow
from flowengine.flow.needs import private_fields

CARD_VERSION = 1
BRIEFING_WORDS, LEAST_WORDS = 11, 5  # of a spoken briefing: with the key's sentence it lasts less than six seconds
_NO_END = {
    "a", "an", "and", "are", "at", "but", "for", "from", "i", "i'm", "in", "is", "it", "it's", "my", "of", "on", "or",
    "our", "so", "that", "the", "to", "we", "with", "you",
}  # fmt: skip
_OPENINGS = ("I would like to", "I'd like to", "I want to", "I need to")
STORY_TURNS = 20  # of the conversation, the latest, that a briefing knows

_LABELS = {
    "been_here_before": "Been here before",
    "rule": "Why you",
    "already_offered": "Already offered",
    "suggested_next_step": "Suggested next step",
}


def values(flow: Flow, call: Call, *, for_message: bool = False) -> dict[str, str]:
    """What placeholders stand for right now (language.md section 6)."""
    handoff = call.handoff or (call.past[-1] if call.past else None)
    at = local(flow, call)
    department = handoff.department if handoff else ""
    return {
        **call.fields,
        "office": flow.office.name,
        "receptionist": flow.receptionist.name,
        "department": flow.departments[department].say_as if department in flow.departments else "",
        "person": " and ".join(ringing_names(flow, handoff)) if handoff else "",
        "not_answered": " and ".join(_not_answered(flow, handoff)) if handoff else "",
        "next_opening": next_opening_words(flow, at),
        "callback_time": callback_time_words(flow, department, at, for_message=for_message),
        "closed_because": closed_because(flow, at),
        "waited": _waited(call.at - handoff.decided) if handoff else "",
    }


def local(flow: Flow, call: Call) -> datetime:
    return call.wall().astimezone(ZoneInfo(flow.office.timezone))


def ringing_names(flow: Flow, handoff: Handoff) -> tuple[str, ...]:
    open_ = [a.target.person for a in handoff.attempts if a.outcome is None]
    return tuple(dict.fromkeys(flow.people[p].name for p in open_))


def _not_answered(flow: Flow, handoff: Handoff) -> tuple[str, ...]:
    """Who was rung and did not take the call, except those who are being rung again on another phone."""
    over = [a.target.person for a in handoff.attempts if a.outcome not in (None, "accepted", "cancelled")]
    again = {a.target.person for a in handoff.attempts if a.outcome is None}
    return tuple(dict.fromkeys(flow.people[p].name for p in over if p not in again))


def _waited(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    parts = [f"{minutes} minute{'s' if minutes != 1 else ''}"] if minutes else []
    return " ".join([*parts, *([f"{rest} seconds"] if rest or not minutes else [])])


def card(flow: Flow, call: Call, handoff: Handoff) -> dict[str, object]:
    """The card as plain values: headline, fields, who was tried, what happens (schemas/handoff_card.schema.json)."""
    department = flow.departments.get(handoff.department)
    return {
        "version": CARD_VERSION,
        "handoff": handoff.id,
        "call_id": call.call_id,
        "flow": flow.key,
        "office": flow.office.name,
        "timezone": flow.office.timezone,
        "headline": _capital(fill_card(flow.card.headline, call.fields)),
        "summary": handoff.summary,
        "rule": handoff.rule,
        "matched": handoff.matched,
        "department": department.say_as if department else "",
        "department_key": handoff.department,
        "method": handoff.method,
        "fields": list(_fields(flow, call, handoff)),
        "caller": call.caller,
        "identity": _identity(flow, call),
        "status": handoff.status,
        "status_text": _status_text(flow, handoff),
        "people": _people(flow, handoff),
        "decided_at": call.wall(handoff.decided).isoformat(),
        "recording": handoff.recording or recorded.address(call),
        "consent": recorded.told(flow, call),
        "transcript_shown": flow.card.transcript,
        "link_expires": flow.card.link_expires,
    }


def _capital(text: str) -> str:
    """“The caller: …”, as any line begins; a caller's own words stay as they are."""
    return THE_CALLER.capitalize() + text.removeprefix(THE_CALLER) if text.startswith(THE_CALLER) else text


def outward_card(flow: Flow, call: Call, handoff: Handoff) -> dict[str, object]:
    """The card as it leaves the house: nothing marked private, neither as a field nor in other words."""
    secrets = secret_values(flow, call)
    open_ = replace(call, fields=open_fields(flow, call))
    shown = card(flow, open_, handoff)
    fields = [field for field in _fields(flow, open_, handoff) if not field["private"]]
    words = {name: without(str(shown[name]), secrets) for name in ("headline", "summary", "matched")}
    cleared = [{**field, "value": without(str(field["value"]), secrets)} for field in fields]
    said = [] if flow.card.transcript == "none" else said_before(call, handoff)
    transcript = [{**line, "text": without(line["text"], secrets)} for line in said]
    people = [{**person, "why": without(person["why"] or "", secrets)} for person in _people(flow, handoff)]
    return {**shown, **words, "fields": cleared, "people": people, "transcript": transcript}


def _people(flow: Flow, handoff: Handoff) -> list[dict[str, str | None]]:
    """Who was rung, and what came of it."""
    return [
        {
            "person": flow.people[a.target.person].name,
            "outcome": a.outcome,
            "why": a.why,
            "state": None if a.outcome is not None else "ringing" if a.answered is None else "answered",
        }
        for a in handoff.attempts
    ]


def said_before(call: Call, handoff: Handoff) -> list[dict[str, str]]:
    """What was said until the hand-off was decided, oldest first."""
    return [{"speaker": t.speaker, "text": t.text} for t in call.turns if t.at <= handoff.decided]


def _identity(flow: Flow, call: Call) -> dict[str, str]:
    """What the number says about who calls; it proves nothing (language.md section 4, `known_caller`)."""
    if not call.caller:
        return {"match": "withheld", "text": "Number withheld"}
    groups = [name.replace("_", " ") for name, numbers in flow.known_callers.items() if call.caller in numbers]
    if groups:
        return {"match": "known", "text": f"This number is listed under {' and '.join(groups)}"}
    if call.called_before:
        return {"match": "called before", "text": "This number has called before"}
    return {"match": "new", "text": "No earlier call from this number is known"}


def _fields(flow: Flow, call: Call, handoff: Handoff) -> Iterator[Mapping[str, object]]:
    private = private_fields(flow)
    special = {
        "rule": handoff.rule.replace("_", " "),
        "already_offered": ", ".join(name.replace("_", " ") for name in call.tools_run),
        "suggested_next_step": handoff.next_step,
        "callback_number": call.fields.get("callback_number") or call.caller,
    }
    for name in dict.fromkeys((*_not_in_the_headline(flow, call), *flow.card.fields)):
        value = special.get(name, call.fields.get(name, ""))
        yield {
            "name": name,
            "label": _LABELS.get(name, name.replace("_", " ").capitalize()),
            "value": value or "not given",
            "private": name in private,
        }


def _not_in_the_headline(flow: Flow, call: Call) -> Iterator[str]:
    """What the headline could only begin to say: the fields have all of it."""
    for name in names_in(flow.card.headline):
        value = call.fields.get(name, "")
        if at_a_glance(value) != tidy(value):
            yield name


def _status_text(flow: Flow, handoff: Handoff) -> str:
    names = " and ".join(ringing_names(flow, handoff))
    winner = next((flow.people[a.target.person].name for a in handoff.attempts if a.leg == handoff.winner), "")
    texts: dict[str, str] = {
        "deciding": "Handing over",
        "announcing": "About to ring",
        "ringing": f"Ringing {names}" if names else "Trying the next person",
        "accepted": f"{winner} accepted, connecting",
        "connected": f"Connected with {winner}",
        "returned": "Nobody was free; the receptionist carries on",
        "message": "Nobody was free; a message is being taken",
        "callback": "Nobody was free; a callback was promised",
        "voicemail": "Nobody was free; voicemail",
        "referred": "Passed on to your phone system",
        "dialled": "Connected directly",
        "abandoned": "Missed call: the caller hung up" if _picked_up(handoff) else "The caller hung up",
        "failed": "The hand-over failed",
        "ended": "Over",
    }
    return texts[handoff.status]


def _picked_up(handoff: Handoff) -> bool:
    return any(attempt.answered is not None for attempt in handoff.attempts)


def briefing(flow: Flow, call: Call, handoff: Handoff, language: str = "English") -> str:
    """What a staff member hears before the accept key: under six seconds, and no private field."""
    left = max(LEAST_WORDS, BRIEFING_WORDS - len(flow.office.name.split()))
    headline = _to_the_point(_headline(open_fields(flow, call), language).split(), left)
    while len(headline) > left or (len(headline) > LEAST_WORDS and headline[-1].casefold() in _NO_END):
        headline.pop()
    return fill(f"{flow.office.name}. {' '.join(headline).rstrip('.,;:…')}.", {})


def _to_the_point(headline: list[str], most: int) -> list[str]:
    """The words without a polite beginning, where they are too many: “go over my treatment plan” can be heard whole."""
    said = " ".join(headline)
    for opening in _OPENINGS if len(headline) > most else ():
        said = said.replace(f": {opening} ", ": ")
    return said.split()


def _headline(known: Mapping[str, str], language: str) -> str:
    """Who and why, with our words for what is missing in the person's language."""
    missing = {name: ours(text, language) for name, text in (("caller_name", THE_CALLER), ("reason", NO_REASON))}
    return fill_card("{caller_name}: {reason}", {**missing, **{n: v for n, v in known.items() if v}})


def told_facts(flow: Flow, call: Call, handoff: Handoff) -> tuple[str, ...]:
    """What an agent that briefs a staff member may know of the call: nothing marked private, and no private words in
    what was said."""
    known = {**open_fields(flow, call), "why they are rung": handoff.rule.replace("_", " ")}
    facts = (f"{name.replace('_', ' ')}: {value}" for name, value in known.items() if value)
    tried = (
        f"{flow.people[a.target.person].name}: {(a.outcome or 'ringing').replace('_', ' ')}" for a in handoff.attempts
    )
    secrets = secret_values(flow, call)
    lines = (f"{turn.speaker}: {turn.text}" for turn in call.turns[-STORY_TURNS:])
    return (
        *facts,
        *((f"in short: {without(handoff.summary, secrets)}",) if handoff.summary else ()),
        f"who was rung: {', '.join(tried)}",
        "What was said:",
        *(without(line, secrets) for line in lines),
    )


def work_fields(flow: Flow, call: Call, names: tuple[str, ...]) -> dict[str, str]:
    """What a message or callback hands to the office."""
    known = {"callback_number": call.caller, **{name: value for name, value in call.fields.items() if value}}
    return {name: known.get(name) or "not given" for name in names}
