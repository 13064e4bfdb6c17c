"""Checks of words that say something no way of handing over here can do; the facts are those of `abilities`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowengine.flow.abilities import Limit, Line, Way, limits, line_of, way_of
from flowengine.flow.check_places import spoken
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Department, Flow, Path, Person

_WORDS = (
    *("briefing", "accept", "accept_within", "introduction", "after_staff_hang_up", "voicemail_answers"),
    "caller_id_shown",
)


def words_in_vain(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A word does something for at least one of the departments it is meant for."""
    for word in _WORDS:
        for place, departments in _meant_for(flow, doc, word):
            if (value := doc.get(*place, word)) is None:
                continue
            found = [_in_vain(flow, department, word, str(value)) for department in departments]
            if found and all(found):
                yield _said(doc, (*place, word), found[0])


def _meant_for(flow: Flow, doc: Document, word: str) -> Iterator[tuple[Path, list[Department]]]:
    """Where a word may stand, and the departments for which it counts there."""
    every = list(flow.departments.values())
    yield from ((("departments", d.key), [d]) for d in every)
    yield ("transfer",), [d for d in every if doc.get("departments", d.key, word) is None]


def _in_vain(flow: Flow, department: Department, word: str, value: str) -> Limit | None:
    """Why a word does nothing for a department; None where it does for somebody there."""
    people = (flow.people[member.person] for member in department.people)
    ways = dict.fromkeys(way for person in people for way in _ways(flow, department, person))
    found = [next(limits(way, word, value), None) for way in ways]
    return found[0] if found and all(found) else None


def _ways(flow: Flow, department: Department, person: Person) -> Iterator[Way]:
    """How a department hands over to each phone of a person, whatever is dialled behind it."""
    for phone in person.phones:
        yield way_of(department.transfer, line_of(phone), Line(flow.office.calls_arrive_by))


def _said(doc: Document, path: Path, limit: Limit | None) -> Diagnostic:
    assert limit is not None
    said = f"{limit.word} does nothing here: {limit.why}"
    return doc.diagnose(path, limit.code, said, limit.instead, key=True, severity="warning")


def extensions(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """An extension is dialled somewhere, and hides no machine from a department that has to notice one."""
    listed_in: dict[str, list[Department]] = {}
    for department in flow.departments.values():
        for member in department.people:
            listed_in.setdefault(member.person, []).append(department)
    for person in flow.people.values():
        path: Path = ("people", person.key, "extension")
        theirs = listed_in.get(person.key, [])
        if not person.extension or not theirs:
            continue
        found = [next(limits(way, "extension"), None) for d in theirs for way in _ways(flow, d, person)]
        if all(found):
            yield _said(doc, path, found[0])
            continue
        hidden = {limit: None for d in theirs for limit in _hidden(d, person)}
        for limit in hidden:
            yield doc.diagnose(path, limit.code, limit.why, limit.instead, severity="warning")


def _hidden(department: Department, person: Person) -> Iterator[Limit]:
    """What this department asks for that needs a machine to be noticed."""
    transfer = department.transfer
    for phone in person.phones:
        way = way_of(transfer, line_of(phone), extension=person.extension)
        wishes = (("voicemail_answers", transfer.voicemail_answers), ("accept", transfer.accept))
        found = (limit for word, value in wishes for limit in limits(way, word, value) if "extension" in limit.when)
        yield from found if way.line is Line.PHONE else ()


# ---- a caller who waits alone ----------------------------------------------------------------------------------------

_KEYS = re.compile(
    r"\bpress(ing)?\s+(\d|zero|one|two|three|four|five|six|seven|eight|nine|star|pound|hash|any|a key|the)\b"
    r"|\bkey(s|pad)?\b"
    r"|\b(pulse|oprima|marque|tecla|appuyez|touche|taste|drücken|prema|tasto|pressione)\b",
    re.IGNORECASE,
)


def keys_unheard(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A caller who waits without the receptionist is heard, but has no keys: in a room the carrier passes none on."""
    if flow.hold.receptionist_stays:
        return
    for path, text in spoken(doc, (("hold", "update_says"), ("hold", "says", "*"))):
        if asked := _KEYS.search(text):
            said = f"nothing comes of {asked[0]!r}: callers wait without the receptionist here, and keys are not heard"
            help = "have them say it (message, never mind), or let the receptionist stay:  receptionist_stays: true"
            yield doc.diagnose(path, "keys-unheard", said, help, severity="warning")
