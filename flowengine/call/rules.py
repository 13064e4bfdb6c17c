"""Which rule is true now: the list is read from the top and the first true rule fires (language.md section 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import assert_never

from flowengine.call.state import Call
from flowengine.flow import words
from flowengine.flow.model import (
    CallerSays,
    CallerWants,
    CallLongerThan,
    ConfidenceBelow,
    Flow,
    KeyPressedIs,
    KnownCaller,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    Person,
    QuietFor,
    ReceptionistFails,
    Rule,
    SameQuestionAgain,
    ToDepartment,
    Topic,
    TurnsMoreThan,
)

PERSON_BY_NAME = "person_by_name"
A_PERSON = "to speak with a person"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What just happened, as the rules see it: words, a key, or the model's proposal."""

    text: str = ""
    key: str = ""
    proposed: str = ""  # the rule the model named
    matched: str = ""  # what the model said it matched


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that is true, and what it matched. `person` is set when a person was asked for by name."""

    rule: Rule
    matched: str
    person: str = ""


def first_true(flow: Flow, call: Call, trigger: Trigger, *, emergencies_only: bool = False) -> Fired | None:
    """The first rule, from the top, that is true now; during a hand-off only emergencies are read."""
    for rule in rules_in_order(flow):
        if emergencies_only and not rule.emergency:
            continue
        if rule.key == PERSON_BY_NAME:
            fired = _person_by_name(flow, call, rule, trigger)
        else:
            matched = "" if rule.key in call.spent else _matched(call, rule, trigger)
            fired = Fired(rule, matched) if matched else None
        if fired:
            return fired
    return None


def rules_in_order(flow: Flow) -> Iterator[Rule]:
    """The flow's rules with `person_by_name` where it stands: before the first person-wanting rule, else last."""
    by_name = Rule(PERSON_BY_NAME, CallerWants((A_PERSON,)), ToDepartment(""))
    placed = False
    for rule in flow.rules:
        if not placed and wants_a_person(rule):
            yield by_name
            placed = True
        yield rule
    if not placed:
        yield by_name


def wants_a_person(rule: Rule) -> bool:
    return isinstance(rule.condition, CallerWants) and A_PERSON in rule.condition.wants


def is_judged(rule: Rule) -> bool:
    """Whether the model may propose this rule."""
    return isinstance(rule.condition, Topic | CallerWants)


def fires_once(rule: Rule) -> bool:
    """Counted, timed and judged rules fire once a call; phrases, requests for a person and keys fire again."""
    return not (
        isinstance(rule.condition, CallerSays | KeyPressedIs) or wants_a_person(rule) or rule.key == PERSON_BY_NAME
    )


def _matched(call: Call, rule: Rule, trigger: Trigger) -> str:
    """What makes the rule true, or "" when it is not."""
    if is_judged(rule) and trigger.proposed == rule.key:
        return trigger.matched or trigger.text or rule.key
    match rule.condition:
        case CallerSays(phrases):
            return next((p for p in phrases if words.says_phrase(trigger.text, p)), "")
        case Topic(topics, examples):
            if rule.receptionist_may_answer and not call.rehearsed:
                return ""  # live, the model names it
            return words.matches_topic(trigger.text, topics, examples, not rule.receptionist_may_answer) or ""
        case CallerWants(wants, examples):
            if A_PERSON in wants and trigger.text and words.wants_person(trigger.text):
                return trigger.text
            if not call.rehearsed:
                return ""  # live, the model names the other wishes
            others = (w for w in wants if w != A_PERSON)
            return words.matches_topic(trigger.text, others, examples) or ""
        case Mood(moods, turns):
            return call.mood if call.mood in moods and call.mood_turns >= turns else ""
        case NotSolvedAfter(tries):
            return _counted(call.unsolved, tries, "tries")
        case SameQuestionAgain(times):
            return _counted(times_asked(call), times, "times")
        case NotUnderstood(turns):
            return _counted(call.unclear, turns, "turns not understood")
        case CallLongerThan(seconds):
            talked = call.at - call.talking_since if call.talking_since is not None else 0.0
            return f"{talked:.0f} seconds" if talked >= seconds else ""
        case TurnsMoreThan(turns):
            return f"{call.caller_turns} turns" if call.caller_turns > turns else ""
        case KeyPressedIs(keys):
            return trigger.key if trigger.key in keys else ""
        case ReceptionistFails():
            return "the receptionist failed" if call.agent == "failed" else ""
        case ConfidenceBelow() | QuietFor() | KnownCaller():
            return ""  # `validate` says so: not-yet
        case _:
            assert_never(rule.condition)


def _counted(count: int, limit: int, what: str) -> str:
    return f"{count} {what}" if count >= limit else ""


def times_asked(call: Call) -> int:
    """How often the caller's latest question was asked in total (content overlap of at least a half)."""
    asked = [frozenset(words.content(t.text)) for t in call.turns if t.speaker == "caller"]
    asked = [content for content in asked if len(content) >= 2]
    return sum(words.overlap(asked[-1], content) >= 0.5 for content in asked) if asked else 0


def _person_by_name(flow: Flow, call: Call, rule: Rule, trigger: Trigger) -> Fired | None:
    for person in _askable(flow.people.values(), call.rung):
        if trigger.text and words.asks_for_person(trigger.text, person.name):
            return Fired(rule, trigger.text, person.key)
    return None


def _askable(people: Collection[Person], rung: Collection[str]) -> Iterator[Person]:
    return (p for p in people if p.callers_may_ask_for and p.key not in rung)
