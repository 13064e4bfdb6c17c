"""How findings print."""

from __future__ import annotations

from flowengine.flow.diagnostics import Diagnostic, Mark, in_order, mark, render_concise, render_full

LATER = Diagnostic(
    "error", "unknown-department", "no department 'x'", "a.yaml", 2, 5, 2, 6, "did you mean 'y'?", "to: x"
)
EARLIER = Diagnostic("warning", "untested", "this has no effect yet: z", "a.yaml", 1, 1, 1, 4)


def test_in_order_each_once() -> None:
    assert in_order([LATER, EARLIER, LATER]) == [EARLIER, LATER]


def test_concise() -> None:
    assert render_concise(LATER) == "a.yaml:2:5: no department 'x' [unknown-department]"
    assert render_concise(EARLIER) == "a.yaml:1:1: warning: this has no effect yet: z [untested]"


def test_full() -> None:
    assert render_full(LATER).splitlines() == [
        "a.yaml:2:5: no department 'x' [unknown-department]",
        "    2 | to: x",
        "      |     ^",
        "  help: did you mean 'y'?",
    ]
    assert render_full(EARLIER, ["abc: d"]).splitlines()[1:] == ["    1 | abc: d", "      | ^^^"]
    assert render_full(EARLIER) == render_concise(EARLIER)


def test_long_lines_are_shown_around_the_place() -> None:
    line = "x" * 300 + "HERE" + "y" * 300
    shown = render_full(Diagnostic("error", "c", "m", "a.yaml", 1, 301, 1, 305, "", line)).splitlines()
    assert len(shown[1]) < 180
    assert shown[1][shown[2].index("^") :].startswith("HERE")
    assert shown[2].count("^") == 4


def test_what_runs_over_lines_is_marked_to_the_end_of_its_first() -> None:
    assert (
        render_full(Diagnostic("error", "c", "m", "a.yaml", 1, 4, 3, 2, "", "a: bcd")).splitlines()[2]
        == "      |    ^^^"
    )


def test_the_place_of_a_finding() -> None:
    assert mark(LATER) == Mark(2, 5, 2, 6)
