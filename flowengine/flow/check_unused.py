"""Checks of what lies idle: departments and people nobody reaches, rules no test speaks of, a voice nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from flowengine.flow.check_places import mended
from flowengine.flow.data_lists import entries
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.likeness import nearest
from flowengine.flow.model import Flow, Path, Step, ToDepartment


def known_voice(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The receptionist's voice is one the service has; its catalogue changes, so this is a warning."""
    voices = " ".join(entries("voices")).split()
    for path, name in doc.each("receptionist", "voice"):
        if name not in voices:
            near = nearest(name, voices)
            said = f"no voice {name[:60]!r} is known; there are {', '.join(voices)}"
            help = f"did you mean {near!r}?" if near else ""
            fix = mended(doc, path, name, voices)
            yield doc.diagnose(path, "unknown-voice", said, help, severity="warning", fix=fix)


def unused(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """Departments no rule, list or name leads to; people no department lists. What a shared file adds is not asked."""
    reached = _reached(flow)
    for key in flow.departments:
        if key not in reached and _ours(doc, ("departments", key)):
            said = f"nothing leads to {key}: no rule, no list, and no caller who asks for somebody by name"
            help = "name it in a rule's  to:  or in  if_no_one_answers, or delete it"
            yield doc.diagnose(("departments", key), "unused-department", said, help, key=True, severity="warning")
    listed = {member.person for department in flow.departments.values() for member in department.people}
    listed |= {away.replaced_by for person in flow.people.values() for away in person.away if away.replaced_by}
    for key, person in flow.people.items():
        if key not in listed and _ours(doc, ("people", key)):
            asked = ", not even for callers who ask for them by name" if person.callers_may_ask_for else ""
            said = f"{person.name} is in no department, so that phone never rings{asked}"
            help = "add the key to the people of a department, or delete the line"
            yield doc.diagnose(("people", key), "unused-person", said, help, key=True, severity="info")


def _ours(doc: Document, path: Path) -> bool:
    """Whether something stands in the flow file itself."""
    return doc.extent(path, key=True).file == doc.file


def _reached(flow: Flow) -> Collection[str]:
    """Departments a call or the work of a tool can come to."""
    steps: list[Step | None] = [step for rule in flow.rules for step in (rule.to, rule.to_when_closed)]
    steps += [step for rule in flow.rules for step in rule.if_no_one_answers or ()]
    todo = [step.department for step in steps if isinstance(step, ToDepartment)]
    todo += [tool.sends_to for tool in flow.tools if tool.sends_to]
    todo += _asked_for(flow)
    reached: dict[str, None] = {}
    while todo:
        key = todo.pop()
        if key not in reached:
            reached[key] = None
            department = flow.departments[key]
            further = (*department.if_no_one_answers, department.transfer.if_card_not_confirmed)
            todo += [step.department for step in further if isinstance(step, ToDepartment)]
    return reached


def _asked_for(flow: Flow) -> list[str]:
    """The first department of everybody who can be asked for by name."""
    first: dict[str, str] = {}
    for department in flow.departments.values():
        for member in department.people:
            first.setdefault(member.person, department.key)
    return [key for person, key in first.items() if flow.people[person].callers_may_ask_for]


# ---- tests ---------------------------------------------------------------------------------------------------------


def untested(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """Each rule and each department is expected by a test; a file without tests is told once."""
    if not flow.tests:
        said = "this flow has no tests, so nothing tells when an edit changes what callers get"
        help = "add  tests:  with one for each rule; `flowengine test` plays them"
        yield doc.diagnose(("flow",), "untested", said, help, key=True, severity="info")
        return
    rules = {test.expect.rule for test in flow.tests}
    for i, rule in enumerate(flow.rules):
        if rule.key not in rules:
            said = f"no test expects the rule {rule.key!r}"
            yield doc.diagnose(("when_to_transfer", i, "rule"), "untested", said, _add(rule.key), severity="info")
    seen = _departments_tested(flow)
    for key in flow.departments:
        if key not in seen and _ours(doc, ("departments", key)):
            said = f"no test expects the department {key!r}"
            help = f"add a test with  expect: {{department: {key}}}"
            yield doc.diagnose(("departments", key), "untested", said, help, key=True, severity="info")


def _add(rule: str) -> str:
    return f"add a test with  expect: {{rule: {rule}}}"


def _departments_tested(flow: Flow) -> Collection[str]:
    """Departments a test names, or of which it names somebody as rung or connected."""
    named = {test.expect.department for test in flow.tests if test.expect.department}
    people = {name for test in flow.tests for name in (*(test.expect.tried or ()), test.expect.connected_to) if name}
    for department in flow.departments.values():
        if people.intersection(flow.people[member.person].name for member in department.people):
            named.add(department.key)
    return named
