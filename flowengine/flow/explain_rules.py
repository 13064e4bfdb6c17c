"""The rules of a flow in sentences, from the top: when each is true, whom it rings, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from flowengine.flow.check_order import A_PERSON
from flowengine.flow.model import (
    CallbackStep,
    CallerSays,
    CallerWants,
    CallLongerThan,
    ConfidenceBelow,
    Flow,
    KeyPressedIs,
    KnownCaller,
    Method,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    QuietFor,
    ReceptionistFails,
    ReceptionistStep,
    Ring,
    Rule,
    SameQuestionAgain,
    Step,
    TakeMessageStep,
    ToDepartment,
    Topic,
    TurnsMoreThan,
    VoicemailStep,
)
from flowengine.flow.names import KEYS
from flowengine.flow.phrasing import called, counted, duration, listed, nth, plain, quoted, said, sentence, step, times
from flowengine.flow.routing import first_department, walk


def told(flow: Flow) -> Iterator[str]:
    """One paragraph a rule; the first that is true wins."""
    if not flow.rules:
        yield f"There is no rule: {flow.receptionist.name} hands over only a caller who asks for somebody by name."
        yield from filter(None, (_by_name(flow),))
        return
    yield (
        "After everything the caller says or does, these are read from the top, and the first that is true counts. "
        "What is open is what is open at that moment."
    )
    if any(rule.emergency for rule in flow.rules):
        yield (
            "In an emergency no questions are asked first, and what is said about 911 is said once more before "
            "anything that is not a person."
        )
    yield from (paragraph for _, paragraph in sorted(_paragraphs(flow)))


def _paragraphs(flow: Flow) -> Iterator[tuple[float, str]]:
    """The paragraphs, each with its place: a person asked for by name stands before the first rule for that wish."""
    by_name = len(flow.rules) + 0.5
    for number, rule in enumerate(flow.rules, 1):
        yield number, " ".join(_rule(flow, number, rule))
        if isinstance(rule.condition, CallerWants) and A_PERSON in rule.condition.wants:
            by_name = min(by_name, number - 0.5)
    if asked := _by_name(flow):
        yield by_name, asked


def _rule(flow: Flow, number: int, rule: Rule) -> Iterator[str]:
    mark = " EMERGENCY." if rule.emergency else ""
    opens = f"{number}. {rule.key}:{mark} When {condition(flow, rule)}{_only_if(rule)}, "
    department = flow.departments[rule.to.department] if isinstance(rule.to, ToDepartment) else None
    named = department.say_as if department else ""
    lines = f"the caller first hears {said(flow, rule.say, named)}, and " if rule.say else ""
    first, *rest = _way(flow, rule, rule.to, rule.if_no_one_answers)
    yield sentence(opens + lines + first)
    yield from rest
    if rule.to_when_closed and department:
        first, *rest = _way(flow, rule, rule.to_when_closed, None)
        yield sentence(f"If {called(department)} cannot be rung at that hour, {first}")
        yield from rest
    if not rule.receptionist_may_answer and not rule.emergency:
        yield f"{flow.receptionist.name} may not answer this, whatever the AI thinks of it."


def _only_if(rule: Rule) -> str:
    if not rule.only_if:
        return ""
    names = {"dialled": "the number they called", "language": "the language of the call"}
    return ", but only if " + listed(
        f"{names.get(name, plain(name))} is {value}" for name, value in rule.only_if.items()
    )


def _by_name(flow: Flow) -> str:
    """What happens when a caller asks for somebody by name."""
    asked = [p.name for p in flow.people.values() if p.callers_may_ask_for and first_department(flow, p.key)]
    if not asked:
        return ""
    told = f"A caller who asks for {listed(asked, 'or')} gets that person rung first"
    if len(flow.people) == 1:
        return f"- {told}."
    hidden = [p.name for p in flow.people.values() if not p.callers_may_ask_for]
    not_given = f" Nobody is put through to {listed(hidden, 'or')} by asking for the name." if hidden else ""
    return f"- {told}, then whoever else that person's department rings.{not_given}"


# ---- who is rung -----------------------------------------------------------------------------------------------------


def _way(flow: Flow, rule: Rule, to: Step, own: tuple[Step, ...] | None) -> Iterator[str]:
    """Where a step leads, laid flat: who is rung at first, and in sentences of their own what follows."""
    flat = walk(flow, to, own)
    alone = isinstance(rule.condition, ReceptionistFails)
    then = step(flow, VoicemailStep() if alone and isinstance(flat.then, _NEEDS_RECEPTIONIST) else flat.then)
    if not flat.stages:
        yield then
        return
    (department, people), *others = flat.stages
    moved = f"{called(flow.departments[department])} is rung" if alone else _moved(flow, department)
    yield f"{moved}: {_rung(flow, department, people)}"
    tried = [f"{called(flow.departments[d])} ({_rung(flow, d, keys)})" for d, keys in others if keys]
    if tried:
        yield sentence(f"If nobody takes the call, {listed(tried)} {_is(tried)} tried; if nobody does there, {then}")
    else:
        yield sentence(f"If nobody takes the call, {then}")


_NEEDS_RECEPTIONIST = (TakeMessageStep, CallbackStep, ReceptionistStep)  # without one, a voicemail is what is left


def _is(items: list[str]) -> str:
    return "is" if len(items) == 1 else "are"


def _moved(flow: Flow, department: str) -> str:
    """How the call gets there."""
    who = called(flow.departments[department])
    match flow.departments[department].transfer.method:
        case Method.REFER:
            return f"the caller is passed on to {who}"
        case Method.DIAL:
            return f"the caller is connected directly with {who}"
        case _:
            return f"{flow.receptionist.name} rings {who}"


def _rung(flow: Flow, department: str, people: Iterable[str]) -> str:
    """ "Dana for 20 seconds, then Luis"; "Hygiene desk and Dr. Reed together for 20 seconds"."""
    names = [flow.people[key].name for key in people]
    there = flow.departments[department]
    long = f"for {duration(there.transfer.ring_for)}"
    if there.ring == Ring.ALL_AT_ONCE and len(names) > 1:
        return f"{listed(names)} together {long}"
    return ", then ".join((f"{names[0]} {long}", *names[1:])) if names else "nobody more"


# ---- when ------------------------------------------------------------------------------------------------------------


def condition(flow: Flow, rule: Rule) -> str:
    """When a rule is true: "the caller says “lawyer” or “legal action”"."""
    who = flow.receptionist.name
    match rule.condition:
        case CallerSays(phrases):
            return f"the caller says {_or(phrases)}"
        case Topic(topics, examples):
            return f"the caller speaks about {listed(topics, 'or')}{_such_as(examples)}"
        case CallerWants(wants, examples):
            return f"the caller wants {listed(wants, 'or')}{_such_as(examples)}"
        case Mood(moods, turns):
            return f"the caller is {listed(moods, 'or')}" + (f" for {counted(turns, 'turn')}" if turns > 1 else "")
        case NotSolvedAfter(tries):
            return f"{counted(tries, 'try', 'tries')} to help {'has' if tries == 1 else 'have'} not solved the problem"
        case SameQuestionAgain(number):
            return f"the caller asks the same question for the {nth(number)} time"
        case NotUnderstood(turns):
            return "the caller could not be understood" + (f" {times(turns)} in a row" if turns > 1 else "")
        case ConfidenceBelow(percent):
            return f"less than {percent} % of what the caller says can be made out with certainty"
        case CallLongerThan(seconds):
            return f"the call has lasted {duration(seconds)}"
        case TurnsMoreThan(turns):
            return f"the caller has spoken more than {times(turns)}"
        case QuietFor(seconds):
            return f"the caller has said nothing for {duration(seconds)} ({who} asks once at half time)"
        case KeyPressedIs(keys):
            return f"the caller presses {listed((KEYS[key] for key in keys), 'or')}"
        case KnownCaller(groups):
            return f"the caller {listed(map(_group, groups), 'or')}"
        case ReceptionistFails():
            return f"{who} does not work"
        case _:
            assert_never(rule.condition)


def _group(group: str) -> str:
    return "has called before" if group == "called before" else f"rings from a known number ({plain(group)})"


def _or(phrases: Iterable[str]) -> str:
    return listed(map(quoted, phrases), "or")


def _such_as(examples: tuple[str, ...]) -> str:
    return f" (such as {_or(examples)})" if examples else ""


def decided(flow: Flow) -> Iterator[str]:
    """Who decides which rule: the AI, both, or the engine alone."""
    judged = [rule for rule in flow.rules if isinstance(rule.condition, Topic | CallerWants)]
    alone = [rule.key for rule in judged if rule.receptionist_may_answer and not _a_person(rule)]
    both = [rule.key for rule in judged if rule.key not in alone]
    noted = [rule.key for rule in flow.rules if isinstance(rule.condition, Mood | NotSolvedAfter)]
    exact = [r.key for r in flow.rules if not isinstance(r.condition, Topic | CallerWants | Mood | NotSolvedAfter)]
    if alone:
        yield f"The AI judges {listed(alone)}: it names the rule, never the department."
    if both:
        yield f"The AI and the engine's own matcher judge {listed(both)}; either of them is enough."
    if noted:
        yield f"For {listed(noted)} the AI notes and the engine counts."
    if exact:
        yield f"The engine alone decides {listed(exact)}."


def _a_person(rule: Rule) -> bool:
    return isinstance(rule.condition, CallerWants) and A_PERSON in rule.condition.wants
