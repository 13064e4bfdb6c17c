"""A name that everything else spells differently is wrong where it is defined."""

from __future__ import annotations

from tests.flow.office import findings, text

SECOND_USE = ("    to: front_desk", "    to: front_desk\n  - rule: zero\n    key_pressed: zero\n    to: front_desk")


def told(*changes: tuple[str, str], add: str = "") -> list[tuple[str, str, str | None]]:
    found = findings(text(*changes, add=add))
    return [(d.code, d.excerpt.strip(), d.fix) for d in found if d.severity == "error"]


def test_a_misspelt_department_is_told_where_it_is_defined() -> None:
    assert told(SECOND_USE, ("  front_desk:", "  frontdesk:")) == [("unknown-department", "frontdesk:", "front_desk")]
    (error,) = [d for d in findings(text(SECOND_USE, ("  front_desk:", "  frontdesk:"))) if d.severity == "error"]
    assert error.message == "this is 'frontdesk', but everything else says 'front_desk': lines 20, 23"
    assert error.help == "did you mean 'front_desk'?"


def test_a_misspelt_person_too() -> None:
    second = ("departments:", "departments:\n  back:\n    people: [dana]")
    assert told(second, ("  dana:", "  dan:")) == [
        ("unknown-person", "dan: {name: Dana, phone: +1 312-555-0111}", "dana")
    ]


def test_one_use_against_one_definition_is_told_at_the_use() -> None:
    assert told(("  front_desk:", "  frontdesk:")) == [("unknown-department", "to: front_desk", "frontdesk")]


def test_a_definition_that_is_used_is_right() -> None:
    uses = "    to: front_desk\n  - rule: zero\n    key_pressed: zero\n    to: front_desk\n"
    own = "  - rule: one\n    key_pressed: one\n    to: frontdesk\n"
    wrong = text(("    to: front_desk\n", uses + own), ("  front_desk:", "  frontdesk:"))
    (error,) = [d for d in findings(wrong) if d.code == "unknown-department"]
    assert (error.excerpt.strip(), error.fix) == ("to: front_desk", "frontdesk")
    assert error.help == "did you mean 'frontdesk'?; also on line 23"


def test_a_name_in_a_shared_file_is_told_at_its_uses() -> None:
    source = text(
        ("flow: small", "flow: small\nshared: shared_office.yaml"),
        SECOND_USE,
        ("    to: front_desk\n  - rule: zero", "    to: on_cal\n  - rule: zero"),
        ("key_pressed: zero\n    to: front_desk", "key_pressed: zero\n    to: on_cal"),
    )
    assert [d.excerpt.strip() for d in findings(source) if d.code == "unknown-department"] == ["to: on_cal"]
