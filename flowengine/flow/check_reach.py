"""Checks of the way out: at every hour of the week a call leads to somebody, or to an end that the file names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.hours import clock_words
from flowengine.flow.model import Flow, OpenRule, Path, ReceptionistFails, ReceptionistStep, Rule, Step, ToDepartment
from flowengine.flow.names import DAYS
from flowengine.flow.week import State, Week, week_of, when_words

LONGEST_WHEN = 70  # characters of "Monday 8 am to 5 pm, …"; of a longer one an example is given
Lists = dict[tuple[Path, int], list[State]]  # an entry of a fallback list, and the states in which it is come to


@dataclass(frozen=True, slots=True)
class End:
    """How a list ends when nobody takes the call. `said_by` is the department whose list names (or should name) it,
    "" for a rule's own list."""

    someone: bool  # was rung on the way
    step: Step
    said_by: str


class Ways:
    """Where lists lead in one state; each department's list is followed once."""

    def __init__(self, flow: Flow, state: State) -> None:
        self.flow, self.state = flow, state
        self._ends: dict[str, End] = {}

    def target(self, rule: Rule) -> Step:
        """`to`, or `to_when_closed` where nobody can be rung at the first and somebody at the second."""
        instead = rule.to_when_closed
        return rule.to if instead is None or self.leads(rule.to) or not self.leads(instead) else instead

    def leads(self, step: Step) -> bool:
        return not isinstance(step, ToDepartment) or bool(self.state.people(step.department))

    def of_rule(self, rule: Rule) -> End:
        target = self.target(rule)
        if not isinstance(target, ToDepartment):
            return End(False, target, "")
        own = rule.if_no_one_answers if target == rule.to else None
        end = self.of_department(target.department) if own is None else self._follow(own, "")
        return End(end.someone or self.leads(target), end.step, end.said_by)

    def of_department(self, department: str) -> End:
        """The end of its list: other departments lend their people, the last goes on with its own list."""
        asked = department
        chain: dict[str, None] = {}  # in order
        while department not in self._ends and department not in chain:
            chain[department] = None
            steps = self.flow.departments[department].if_no_one_answers
            last = next((s for s in steps if not isinstance(s, ToDepartment)), steps[-1] if steps else None)
            if not isinstance(last, ToDepartment):
                break
            department = last.department
        for name in reversed(chain):
            self._ends[name] = self._follow(self.flow.departments[name].if_no_one_answers, name)
        return self._ends[asked]

    def _follow(self, steps: Sequence[Step], said_by: str) -> End:
        someone = False
        for step in steps:
            if not isinstance(step, ToDepartment):
                return End(someone, step, said_by)
            someone = someone or self.leads(step)
        last = steps[-1] if steps else None
        rest = self._ends.get(last.department) if isinstance(last, ToDepartment) else None
        if rest is None and isinstance(last, ToDepartment) and not said_by:
            rest = self.of_department(last.department)
        rest = rest or End(False, ReceptionistStep(), said_by)  # a circle, which is said elsewhere
        return End(someone or rest.someone, rest.step, rest.said_by)


