"""What can be mended in one way only is mended, and nothing else in the file changes."""

from __future__ import annotations

import pytest

from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.fixes import Mended, applied, mend
from tests.flow.office import load, text


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


def test_pieces_are_replaced_from_the_end_so_that_places_stay_true() -> None:
    fixes = [
        Diagnostic("error", "a", "", "f", 1, 1, 1, 2, fix="long"),
        Diagnostic("error", "b", "", "f", 1, 3, 1, 4, fix=""),
        Diagnostic("error", "c", "", "f", 2, 1, 2, 1, fix="+"),
    ]
    assert applied("a b\nc\n", fixes) == "long \n+c\n"
