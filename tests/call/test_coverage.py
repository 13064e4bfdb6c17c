"""Coverage: a rule, a department or a fallback counts as reached only when a call really went there."""

from __future__ import annotations

from flowengine.call.coverage import parts, reached
from flowengine.call.rehearsal import rehearse
from flowengine.flow.model import Flow
from tests.flow.office import small

FALLBACKS = """\
    people: [dana]
    if_no_one_answers: [nurses, take_message]
  nurses:
    people: [luis]
    if_no_one_answers: callback
"""


def office(*tests: str) -> Flow:
    listed = "".join(f"  - {test}\n" for test in tests)
    return small(
        ("    people: [dana, luis]\n", FALLBACKS),
        ("    to: front_desk\n", "    to: front_desk\n    to_when_closed: callback\n"),
        add=f"tests:\n{listed}",
    )


def names(flow: Flow) -> set[str]:
    return {part.name for part in reached(flow, [rehearse(flow, test) for test in flow.tests])}


PERSON = "caller: Can I talk to a person?, expect: {rule: asked_for_a_person}"


def test_everything_there_is_to_reach_is_named_with_its_place() -> None:
    flow = office(f"{{name: it, at: Tue 10am, {PERSON}}}")
    assert [(part.kind, part.name) for part in parts(flow)] == [
        ("department", "front_desk"),
        ("fallback", "front_desk, nobody answers: nurses"),
        ("fallback", "front_desk, nobody answers: take_message"),
        ("department", "nurses"),
        ("fallback", "nurses, nobody answers: callback"),
        ("rule", "asked_for_a_person"),
        ("fallback", "asked_for_a_person, closed: callback"),
    ]
    assert all(part.path in flow.origins or part.path[:-1] in flow.origins for part in parts(flow))


def test_a_call_that_is_taken_reaches_the_rule_and_the_department_only() -> None:
    assert names(office(f"{{name: it, at: Tue 10am, {PERSON}}}")) == {"front_desk", "asked_for_a_person"}


def test_a_list_that_is_walked_to_its_end_is_reached_and_the_inner_list_is_not() -> None:
    flow = office(f"{{name: it, at: Tue 10am, {PERSON}, staff: {{Dana: busy, Luis: busy}}}}")
    assert names(flow) == {
        "front_desk",
        "nurses",
        "asked_for_a_person",
        "front_desk, nobody answers: nurses",
        "front_desk, nobody answers: take_message",
    }


def test_a_closed_office_reaches_what_follows_when_closed() -> None:
    flow = office(f"{{name: it, at: Sun 10am, {PERSON}}}")
    assert names(flow) == {"asked_for_a_person", "asked_for_a_person, closed: callback"}
