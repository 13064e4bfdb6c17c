"""What can be mended in one way only is mended, and nothing else in the file changes."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic, Mark
from flowengine.flow.fixes import Mended, applied, mend
from tests.flow.office import HERE, load, text


def mended(source: str) -> Mended:
    return mend(source, "small.yaml", lambda new: check_flow(new, "small.yaml", load=load)[1])


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("to: front_dest", "to: front_desk"),
        ("to: front_desk\n    evergency: true", "to: front_desk\n    emergency: true"),
        ("to: front_desk\n    say: Welcome to us: one moment", 'to: front_desk\n    say: "Welcome to us: one moment"'),
    ],
)
def test_a_slip_is_mended_where_only_one_thing_can_be_meant(wrong: str, right: str) -> None:
    result = mended(text(("to: front_desk", wrong)))
    assert right in result.text
    assert result.mended


def test_comments_blank_lines_and_line_ends_stay() -> None:
    source = text(("to: front_desk", "to: front_dest   # who else?\n\n# the end")).replace("\n", "\r\n")
    result = mended(source)
    assert result.text == source.replace("front_dest", "front_desk")


def test_a_byte_order_mark_stays_and_does_not_count() -> None:
    source = "\ufeff" + text(("flow: small", "flwo: small"))
    assert mended(source).text == source.replace("flwo", "flow")


def test_a_piece_over_several_lines_keeps_the_line_ends_of_the_file() -> None:
    tabs = text(("    people: [dana, luis]", "\tpeople: [dana, luis]\n\tring_for: 20s")).replace("\n", "\r\n")
    assert mended(tabs).text == tabs.replace("\t", "    ")


def test_a_name_that_is_wrong_in_many_places_is_mended_in_all() -> None:
    more = "".join(f"  - rule: r{i}\n    caller_says: [word{i}]\n    to: front_dest\n" for i in range(60))
    result = mended(text(add="  - rule: zero\n    key_pressed: zero\n    to: front_desk\n" + more))
    assert "front_dest" not in result.text
    assert [d.code for d in result.mended] == ["unknown-department"]


def test_what_a_mended_piece_brings_to_light_is_mended_too() -> None:
    hidden = text(("  name: Ava", "\tname: Ava"), ("to: front_desk", "to: front_dest"))
    assert mended(hidden).text == text()


def test_mending_twice_changes_nothing_more() -> None:
    once = mended(text(("to: front_desk", "to: front_dest")))
    again = mended(once.text)
    assert (again.text, again.mended) == (once.text, ())


def test_what_can_mean_two_things_is_left_alone() -> None:
    source = text(("to: front_desk", "to: somewhere"))
    result = mended(source)
    assert (result.text, result.mended) == (source, ())
    assert "unknown-department" in {d.code for d in result.left}


def test_a_mend_that_would_make_things_worse_is_not_done() -> None:
    bad = Diagnostic("error", "one", "x", "f", 1, 1, 1, 4, fix="def")
    worse = [bad, Diagnostic("error", "two", "y", "f", 1, 1, 1, 4)]
    result = mend("abc", "f", lambda new: [bad] if new == "abc" else worse)
    assert (result.text, result.left) == ("abc", (bad,))


def test_one_bad_mend_does_not_keep_the_others_from_being_done() -> None:
    good = Diagnostic("error", "good", "x", "f", 1, 5, 1, 8, fix="GOOD")
    harmful = Diagnostic("error", "harmful", "x", "f", 1, 1, 1, 4, fix="BAD")
    more = [Diagnostic("error", f"e{i}", "x", "f", 1, 1, 1, 2) for i in range(5)]

    def check(new: str) -> list[Diagnostic]:
        if "BAD" in new:
            return more
        return [harmful] if "GOOD" in new else [harmful, good]

    result = mend("abc def", "f", check)
    assert (result.text, result.mended, result.left) == ("abc GOOD", (good,), (harmful,))


def test_of_two_mends_that_touch_the_first_is_done_and_then_the_other() -> None:
    first = Diagnostic("error", "a", "", "f", 1, 1, 1, 4, fix="x")
    touching = Diagnostic("error", "b", "", "f", 1, 3, 1, 6, fix="y", also=(Mark(1, 9, 1, 10),))

    def check(new: str) -> list[Diagnostic]:
        return [first, touching] if new == "abcdef  g" else []

    assert mend("abcdef  g", "f", check).text == "xdef  g"


def test_two_mends_that_undo_each_other_come_to_an_end() -> None:
    there = Diagnostic("error", "a", "", "f", 1, 1, 1, 2, fix="b")
    back = Diagnostic("error", "b", "", "f", 1, 1, 1, 2, fix="a")
    assert mend("a", "f", lambda new: [there] if new == "a" else [back]).text == "b"


@pytest.mark.parametrize("file", sorted((HERE / "bad").glob("*.yaml")), ids=lambda p: str(p.stem))
def test_whatever_is_mended_is_mended_once_and_for_all(file: Path) -> None:
    source = file.read_bytes().decode("utf-8", "surrogateescape")

    def check(new: str) -> list[Diagnostic]:
        return check_flow(new, file.name, today=date(2026, 11, 10), load=load)[1]

    before, result = check(source), mend(source, file.name, check)
    assert sum(d.severity == "error" for d in result.left) <= sum(d.severity == "error" for d in before)
    assert bool(result.mended) == any(d.fix is not None and d.file == file.name for d in before)
    assert mend(result.text, file.name, check).text == result.text
    assert re.findall(r"#.*|^\s*$", result.text, re.MULTILINE) == re.findall(r"#.*|^\s*$", source, re.MULTILINE)


def test_pieces_are_replaced_from_the_end_so_that_places_stay_true() -> None:
    fixes = [
        Diagnostic("error", "a", "", "f", 1, 1, 1, 2, fix="long"),
        Diagnostic("error", "b", "", "f", 1, 3, 1, 4, fix=""),
        Diagnostic("error", "c", "", "f", 2, 1, 2, 1, fix="+"),
    ]
    assert applied("a b\nc\n", fixes) == "long \n+c\n"
