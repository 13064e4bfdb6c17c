"""Checks of the order of rules: the first that is true wins, so some that stand below others are never come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from flowengine.flow import words
from flowengine.flow.build_rules import CONDITIONS
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.list_ends import ListEnds
from flowengine.flow.model import (
    CallerSays,
    CallerWants,
    CallLongerThan,
    Condition,
    ConfidenceBelow,
    Flow,
    KeyPressedIs,
    KnownCaller,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    Path,
    QuietFor,
    ReceptionistFails,
    ReceptionistStep,
    Rule,
    SameQuestionAgain,
    Step,
    ToDepartment,
    Topic,
    TurnsMoreThan,
)
from flowengine.flow.phrases import meaning, stems_of

A_PERSON = "to speak with a person"
LONGEST_PHRASE = 12  # words of a phrase that are compared
MOST_TRIED = 5  # stems of a topic of which every choice is looked up; of a longer one, each stem and the whole
MOST_ASKED = 20_000  # phrases times names, beyond which nobody is looked for by name

Sign = tuple[object, ...]  # what makes a condition true, so that two conditions can be compared


@dataclass(frozen=True, slots=True)
class _Entry:
    rule: Rule
    position: int


class _Above:
    """What the rules read so far react to: a sign, and the first rule that has it, by its `only_if`."""

    def __init__(self) -> None:
        self._first: dict[tuple[Sign, frozenset[tuple[str, str]]], _Entry] = {}

    def add(self, sign: Sign, entry: _Entry) -> None:
        self._first.setdefault((sign, _only_if(entry.rule)), entry)

    def covering(self, signs: Collection[Sign], rule: Rule) -> Rule | None:
        """The first rule above that is true whenever this one is by one of these signs."""
        conditions = {frozenset(), _only_if(rule)}
        found = [self._first[key] for sign in signs for only in conditions if (key := (sign, only)) in self._first]
        found = [entry for entry in found if entry.rule.emergency or not rule.emergency]
        return min(found, key=lambda entry: entry.position).rule if found else None


def _only_if(rule: Rule) -> frozenset[tuple[str, str]]:
    return frozenset(rule.only_if.items())


def never_reached(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A rule whose every way to be true makes a rule above it true first."""
    above = _Above()
    names = [p.name for p in flow.people.values() if p.callers_may_ask_for]
    names = names if len(names) * len(flow.rules) <= MOST_ASKED else []
    for position, rule in enumerate(flow.rules):
        first = _covered(rule, above, names)
        if first is not None:
            yield _dead(doc, position, first)
        for sign in _reacts_to(rule):
            above.add(sign, _Entry(rule, position))


def _dead(doc: Document, position: int, first: str) -> Diagnostic:
    path: Path = ("when_to_transfer", position)
    word = next((word for word in CONDITIONS if doc.get(*path, word) is not None), "rule")
    said = f"this rule is never reached: whenever it is true, {first!r} above it is true first"
    return doc.diagnose(
        (*path, word), "never-reached", said, "move it up, or leave one of the two out", key=True, severity="warning"
    )


def _covered(rule: Rule, above: _Above, names: Collection[str]) -> str | None:
    """The first rule that takes every way this one can be true, or None."""
    takers: list[str] = []
    for signs in _ways(rule):
        taker = above.covering(signs, rule)
        if taker is None and isinstance(rule.condition, CallerSays):
            taken = _asks_for_somebody(str(signs[-1][1]), rule, above, names)
        else:
            taken = taker.key if taker else None
        if taken is None:
            return None
        takers.append(taken)
    return takers[0] if takers else None


def _asks_for_somebody(phrase: str, rule: Rule, above: _Above, names: Collection[str]) -> str | None:
    """What takes a phrase that asks for a person, or for one by name, below the rule for callers who want a person:
    just before that rule, `person_by_name` is read."""
    wanted = above.covering([(A_PERSON,)], rule)
    if wanted is None:
        return None
    if any(words.asks_for_person(phrase, name) for name in names):
        return "person_by_name"
    return wanted.key if words.wants_person(phrase) else None


# ---- what a rule reacts to -----------------------------------------------------------------------------------------


def _reacts_to(rule: Rule) -> Iterator[Sign]:
    """The signs by which a rule stands above others."""
    match rule.condition:
        case CallerSays(phrases):
            yield from (("says", *stems_of(phrase)[:LONGEST_PHRASE]) for phrase in phrases)
        case Topic(topics, examples):
            yield from _meanings("topic", topics, examples, rule)
        case CallerWants(wants, examples):
            yield from ((A_PERSON,) for want in wants if want == A_PERSON)
            yield from _meanings("wants", wants, examples, rule)
        case KeyPressedIs(keys):
            yield from (("key", key) for key in keys)
        case KnownCaller(groups):
            yield from (("known", group) for group in groups)
        case ReceptionistFails():
            yield ("fails",)


