"""Checks that need the finished flow: what a transfer can do, and whether waiting lasts as long as ringing."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
        if flow.office.calls_arrive_by != "sip":
            said = "method: refer works only when calls arrive by sip"
            help = "use conference, or set  calls_arrive_by: sip  in office"
            yield doc.diagnose(path, "refer-needs-sip", said, help)
            continue  # whether anybody has a SIP address matters only then
        people = [flow.people[member.person] for member in department.people]
        without = [p.name for p in people if not any(phone.startswith(("sip:", "sips:")) for phone in p.phones)]
        if without:
            said = (
                f"{department.key} passes calls on with refer, but {' and '.join(dict.fromkeys(without))} "
                f"{'has' if len(without) == 1 else 'have'} no sip address"
            )
            yield doc.diagnose(path, "refer-needs-sip", said, "add  sip:  there, or use another method")


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


def loses_briefing(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A call that is passed on or dialled through leaves us: nobody is briefed and no key is pressed."""
    leaving = [d for d in flow.departments.values() if d.transfer.method is not Method.CONFERENCE]
    places: list[tuple[Path, Method]] = [(("departments", d.key), d.transfer.method) for d in leaving]
    if leaving and len(leaving) == len(flow.departments):  # else what `transfer` says is meant for the others
        places.append((("transfer",), leaving[0].transfer.method))
    for place, method in places:
        for word, keeps in _NEEDS_US:
            value = doc.get(*place, word)
            if value is not None and value not in keeps:
                said = f"{word} does nothing here: with method {method} the call leaves us before anybody picks up"
                help = f"delete the line, or use  method: conference  if {_WANTED[word]}"
                yield doc.diagnose((*place, word), "refer-loses-briefing", said, help, key=True, severity="warning")


_NEEDS_US: tuple[tuple[str, tuple[str, ...]], ...] = (  # a word, and the values by which it asks for nothing
    ("briefing", ("card only",)),
    ("accept", ("none",)),
    ("accept_within", ()),
    ("introduction", ("none",)),
)
_WANTED = {
    "briefing": "people should be told first",
    "accept": "people should press a key",
    "accept_within": "people should press a key",
    "introduction": "both should hear a sentence",
}


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
    """Seconds until a step's whole list has been rung: ring, accept and 6 s each; legs rung at once count once."""
    seconds, legs = 0.0, 0
    for department, people in walk(flow, step, own, enough=flow.most_phones_rung).stages:
        phones = min(sum(len(flow.people[p].phones) for p in people), flow.most_phones_rung - legs)
        legs += phones
        transfer = flow.departments[department].transfer
        turns = min(phones, 1) if flow.departments[department].ring is Ring.ALL_AT_ONCE else phones
        seconds += turns * _one_phone(transfer)
    return seconds


def _one_phone(transfer: Transfer) -> float:
    """Seconds one phone may take; a cold dial has no key to press, and a REFER rings nobody of ours."""
    if transfer.method is Method.REFER:
        return 0.0
    return transfer.ring_for + CONNECTING + (transfer.accept_within if transfer.method is Method.CONFERENCE else 0.0)
