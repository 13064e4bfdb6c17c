"""Checks of a flow's own tests: they call numbers the office has and expect what the flow can do."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from flowengine.flow import read
from flowengine.flow.check_places import unknown
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Flow, Rule, ToDepartment
from flowengine.flow.routing import walk

_DIALLED = (("tests", "*", "dialled"), ("when_to_transfer", "*", "only_if", "dialled"))


def known_number(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """What was dialled is a number of the office, or the name of one."""
    numbers = doc.get("office", "phone_numbers")
    if numbers is None:
        return  # that is said already
    names = list(numbers) if isinstance(numbers, dict) else []
    found = numbers.values() if isinstance(numbers, dict) else numbers if isinstance(numbers, list) else [numbers]
    known = [number for number in found if number is not None]
    region = next((read.region_of(number) for number in known), None)
    for place in _DIALLED if len(known) == len(list(found)) else ():
        for path, value in doc.each(*place):
            if value not in names and _as_number(str(value), region) not in known:
                yield unknown(doc, path, "number", str(value), [*names, *known])


def _as_number(text: str, region: str | None) -> str:
    try:
        return read.phone(text, region)
    except read.Unreadable:
        return text


def possible_tests(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A test does not expect a department its rule never rings first, or a method its department does not use."""
    rules = {rule.key: rule for rule in flow.rules}
    led_to: dict[str, Collection[str]] = {}
    for i, test in enumerate(flow.tests):
        expect = test.expect
        rule = rules.get(expect.rule or "")
        if rule is not None and expect.department is not None:
            led = led_to.get(rule.key) or led_to.setdefault(rule.key, _may_ring(flow, rule))
            if expect.department not in led:
                said = (
                    f"the rule {rule.key!r} never rings {expect.department}; it leads to {', '.join(led) or 'nobody'}"
                )
                help = "correct the rule or the department the test expects"
                yield doc.diagnose(("tests", i, "expect", "department"), "impossible-test", said, help)
        department = flow.departments.get(expect.department or "")
        if department is not None and expect.method not in (None, department.transfer.method):
            said = f"{department.key} uses method {department.transfer.method}, not {expect.method}"
            help = f"method: {department.transfer.method}"
            yield doc.diagnose(("tests", i, "expect", "method"), "impossible-test", said, help)


def _may_ring(flow: Flow, rule: Rule) -> Collection[str]:
    """Every department a rule may come to, at whatever hour."""
    walks = [walk(flow, rule.to, rule.if_no_one_answers)]
    if isinstance(rule.to_when_closed, ToDepartment):
        walks.append(walk(flow, rule.to_when_closed))
    return dict.fromkeys(department for way in walks for department, _ in way.stages)