def _meanings(kind: str, topics: Collection[str], examples: Collection[str], rule: Rule) -> Iterator[Sign]:
    """One sign for a topic as it is meant, and a second where negation is ignored."""
    readings = (kind, kind + " even denied") if not rule.receptionist_may_answer else (kind,)
    for reading in readings:
        for topic in topics:
            yield from ((reading, meaning(part)) for part in words.alternatives(topic))
        yield from ((reading + " for example", meaning(example)) for example in examples)


def _ways(rule: Rule) -> Iterator[Sequence[Sign]]:
    """For each way a rule can be true, the signs of which one above is enough to be true before it."""
    match rule.condition:
        case CallerSays(phrases):
            for phrase in phrases:
                yield [*_parts(stems_of(phrase)[:LONGEST_PHRASE]), ("", phrase)]
        case Topic(topics, examples):
            yield from _ways_to_mean("topic", topics, examples, rule)
        case CallerWants(wants, examples):
            yield from ([(A_PERSON,)] for want in wants if want == A_PERSON)
            yield from _ways_to_mean("wants", [w for w in wants if w != A_PERSON], examples, rule)
        case KeyPressedIs() | KnownCaller() | ReceptionistFails():
            yield from ([sign] for sign in _reacts_to(rule))


def _ways_to_mean(
    kind: str, topics: Collection[str], examples: Collection[str], rule: Rule
) -> Iterator[Sequence[Sign]]:
    reading = kind if rule.receptionist_may_answer else kind + " even denied"
    for topic in topics:
        yield from ([(reading, part) for part in _subsets(meaning(alt))] for alt in words.alternatives(topic))
    yield from ([(reading + " for example", meaning(example))] for example in examples)


def _parts(stems: tuple[str, ...]) -> Iterator[Sign]:
    """Every run of words of a phrase: what is said within it is said with it."""
    for start in range(len(stems)):
        yield from (("says", *stems[start:end]) for end in range(start + 1, len(stems) + 1))


def _subsets(meaning: frozenset[str]) -> Iterator[frozenset[str]]:
    """A topic of fewer words is met by every turn that meets one of more."""
    if len(meaning) > MOST_TRIED:
        yield from (frozenset({stem}) for stem in meaning)
        yield meaning
        return
    stems = sorted(meaning)
    for choice in range(1, 1 << len(stems)):
        yield frozenset(stem for i, stem in enumerate(stems) if choice >> i & 1)


# ---- rules that count ----------------------------------------------------------------------------------------------


def counts_in_vain(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A rule that waits for more of what a lower limit acts on already, when no call comes back from there."""
    ends = ListEnds(flow)
    counting: dict[Sign, list[tuple[float, int]]] = defaultdict(list)
    for position, rule in enumerate(flow.rules):
        for kind, limit in _limits(rule.condition):
            counting[kind].append((limit, position))
    sooner: dict[int, list[Rule | None]] = defaultdict(list)  # for each kind a rule counts, what acts before it
    for limits in counting.values():
        final: dict[frozenset[tuple[str, str]], Rule] = {}
        for _, position in sorted(limits):
            rule = flow.rules[position]
            first = final.get(frozenset()) or final.get(_only_if(rule))
            sooner[position].append(first if first and (first.emergency or not rule.emergency) else None)
            if not _comes_back(flow, ends, rule, position):
                final.setdefault(_only_if(rule), rule)
    for position, firsts in sorted(sooner.items()):
        if firsts[0] is not None and all(firsts):
            yield _in_vain(doc, position, firsts[0].key)


def _in_vain(doc: Document, position: int, first: str) -> Diagnostic:
    path: Path = ("when_to_transfer", position)
    word = next((word for word in CONDITIONS if doc.get(*path, word) is not None), "rule")
    said = f"this rule is never reached: {first!r} acts sooner or as soon, and its calls do not come back"
    help = "give this one the lower limit, or leave one of the two out"
    return doc.diagnose((*path, word), "never-reached", said, help, key=True, severity="warning")


def _limits(condition: Condition) -> Iterator[tuple[Sign, float]]:
    """What is counted, and the limit; the lower limit is met first."""
    match condition:
        case NotSolvedAfter(n) | SameQuestionAgain(n) | NotUnderstood(n) | TurnsMoreThan(n):
            yield (type(condition).__name__,), float(n)
        case CallLongerThan(seconds) | QuietFor(seconds):
            yield (type(condition).__name__,), seconds
        case ConfidenceBelow(percent):
            yield ("ConfidenceBelow",), -float(percent)
        case Mood(moods, turns):
            yield from ((("Mood", mood), float(turns)) for mood in moods)


def _comes_back(flow: Flow, ends: ListEnds, rule: Rule, position: int) -> bool:
    """Whether a call may return to the receptionist after this rule: by the end of a list, or after the talk."""
    found = ends.of_rule(rule, ("when_to_transfer", position))
    targets: tuple[Step | None, ...] = (rule.to, rule.to_when_closed)
    after = (flow.departments[t.department].transfer for t in targets if isinstance(t, ToDepartment))
    return any(isinstance(step, ReceptionistStep) for step, _ in found) or any(
        transfer.after_staff_hang_up == "receptionist" for transfer in after
    )
