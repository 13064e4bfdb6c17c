"""Which rule is true now: the list is read from the top and the first true rule fires (language.md section 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from flowengine.call.conditions import A_PERSON, Trigger, matched, spoken_language, times_asked
from flowengine.call.state import Call, handoffs
from flowengine.flow import words
from flowengine.flow.model import (
    CallerSays,
    CallerWants,
    Flow,
    KeyPressedIs,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    Person,
    Rule,
    SameQuestionAgain,
    ToDepartment,
)
from flowengine.flow.routing import RingPlan, ring_list, ring_person

PERSON_BY_NAME = "person_by_name"


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that is true, and what it matched. `person` is set when a person was asked for by name."""

    rule: Rule
    matched: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class Wondering:
    """A rule is true, but whether it counts for this caller hangs on a field nobody has told us yet."""

    rule: Rule
    field: str


def first_true(
    flow: Flow, call: Call, trigger: Trigger, *, emergencies_only: bool = False, may_ask: bool = False
) -> Fired | Wondering | None:
    """The first rule, from the top, that is true now; during a hand-off only emergencies are read, and none that is
    no more urgent than the one under way. `may_ask`: an unknown field of an `only_if` can be asked for now."""
    for rule in rules_in_order(flow):
        if emergencies_only and not rule.emergency:
            continue
        if call.handoff is not None and call.handoff.emergency and call.handoff.rule == rule.key:
            return None
        fired = _fired(flow, call, rule, trigger)
        if fired is None or (has_fired(call, rule) and not ring_plan(flow, call, fired).stages):
            continue
        counts = applies(flow, call, rule)
        if counts:
            return fired
        if counts is None and may_ask and (field := unknown_field(call, rule)):
            return Wondering(rule, field)
    return None


def _fired(flow: Flow, call: Call, rule: Rule, trigger: Trigger) -> Fired | None:
    if rule.key == PERSON_BY_NAME:
        return _person_by_name(flow, call, rule, trigger)
    found = "" if rule.key in call.spent else matched(flow, call, rule, trigger)
    return Fired(rule, found) if found else None


def has_fired(call: Call, rule: Rule) -> bool:
    """Whether the rule has fired in this call: then it does so again only while somebody is left to ring."""
    return any(handoff.rule == rule.key for handoff in handoffs(call))


def nearly(flow: Flow, call: Call, trigger: Trigger, fired: Fired) -> tuple[str, ...]:
    """Which other rules came close, and why they did not fire: for whoever reads the journal."""
    return tuple(
        f"{rule.key}: {why}"
        for rule in rules_in_order(flow)
        if rule.key != fired.rule.key
        for why in _close(flow, call, rule, trigger)
    )


def _close(flow: Flow, call: Call, rule: Rule, trigger: Trigger) -> Iterator[str]:
    found = _fired(flow, call, rule, trigger)
    match rule.condition:
        case _ if found is not None and has_fired(call, rule) and not ring_plan(flow, call, found).stages:
            yield f"true ({found.matched}), but nobody is left to ring"
        case _ if found is not None and applies(flow, call, rule) is not True:
            yield f"true ({found.matched}), but its only_if is not"
        case _ if found is not None:
            yield f"true as well ({found.matched}), but further down"
        case NotSolvedAfter(tries) if 0 < call.unsolved < tries:
            yield f"{call.unsolved} of {tries} tries"
        case NotUnderstood(turns) if 0 < call.unclear < turns:
            yield f"{call.unclear} of {turns} turns"
        case Mood(moods, turns) if call.mood in moods and call.mood_turns < turns:
            yield f"{call.mood} for {call.mood_turns} of {turns} turns"
        case SameQuestionAgain(times) if 1 < (asked := times_asked(call, spoken_language(flow, call))) < times:
            yield f"asked {asked} of {times} times"


def promised_rule(flow: Flow, call: Call, said: str) -> Fired | None:
    """The rule for a transfer that the receptionist promised without naming one: what the caller's words fit by the
    engine's matcher, else the first for those who want a person; only one that somebody can be rung for."""
    rehearsed = replace(call, rehearsed=True)  # the engine's matcher decides for every judged rule
    fits = (_fired(flow, rehearsed, rule, Trigger(text=said)) for rule in rules_in_order(flow))
    wanted = (Fired(rule, said or "promised") for rule in flow.rules if wants_a_person(rule))
    possible = (f for f in (*fits, *wanted) if f is not None and applies(flow, call, f.rule))
    return next((f for f in possible if ring_plan(flow, call, f).stages), None)


def ring_plan(flow: Flow, call: Call, fired: Fired) -> RingPlan:
    """Who is rung for a rule that fires now, without those this call has rung already."""
    if fired.person:
        return ring_person(flow, fired.person, call.wall(), already_rung=call.rung)
    return ring_list(flow, fired.rule.to, call.wall(), already_rung=call.rung, rule=fired.rule)


# ---- only_if ---------------------------------------------------------------------------------------------------------


def applies(flow: Flow, call: Call, rule: Rule) -> bool | None:
    """Whether the rule's `only_if` is so; None while a field it reads is unknown."""
    answers = [_is_so(flow, call, name, wanted) for name, wanted in rule.only_if.items()]
    return False if False in answers else None if None in answers else True


def _is_so(flow: Flow, call: Call, name: str, wanted: str) -> bool | None:
    match name:
        case "dialled":
            return _same(wanted, flow.office.phone_numbers.get(call.dialled, "")) or _number(wanted) == call.dialled
        case "language":
            return _same(wanted, spoken_language(flow, call))
    return _same(wanted, call.fields[name]) if call.fields.get(name) else None


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _number(text: str) -> str:
    return "".join(c for c in text if c in "+0123456789")


def unknown_field(call: Call, rule: Rule) -> str:
    """The first field the rule's `only_if` reads that nobody told us and nobody was asked for, else ""."""
    fields = (name for name in rule.only_if if name not in ("dialled", "language"))
    return next((f for f in fields if not call.fields.get(f) and f not in (*call.wondered, *call.asked)), "")


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


def fires_once(rule: Rule) -> bool:
    """Counted, timed and judged rules fire once a call; phrases, requests for a person and keys fire again."""
    return not (
        isinstance(rule.condition, CallerSays | KeyPressedIs) or wants_a_person(rule) or rule.key == PERSON_BY_NAME
    )


def _person_by_name(flow: Flow, call: Call, rule: Rule, trigger: Trigger) -> Fired | None:
    for person in _askable(flow.people.values(), call.rung):
        if trigger.text and words.asks_for_person(trigger.text, person.name):
            return Fired(rule, trigger.text, person.key)
    return None


def _askable(people: Collection[Person], rung: Collection[str]) -> Iterator[Person]:
    return (p for p in people if p.callers_may_ask_for and p.key not in rung)
