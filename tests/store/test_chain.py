"""The chain alone: whatever is done to a trail that had an end, it shows at the right line."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flowengine.runtime.rows import Verdict
from flowengine.store.chain import (
    Head,
    Line,
    Stone,
    beginning,
    check,
    check_journal,
    digest_of_rest,
    extend,
    journal_of,
)

BODIES = st.lists(st.tuples(st.sampled_from(["CallerSaid", "Commands"]), st.text(max_size=20)), min_size=2, max_size=12)


def chain(bodies: list[tuple[str, str]], call_id: str = "c1") -> tuple[list[Line], Head]:
    lines = list(extend(beginning(journal_of(call_id)), bodies))
    return lines, Head(lines[-1].sequence, lines[-1].hash)


def verdict(lines: list[Line], end: Head | None) -> Verdict:
    return check(journal_of("c1"), lines, [end] if end else [])


@given(BODIES)
def test_an_untouched_chain_is_whole_wherever_it_is_told_to_end(bodies: list[tuple[str, str]]) -> None:
    lines, end = chain(bodies)
    assert verdict(lines, end) == verdict(lines, None) == Verdict(len(lines))
    assert verdict(lines, Head(1, lines[0].hash)) == Verdict(len(lines))  # the rest came late


@given(BODIES, st.data())
def test_any_alteration_shows_at_its_line(bodies: list[tuple[str, str]], data: st.DataObject) -> None:
    lines, end = chain(bodies)
    at = data.draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    changed = data.draw(
        st.sampled_from(
            [
                replace(line, body=f"{line.body}x"),
                replace(line, kind=f"{line.kind}x"),
                replace(line, salt="00" * 16),
                replace(line, digest="0" * 64),
                replace(line, hash="0" * 64),
                replace(line, body=None, salt=None, digest="0" * 64),
            ]
        )
    )
    assert verdict([*lines[:at], changed, *lines[at + 1 :]], end).broken == line.sequence


@given(BODIES, st.data())
def test_a_line_taken_out_shows_where_it_was(bodies: list[tuple[str, str]], data: st.DataObject) -> None:
    lines, end = chain(bodies)
    at = data.draw(st.integers(0, len(lines) - 1))
    assert verdict([*lines[:at], *lines[at + 1 :]], end).broken == at + 1


@given(BODIES)
def test_a_chain_written_anew_does_not_end_where_the_first_did(bodies: list[tuple[str, str]]) -> None:
    """Salts are drawn anew: whoever writes a chain again must alter its end too."""
    lines, _ = chain(bodies)
    _, end = chain(bodies)
    found = verdict(lines, end)
    assert found.broken == len(lines)
    assert "not the one the trail ended with" in found.why


@given(BODIES)
def test_a_chain_fits_its_own_call_only(bodies: list[tuple[str, str]]) -> None:
    lines, end = chain(bodies, "c2")
    assert verdict(lines, end).broken == 1


@given(BODIES)
def test_emptied_lines_fit_and_need_a_tombstone(bodies: list[tuple[str, str]]) -> None:
    lines, end = chain(bodies)
    emptied = [replace(line, body=None, salt=None, rest="{}") for line in lines]
    stone = Stone("2026", digest_of_rest((line.sequence, line.kind, line.rest) for line in emptied))
    assert check_journal("c1", emptied, [end], stone) == Verdict(len(lines), 0, len(lines))
    assert check_journal("c1", emptied, [end], None).broken == 1
    assert check_journal("c1", [*lines[:-1], emptied[-1]], [end], stone).broken == len(lines)


def test_a_line_that_stands_twice() -> None:
    """A database cannot hold it; a file can."""
    lines, end = chain([("CallerSaid", "a"), ("CallerSaid", "b")])
    found = verdict([lines[0], lines[0], lines[1]], end)
    assert (found.broken, found.why) == (1, "line 1 stands where line 2 should")
