"""Checks that need the finished flow: what a transfer can do, and whether waiting lasts as long as ringing."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Accept, Department, Flow, Method, Path, Ring, Step, ToDepartment, Transfer
from flowengine.flow.routing import walk

CONNECTING = 6.0  # seconds a phone needs before it rings, and a person to put it down (language.md section 5)
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
            yield doc.diagnose(
                path,
                "refer-needs-sip",
                "method: refer works only when calls arrive by sip",
                "use conference, or set  calls_arrive_by: sip  in office",
            )
        for member in department.people:
            person = flow.people[member.person]
            if not any(phone.startswith(("sip:", "sips:")) for phone in person.phones):
                said = f"{department.key} passes calls on with refer, but {person.name} has no sip address"
                yield doc.diagnose(path, "refer-needs-sip", said, f"add  sip:  to {person.name}, or use another method")


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


def wait_covers_ringing(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """`longest_wait` lasts until the last phone of the list has rung out."""
    told: set[Path] = set()
    for department in flow.departments.values():
        needs = ringing_takes(flow, ToDepartment(department.key))
        waits = department.transfer.longest_wait
        path = _wait_place(doc, department.key)
        if needs > waits and path not in told:
            told.add(path)
            said = (
                f"ringing everybody for {department.key} takes {needs:.0f} s, but the caller waits only {waits:.0f} s"
            )
            yield doc.diagnose(
                path,
                "wait-too-short",
                said,
                f"longest_wait: {needs:.0f}s, or ring fewer people or for a shorter time",
                severity="warning",
            )


def _wait_place(doc: Document, department: str) -> Path:
    """Where `longest_wait` is said; the department itself when nobody says it."""
    places: tuple[Path, ...] = (("departments", department, "longest_wait"), ("hold", "longest_wait"))
    return next((path for path in places if doc.get(*path) is not None), ("departments", department))


def ringing_takes(flow: Flow, step: Step) -> float:
    """Seconds until a step's whole list has been rung: ring, accept and 6 s each; legs rung at once count once."""
    seconds, legs = 0.0, 0
    for department, people in walk(flow, step, enough=flow.most_phones_rung).stages:
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