def way_out(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """What holds for every state of the week: nobody is left with a receptionist who may not help."""
    week = week_of(flow)
    ways = [Ways(flow, state) for state in week.states]
    stuck = {rule.key: states for rule in flow.rules if (states := _stuck(rule, ways))}
    yield from _no_way_out(flow, doc, week, stuck)
    empty = [d for d in flow.departments if not any(state.people(d) for state in week.states)]
    yield from _end_not_named(flow, doc, week, ways, {*stuck, *(r.key for r in flow.rules if _fails(r))}, empty)
    if week.complete:
        yield from _never_open(flow, doc, empty, stuck)
        yield from _idle_fallbacks(flow, doc, week, ways)


# ---- nobody, and no named end --------------------------------------------------------------------------------------


def _stuck(rule: Rule, ways: Collection[Ways]) -> list[State]:
    """States in which a rule the receptionist must not deal with rings nobody and leads back to her."""
    if rule.receptionist_may_answer:
        return []
    ends = ((way.state, way.of_rule(rule)) for way in ways)
    return [state for state, end in ends if not end.someone and isinstance(end.step, ReceptionistStep)]


def _fails(rule: Rule) -> bool:
    """Whether a rule is for calls whose receptionist is gone: what would lead back to her is voicemail then."""
    return isinstance(rule.condition, ReceptionistFails)


def _no_way_out(flow: Flow, doc: Document, week: Week, stuck: dict[str, list[State]]) -> Iterator[Diagnostic]:
    for i, rule in enumerate(flow.rules):
        if rule.key in stuck and not isinstance(rule.to, ToDepartment):
            said = "this leads to the receptionist, who must not answer what this rule is about"
            help = "name a department, or take_message or callback"
            yield doc.diagnose(("when_to_transfer", i, "to"), "no-way-out", said, help)
        elif rule.key in stuck:
            said = (
                f"{_when(week, stuck[rule.key])} this leads nowhere: nobody can be rung, and the receptionist, "
                "who gets the caller back, must not answer"
            )
            help = "add  to_when_closed:  with a department that is open then, or end the list with take_message"
            yield doc.diagnose(("when_to_transfer", i, "to"), "no-way-out", said, help)


def _end_not_named(
    flow: Flow, doc: Document, week: Week, ways: Collection[Ways], apart: Collection[str], empty: Collection[str]
) -> Iterator[Diagnostic]:
    """A list nobody wrote, come to when there is nobody to ring: one finding a department, with its first rule. Rules
    `apart` and departments always `empty` are told of elsewhere."""
    first: dict[str, Rule] = {}
    states: dict[str, list[State]] = defaultdict(list)
    for rule in flow.rules:
        for way in ways if rule.key not in apart else ():
            end = way.of_rule(rule)
            unwritten = end.said_by and doc.get("departments", end.said_by, "if_no_one_answers") is None
            if unwritten and not end.someone and end.said_by not in empty:
                first.setdefault(end.said_by, rule)
                states[end.said_by].append(way.state)
    for department, rule in first.items():
        said = (
            f"{_when(week, states[department])} nobody can be rung for {department}, and no step is named: "
            f"a caller of {rule.key!r} is left with the receptionist"
        )
        help = "add  if_no_one_answers: take_message  here, or  to_when_closed:  to the rule"
        yield doc.diagnose(("departments", department), "end-not-named", said, help, key=True, severity="warning")


def _when(week: Week, states: Collection[State]) -> str:
    """ "while the office is closed", "on Saturday all day", "at any time"."""
    chosen = {id(state) for state in states}
    if len(chosen) == len(week.states):
        return "at any time"
    closed = {id(state) for state in week.states if not state.now.open(OpenRule.OFFICE)}
    if chosen == closed:
        return "while the office is closed"
    words = when_words(states)
    if words == "at any time":
        return words
    example = _example(states) if len(words) > LONGEST_WHEN else ""
    return f"at times, such as {example}," if example else f"on {words}"


def _example(states: Collection[State]) -> str:
    """One time of an ordinary week, to the half hour where that is within: "Monday at 9:30 am"; "" if there is none."""
    for day, (start, end) in ((d, span) for state in states for d, spans in enumerate(state.spans) for span in spans):
        minute = max(start, (start + end) // 2 // 30 * 30)
        return f"{DAYS[day]} at {clock_words(datetime.min + timedelta(minutes=minute))}"
    return ""


# ---- departments nobody is in --------------------------------------------------------------------------------------


def _never_open(flow: Flow, doc: Document, empty: Collection[str], stuck: Collection[str]) -> Iterator[Diagnostic]:
    """Departments that are empty all week; where that leaves a rule without a way out, this is said there."""
    told = {r.to.department for r in flow.rules if r.key in stuck and isinstance(r.to, ToDepartment)}
    for department in empty:
        if department not in told:
            said = f"at no hour of the week is {department} open with one of its people on duty"
            help = "compare its hours with those of its people"
            yield doc.diagnose(("departments", department), "never-open", said, help, key=True, severity="warning")


def _idle_fallbacks(flow: Flow, doc: Document, week: Week, ways: Collection[Ways]) -> Iterator[Diagnostic]:
    """A department in a fallback list that has nobody, or nobody new, whenever the list comes to it."""
    open_ever = {d for d in flow.departments if any(state.people(d) for state in week.states)}
    for (path, i), states in _come_to(flow, ways).items():
        steps, before = _list_at(flow, path)
        step = steps[i]
        if not isinstance(step, ToDepartment) or step.department not in open_ever:
            continue
        rung = [*before, *(s.department for s in steps[:i] if isinstance(s, ToDepartment))]
        found = [(set(state.people(step.department)), state) for state in states]
        if not any(people for people, _ in found):
            said = f"{step.department} is closed whenever the list comes to it"
            yield doc.diagnose(
                (*path, "if_no_one_answers", i),
                "fallback-closed",
                said,
                f"it has somebody {_when(week, [s for s in week.states if s.people(step.department)])}",
                severity="warning",
            )
        elif not any(people.difference(*(state.people(d) for d in rung)) for people, state in found):
            said = f"everybody in {step.department} has been rung by then, and nobody is rung twice in a call"
            yield doc.diagnose(
                (*path, "if_no_one_answers", i), "fallback-adds-nobody", said, "leave it out", severity="warning"
            )


def _come_to(flow: Flow, ways: Collection[Ways]) -> Lists:
    """Every entry of every list, with the states in which a call comes to it."""
    entries: Lists = defaultdict(list)
    by_name = _asked_by_name(flow)
    for way in ways:
        todo = list(by_name)
        for i, rule in enumerate(flow.rules):
            target = way.target(rule)
            if isinstance(target, ToDepartment) and target == rule.to and rule.if_no_one_answers is not None:
                todo += _enter(entries, ("when_to_transfer", i), rule.if_no_one_answers, way.state)
            elif isinstance(target, ToDepartment):
                todo.append(target.department)
        walked: set[str] = set()
        while todo:
            department = todo.pop()
            if department not in walked:
                walked.add(department)
                steps = flow.departments[department].if_no_one_answers
                todo += _enter(entries, ("departments", department), steps, way.state)
    return entries


def _enter(entries: Lists, path: Path, steps: Sequence[Step], state: State) -> list[str]:
    """Notes that a list is walked; the department it goes on with, if its last step is one."""
    for i, step in enumerate(steps):
        if not isinstance(step, ToDepartment):
            return []
        entries[path, i].append(state)
    return [steps[-1].department] if steps and isinstance(steps[-1], ToDepartment) else []


def _list_at(flow: Flow, path: Path) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """A list by its path, and the department that was rung before it."""
    if path[0] == "departments":
        return flow.departments[str(path[1])].if_no_one_answers, (str(path[1]),)
    rule = flow.rules[int(path[1])]
    before = (rule.to.department,) if isinstance(rule.to, ToDepartment) else ()
    return rule.if_no_one_answers or (), before


def _asked_by_name(flow: Flow) -> Collection[str]:
    """Departments a call comes to because one of their people is asked for by name: a person's first one."""
    first: dict[str, str] = {}
    for department in flow.departments.values():
        for member in department.people:
            if flow.people[member.person].callers_may_ask_for:
                first.setdefault(member.person, department.key)
    return dict.fromkeys(first.values())
