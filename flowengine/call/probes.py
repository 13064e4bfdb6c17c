"""For each rule of a flow a caller who makes it true, so that routes and differences can be told rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flowengine.call.conditions import A_PERSON
from flowengine.flow.model import (
    CallerSays,
    CallerWants,
    CallLongerThan,
    Condition,
    ConfidenceBelow,
    FieldType,
    Flow,
    FlowTest,
    KeyPressedIs,
    KnownCaller,
    Line,
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
from flowengine.flow.names import KEYS
from flowengine.flow.words import alternatives

NOTHING_MUCH = ("Hello", "Okay", "I see", "All right", "Good", "Fine")  # words that no topic is about


@dataclass(frozen=True, slots=True)
class Probe:
    """A caller who should make a rule true: `about` says how, in the words of a table."""

    rule: str
    about: str
    test: FlowTest


def probes(flow: Flow, *, every_phrase: bool = False) -> tuple[Probe, ...]:
    """One probe a rule, in order, then one for each person callers may ask for by name. With `every_phrase`, each
    phrase, topic and example is one of its own."""
    found = [probe for rule in flow.rules for probe in _of_rule(flow, rule, every_phrase)]
    found += [
        Probe("person_by_name", f"asks for {p.name}", _test(flow, Line(says=f"Can I speak to {p.name}?")))
        for p in flow.people.values()
        if p.callers_may_ask_for
    ]
    return tuple(found)


def says(flow: Flow, text: str, staff: Mapping[str, str] | None = None) -> FlowTest:
    """A caller who says one thing and answers what is asked."""
    return replace(_test(flow, Line(says=text)), name=text, staff=staff or {})


def _of_rule(flow: Flow, rule: Rule, every_phrase: bool) -> Iterator[Probe]:
    callers = list(_callers(flow, rule.condition))
    for about, lines, changes in callers if every_phrase else callers[:1]:
        test = replace(_test(flow, *lines), **{**_only_if(rule), **changes})  # type: ignore[arg-type]
        yield Probe(rule.key, about, _answering(rule, test))


Caller = tuple[str, tuple[Line, ...], Mapping[str, object]]


def _callers(flow: Flow, condition: Condition) -> Iterator[Caller]:
    """Callers who make a condition true: how to say it, what they do, and what else is special about the call."""
    match condition:
        case CallerSays(phrases):
            yield from (_saying(phrase) for phrase in phrases)
        case Topic(topics, examples):
            yield from (_saying(words) for topic in topics for words in alternatives(topic))
            yield from (_saying(example) for example in examples)
        case CallerWants(wants, examples):
            yield from (_saying("Can I talk to a person?") if w == A_PERSON else _saying(w) for w in wants)
            yield from (_saying(example) for example in examples)
        case Mood(moods, turns):
            for mood in moods:
                yield f"is {mood} for {turns} turns" if turns > 1 else f"is {mood}", _turns(turns, mood=mood), {}
        case NotSolvedAfter(tries):
            yield f"is not helped by {tries} tries", _turns(tries, unsolved=True), {}
        case SameQuestionAgain(times):
            asks = Line(says="Do you validate tickets downtown?")
            yield f"asks the same {times} times", (asks,) * times, {}
        case NotUnderstood(turns):
            yield f"is not understood {turns} times", (Line(unclear=True),) * turns, {}
        case ConfidenceBelow(percent):
            yield f"is heard below {percent} %", (Line(says=NOTHING_MUCH[0], confidence=max(0, percent - 1)),), {}
        case CallLongerThan(seconds):
            yield f"has talked for {seconds:.0f} s", (Line(waits=seconds),), {}
        case TurnsMoreThan(turns):
            yield f"has said more than {turns} things", _turns(turns + 1), {}
        case QuietFor(seconds):
            yield f"is quiet for {seconds:.0f} s", (Line(waits=2 * seconds + 10),), {}
        case KeyPressedIs(keys):
            yield from ((f"presses {KEYS[key]}", (Line(presses=key),), {}) for key in keys)
        case KnownCaller(groups):
            yield from (_known(flow, group) for group in groups)
        case ReceptionistFails():
            yield "calls while the receptionist fails", (), {"receptionist_fails": True}


def _saying(text: str) -> Caller:
    return f"says “{text}”", (Line(says=text),), {}


def _known(flow: Flow, group: str) -> Caller:
    if group in flow.known_callers:
        return f"calls from a number of {group}", (), {"calls_from": next(iter(flow.known_callers[group]), "")}
    return "has called before", (), {"called_before": True}


def _turns(number: int, *, mood: str = "", unsolved: bool = False) -> tuple[Line, ...]:
    texts = (NOTHING_MUCH[i % len(NOTHING_MUCH)] for i in range(number))
    return tuple(Line(says=text, mood=mood, unsolved=unsolved) for text in texts)


def _only_if(rule: Rule) -> dict[str, object]:
    """What else must be so of a call for a rule that reads it."""
    return {name: value for name, value in rule.only_if.items() if name in ("dialled", "language")}


def _answering(rule: Rule, test: FlowTest) -> FlowTest:
    """The caller answers what the rule's `only_if` reads as it wants."""
    wanted = {name: value for name, value in rule.only_if.items() if name not in ("dialled", "language")}
    if not wanted:
        return test
    first, *others = test.caller or (Line(says=NOTHING_MUCH[0]),)
    answers = {**first.answers, **wanted}
    return replace(test, caller=(Line(says="Good morning", answers=answers), replace(first, answers=answers), *others))


def _test(flow: Flow, *lines: Line) -> FlowTest:
    """A call whose caller answers every question with the name of what was asked, in brackets."""
    answers = {
        f.name: f.choices[0] if f.type == FieldType.CHOICE and f.choices else f"<{f.name}>"
        for f in flow.receptionist.find_out
        if f.required and f.name != "reason"
    }
    script = tuple(replace(line, answers=answers) if line.says else line for line in lines)
    return FlowTest(name="", at="", caller=script)
