"""A flow as a graph: rules lead to departments, departments to what follows when nobody takes the call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from flowengine.flow.abilities import briefing_for
from flowengine.flow.check_order import A_PERSON
from flowengine.flow.explain_rules import condition
from flowengine.flow.hours import week_words
from flowengine.flow.model import (
    Accept,
    Briefing,
    CallbackStep,
    CallerWants,
    Department,
    Flow,
    HangUpStep,
    Member,
    Method,
    OpenRule,
    ReceptionistStep,
    Ring,
    Rule,
    Step,
    TakeMessageStep,
    ToDepartment,
    Topic,
    Transfer,
    VoicemailStep,
)
from flowengine.flow.occasions import range_words
from flowengine.flow.phrasing import duration, listed
from flowengine.flow.routing import first_department


class Kind(StrEnum):
    """In which column a node stands."""

    RULE = "rule"
    DEPARTMENT = "department"
    END = "end"


class Way(StrEnum):
    """Why a caller goes along an edge."""

    ALWAYS = "always"
    OPEN = "open"  # somebody can be rung there
    CLOSED = "closed"  # nobody can
    UNANSWERED = "unanswered"
    OWN = "own"  # nobody answered, and the rule has a list of its own
    UNCONFIRMED = "unconfirmed"  # nobody confirmed the card, so the caller was not let go


@dataclass(frozen=True, slots=True)
class Node:
    """A box: `title` in one line, `about` in a few. `number` is a rule's place in the list, 0 for anything else."""

    id: str
    kind: Kind
    title: str
    about: tuple[str, ...] = ()
    number: int = 0
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """`order` counts the entries of a list from 1; 0 where there is no list of several."""

    start: str
    end: str
    way: Way
    order: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """`nodes` in the order of the file."""

    title: str
    about: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def of_kind(self, kind: Kind) -> tuple[Node, ...]:
        """The nodes of one column."""
        return tuple(node for node in self.nodes if node.kind == kind)


def graph(flow: Flow) -> Graph:
    """Every rule, every department, and every step at which a list may end."""
    ends = _Ends(flow)
    edges = (*_rule_edges(flow, ends), *_department_edges(flow, ends))
    departments = (_department(flow, i, d) for i, d in enumerate(flow.departments.values(), 1))
    nodes = (*_rules(flow), *departments, *ends.nodes.values())
    return Graph(f"How {flow.office.name} answers the phone", week_words(flow.hours), nodes, edges)


