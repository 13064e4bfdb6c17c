"""The rules of a flow in sentences, from the top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

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
    QuietFor,
    ReceptionistFails,
    Rule,
    SameQuestionAgain,
    Topic,
    TurnsMoreThan,
)
from flowengine.flow.phrasing import counted, duration, listed, quoted, step, steps

_KEYS = {"*": "star", "#": "pound"} | {str(i): name for i, name in enumerate(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
)}  # fmt: skip


def told(flow: Flow) -> Iterator[str]:
    """One paragraph a rule; the first that is true wins."""
    if not flow.rules:
        yield f"No rule makes {flow.receptionist.name} hand a caller over; only being asked for a person by name does."
        return
    yield "These are read from the top at everything the caller says or does; the first that is true wins."
    for number, rule in enumerate(flow.rules, 1):
        yield " ".join(_rule(flow, number, rule))


def _rule(flow: Flow, number: int, rule: Rule) -> Iterator[str]:
    mark = " EMERGENCY." if rule.emergency else ""
    so = listed(f"{_plain(name)} is {value}" for name, value in rule.only_if.items())
    only = f", and only if {so}" if so else ""
    yield f"{number}. {rule.key}:{mark} When {condition(flow, rule)}{only}, {step(flow, rule.to)}."
    if rule.say:
        yield f"The caller hears first: {quoted(rule.say.text)}"
    if rule.to_when_closed:
        yield f"If nobody there can be rung at that hour, {step(flow, rule.to_when_closed)}."
    if rule.if_no_one_answers is not None:
        yield f"If nobody takes the call, {steps(flow, rule.if_no_one_answers)}."
    if not rule.receptionist_may_answer and not rule.emergency:
        yield f"{flow.receptionist.name} may not answer this, whatever the AI model thinks."


def _plain(name: str) -> str:
    return {"dialled": "the number they called", "language": "the language"}.get(name, name.replace("_", " "))


def condition(flow: Flow, rule: Rule) -> str:
    """When a rule is true: "the caller says “lawyer” or “legal action”"."""
    match rule.condition:
        case CallerSays(phrases):
            return f"the caller says {_or(phrases)}"
        case Topic(topics, examples):
            return f"the caller speaks about {listed(topics, 'or')}{_such_as(examples)}"
        case CallerWants(wants, examples):
            return f"the caller wants {listed(wants, 'or')}{_such_as(examples)}"
        case Mood(moods, turns):
            return f"the caller is {listed(moods, 'or')} for {counted(turns, 'turn')}"
        case NotSolvedAfter(tries):
            return f"{counted(tries, 'try').replace('trys', 'tries')} to help did not solve it"
        case SameQuestionAgain(times):
            return f"the caller asks the same thing {counted(times, 'time')}"
        case NotUnderstood(turns):
            return f"the caller could not be understood {counted(turns, 'time')} in a row"
        case ConfidenceBelow(percent):
            return f"the transcript is less than {percent} % sure of the words"
        case CallLongerThan(seconds):
            return f"the call has lasted {duration(seconds)}"
        case TurnsMoreThan(turns):
            return f"the caller has spoken more than {counted(turns, 'time')}"
        case QuietFor(seconds):
            return f"the caller has been quiet for {duration(seconds)}"
        case KeyPressedIs(keys):
            return f"the caller presses {listed((_KEYS[key] for key in keys), 'or')}"
        case KnownCaller(groups):
            return f"the number that calls {listed((_group(group) for group in groups), 'or')}"
        case ReceptionistFails():
            return f"{flow.receptionist.name} fails"
        case _:
            assert_never(rule.condition)


def _group(group: str) -> str:
    return "has called before" if group == "called before" else f"is one of {group.replace('_', ' ')}"


def _or(phrases: Iterable[str]) -> str:
    return listed((quoted(phrase) for phrase in phrases), "or")


def _such_as(examples: tuple[str, ...]) -> str:
    return f" (such as {_or(examples)})" if examples else ""
