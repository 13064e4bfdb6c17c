"""Checks that need the finished flow: what a transfer can do, and whether waiting lasts as long as ringing."""

from __future__ import annotations

import math
from collections.abc import Iterator

from flowengine.flow.abilities import NEW_CALL_SECONDS, Limit, Line, accept_seconds, limits, line_of, way_of
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Accept, Department, Flow, Method, Path, Ring, Step, ToDepartment, Transfer
from flowengine.flow.routing import walk

CONNECTING = 6.0  # seconds a phone needs before it rings, and a person to put it down (language.md section 5)
BY_MESSAGE = 20.0  # seconds in which somebody may open a card that came as an e-mail or a text message
LEAST_RING, LONGEST_RING = 5.0, 595.0  # the carrier rings 5 to 600 s and adds 5 of its own


def _word(doc: Document, department: str, word: str) -> Path:
    """Where a department's transfer word is said: in the department, else for all."""
    own: Path = ("departments", department, word)
    common: Path = ("transfer", word)
    return own if doc.get(*own) is not None else common if doc.get(*common) is not None else ("departments", department)


def refer_needs_sip(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A call is passed on by REFER only where it came in by SIP, and only to a SIP address (carrier error 13801)."""
    for department in _with_method(flow, Method.REFER):
        path = _word(doc, department.key, "method")
        if limit := _no_refer(department, Line.SIP, Line(flow.office.calls_arrive_by)):
            yield doc.diagnose(path, limit.code, limit.why, limit.instead)
            continue  # whether anybody has a SIP address matters only then
        for limit, names in _without_sip(flow, department).items():
            said = (
                f"{department.key} passes calls on with refer, but {' and '.join(dict.fromkeys(names))} "
                f"{'has' if len(names) == 1 else 'have'} no sip address"
            )
            yield doc.diagnose(path, limit.code, said, limit.instead)


def _no_refer(department: Department, line: Line, arrives: Line) -> Limit | None:
    return next(limits(way_of(department.transfer, line, arrives), "method", Method.REFER), None)


def _without_sip(flow: Flow, department: Department) -> dict[Limit, list[str]]:
    """The names of those who cannot be reached by refer at any of their addresses, by what is in the way."""
    names: dict[Limit, list[str]] = {}
    for person in (flow.people[member.person] for member in department.people):
        found = [_no_refer(department, line_of(phone), Line.SIP) for phone in person.phones]
        if found[0] and all(found):
            names.setdefault(found[0], []).append(person.name)
    return names


def _with_method(flow: Flow, method: Method) -> Iterator[Department]:
    return (d for d in flow.departments.values() if d.transfer.method is method)


def reason_for_no_key(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """Without a key a voicemail box can take the call; whoever wants that says why."""
    for department in flow.departments.values():
        if department.transfer.accept is Accept.NONE and not department.transfer.no_key_because:
            yield doc.diagnose(
                _word(doc, department.key, "accept"),
                "no-key-reason",
                "accept: none lets a voicemail box take calls; the reason is missing",
                "add  no_key_because:  and why voicemail cannot answer here",
            )


def ring_possible(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """The carrier rings a phone for 5 to 600 seconds."""
    for department in flow.departments.values():
        if not LEAST_RING <= department.transfer.ring_for <= LONGEST_RING:
            yield doc.diagnose(
                _word(doc, department.key, "ring_for"),
                "ring-range",
                "a phone can ring for 5 seconds to 595 seconds",
                "ring_for: 20s",
            )


def card_before_release(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A call leaves us only once its card is confirmed, so something must be able to confirm one in time: the staff
    screen that opens it, or a system that answers."""
    if flow.card.crm_webhook or any(d.kind in ("staff screen", "webhook") for d in flow.card.show_on):
        return
    for department in flow.departments.values():
        transfer = department.transfer
        if transfer.method is Method.CONFERENCE or (flow.card.show_on and transfer.card_confirmed_within >= BY_MESSAGE):
            continue
        said = (
            f"{department.key} uses method {transfer.method}, which waits {transfer.card_confirmed_within:.0f} s for "
            "somebody to open the card, and nothing shows it in that time: no call would ever be let go"
        )
        path = _word(doc, department.key, "method")
        yield doc.diagnose(path, "card-before-release", said, "show_on: [staff screen]  in handoff_card, or a webhook")


def wait_covers_ringing(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """`longest_wait` lasts until the last phone of the list has rung out, also of a rule's own list."""
    longest: dict[Path, tuple[float, str, float]] = {}
    for whose, department, needs in _lists(flow):
        path, waits = _wait_place(doc, department), flow.departments[department].transfer.longest_wait
        if needs > waits and needs > longest.get(path, (0.0, "", 0.0))[0]:
            longest[path] = needs, whose, waits
    for path, (needs, whose, waits) in longest.items():
        seconds = f"{math.ceil(needs)}s"
        said = f"ringing everybody for {whose} takes {math.ceil(needs)} s, but the caller waits only {waits:.0f} s"
        help = f"longest_wait: {seconds}, or ring fewer people or for a shorter time"
        stated = path[-1] == "longest_wait"
        fix = seconds if stated and doc.source(path) else None
        yield doc.diagnose(path, "wait-too-short", said, help, key=not stated, severity="warning", fix=fix)


def _lists(flow: Flow) -> Iterator[tuple[str, str, float]]:
    """Whose list it is, the department whose waiting time counts, and the seconds its ringing takes."""
    for department in flow.departments:
        yield department, department, ringing_takes(flow, ToDepartment(department))
    for rule in flow.rules:
        if isinstance(rule.to, ToDepartment) and rule.if_no_one_answers is not None:
            needs = ringing_takes(flow, rule.to, rule.if_no_one_answers)
            yield f"the rule {rule.key!r}", rule.to.department, needs


def _wait_place(doc: Document, department: str) -> Path:
    """Where `longest_wait` is said; the department itself when nobody says it."""
    places: tuple[Path, ...] = (("departments", department, "longest_wait"), ("hold", "longest_wait"))
    return next((path for path in places if doc.get(*path) is not None), ("departments", department))


def ringing_takes(flow: Flow, step: Step, own: tuple[Step, ...] | None = None) -> float:
    """Seconds until a step's whole list has been rung: ring, accept and 6 s each; legs rung at once count once, and
    begin a second apart."""
    seconds, left = 0.0, flow.most_phones_rung
    for department, people in walk(flow, step, own, enough=flow.most_phones_rung).stages:
        one = one_phone(flow.departments[department].transfer)
        for legs in _rounds(flow, department, people, left):
            left -= legs
            seconds += one + (legs - 1) * NEW_CALL_SECONDS if one else 0.0
    return seconds


def _rounds(flow: Flow, department: str, people: tuple[str, ...], left: int) -> Iterator[int]:
    """How many phones are rung together, one round after another; everybody's further numbers come after the first."""
    numbers = [len(flow.people[person].phones) for person in people]
    together = flow.departments[department].ring is Ring.ALL_AT_ONCE
    rounds = [sum(n > i for n in numbers) for i in range(max(numbers, default=0))] if together else [1] * sum(numbers)
    for legs in rounds:
        if left <= 0:
            return
        yield min(legs, left)
        left -= legs


def one_phone(transfer: Transfer) -> float:
    """Seconds one phone may take, until somebody has said yes or no; a REFER rings nobody of ours."""
    if transfer.method is Method.REFER:
        return 0.0
    return transfer.ring_for + CONNECTING + accept_seconds(transfer)