class _Ends:
    """Numbers the steps that are no department as they are met."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._ids = {key: f"department{i}" for i, key in enumerate(flow.departments, 1)}
        self.nodes: dict[str, Node] = {}

    def id_of(self, step: Step) -> str:
        """The node a step leads to."""
        if isinstance(step, ToDepartment):
            return self._ids[step.department]
        title, about = _end(self._flow, step)
        return self.nodes.setdefault(title + about, _end_node(len(self.nodes) + 1, title, about)).id


def _end_node(number: int, title: str, about: str) -> Node:
    return Node(f"end{number}", Kind.END, title, (about,) if about else ())


def _end(flow: Flow, step: Step) -> tuple[str, str]:
    match step:
        case TakeMessageStep():
            return "Take a message", ""
        case CallbackStep():
            return "Promise a call back", f"within {duration(flow.callback.within)} of open time"
        case VoicemailStep():
            return "Voicemail", "the carrier records"
        case ReceptionistStep():
            return f"Back to {flow.receptionist.name}", "who knows what happened"
        case HangUpStep(say):
            return "Say goodbye", f"“{say.text}”"
        case ToDepartment(department):  # the entries of a list are asked about one by one; a department is no end
            return flow.departments[department].say_as, ""


# ---- rules -----------------------------------------------------------------------------------------------------------


def _rules(flow: Flow) -> Iterator[Node]:
    for number, rule in _in_order(flow):
        if rule is None:
            yield Node("by_name", Kind.RULE, "Somebody by name", (f"asks for {listed(_askable(flow), 'or')}",))
        else:
            title = capitalised(rule.key.replace("_", " "))
            yield Node(f"rule{number}", Kind.RULE, title, tuple(_about_rule(flow, rule)), number, rule.emergency)


def _in_order(flow: Flow) -> Iterator[tuple[int, Rule | None]]:
    """The rules as they are read; None where somebody asked for by name is looked for."""
    wants = (i for i, rule in enumerate(flow.rules) if isinstance(rule.condition, CallerWants))
    at = next((i for i in wants if A_PERSON in getattr(flow.rules[i].condition, "wants", ())), len(flow.rules))
    for number, rule in enumerate(flow.rules, 1):
        if number - 1 == at and _askable(flow):
            yield 0, None
        yield number, rule
    if at == len(flow.rules) and _askable(flow):
        yield 0, None


def _askable(flow: Flow) -> list[str]:
    """Names of the people callers may ask for and a department lists."""
    return [p.name for p in flow.people.values() if p.callers_may_ask_for and first_department(flow, p.key)]


def _about_rule(flow: Flow, rule: Rule) -> Iterator[str]:
    yield condition(flow, _without_examples(rule)).removeprefix("the caller ")
    if rule.only_if:
        yield "only if " + listed(f"{name.replace('_', ' ')} is {value}" for name, value in rule.only_if.items())


def _without_examples(rule: Rule) -> Rule:
    if isinstance(rule.condition, Topic | CallerWants):
        return replace(rule, condition=replace(rule.condition, for_example=()))
    return rule


def _rule_edges(flow: Flow, ends: _Ends) -> Iterator[Edge]:
    for number, rule in _in_order(flow):
        if rule is None:
            asked = (first_department(flow, p.key) for p in flow.people.values() if p.callers_may_ask_for)
            departments = dict.fromkeys(department for department in asked if department)
            yield from (Edge("by_name", ends.id_of(ToDepartment(d)), Way.ALWAYS) for d in departments)
            continue
        start = f"rule{number}"
        yield Edge(start, ends.id_of(rule.to), Way.OPEN if rule.to_when_closed else Way.ALWAYS)
        if rule.to_when_closed:
            yield Edge(start, ends.id_of(rule.to_when_closed), Way.CLOSED)
        yield from _list(start, rule.if_no_one_answers or (), ends, Way.OWN)


# ---- departments -----------------------------------------------------------------------------------------------------

_METHODS = {Method.REFER: "passed to the phone system", Method.DIAL: "dialled directly"}


def _department(flow: Flow, number: int, department: Department) -> Node:
    title = capitalised(department.say_as)
    return Node(f"department{number}", Kind.DEPARTMENT, title, tuple(_about_department(flow, department)))


def _about_department(flow: Flow, department: Department) -> Iterator[str]:
    """When it can be reached, how, and who is rung."""
    hours = department.hours
    method = _METHODS.get(department.transfer.method, "")
    yield "; ".join(filter(None, (str(hours) if isinstance(hours, OpenRule) else week_words(hours), method)))
    ring, several = duration(department.transfer.ring_for), len(department.people) > 1
    together = department.ring == Ring.ALL_AT_ONCE
    yield f"rung all at once, {ring}" if several and together else f"rung for {ring}{' each' if several else ''}"
    yield from _taken(flow, department.transfer)
    for place, member in enumerate(department.people, 1):
        yield f"{place}) {_member(flow, member)}" if several and not together else f"· {_member(flow, member)}"


def _taken(flow: Flow, transfer: Transfer) -> Iterator[str]:
    """How the call is taken, where that is not by the usual key."""
    if transfer.method is Method.CONFERENCE and transfer.accept is Accept.NONE:
        yield "whoever picks up has the call"
    if briefing_for(transfer) is Briefing.CONVERSATION:
        yield f"told by {flow.receptionist.name}, who asks whether they take it"


def _member(flow: Flow, member: Member) -> str:
    person = flow.people[member.person]
    hours = member.hours or person.hours
    some = "own hours" if hours else ""
    notes = ", ".join(filter(None, (some, range_words(member.dates) if member.dates else "")))
    return f"{person.name} ({notes})" if notes else person.name


def _department_edges(flow: Flow, ends: _Ends) -> Iterator[Edge]:
    for department in flow.departments.values():
        start = ends.id_of(ToDepartment(department.key))
        yield from _list(start, department.if_no_one_answers, ends, Way.UNANSWERED)
        if department.transfer.method != Method.CONFERENCE:
            yield Edge(start, ends.id_of(department.transfer.if_card_not_confirmed), Way.UNCONFIRMED)


def _list(start: str, steps: tuple[Step, ...], ends: _Ends, way: Way) -> Iterator[Edge]:
    """One edge an entry, numbered where there are several."""
    for order, step in enumerate(steps, 1):
        yield Edge(start, ends.id_of(step), way, order if len(steps) > 1 else 0)


# ---- text -----------------------------------------------------------------------------------------------------------


def capitalised(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def one_line(text: str) -> str:
    """The text on one line, without what cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
