"""An office's own patterns: those that could hold up every call are refused, those an office needs are taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.flow import patterns as p
from flowengine.flow.document import Document
from flowengine.flow.patterns import BadPattern, endless, read, steps
from tests.flow.office import SMALL, findings
from tests.naughty import NAUGHTY

# The shapes that are known for taking for ever, and what makes each do so.
SLOW = (
    r"(a+)+$", r"(a*)*b", r"([a-zA-Z]+)*x", r"(a|aa)+$", r"(a|a?)+$", r"(.*a){11}b", r"(.*)*x", r"^(\d+)+$",
    r"(\w+\s?)*$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(?:[0-9]+-?)+x", r"(\d+\.?)*\d+x", r"\s+$", r"^\s*|\s*$",
    r".*.*.*=.*", r"x*x*x*x*x*y", r"(x+x+)+y", r"(a?){40}a{40}", r"(?:a|b|ab)*c", r"(?:(?:a{1,9}){1,9}){1,9}b",
    r"([^-]*-)*[^-]*x", r"(\w|\d){20}!", r"\d*\d*\d*x", r"(a{0,50}){0,50}b", r"[a-z]+[a-z]+[a-z]+[0-9]",
    r"(?:a|a){30}b", r"<!--.*-->.*x", r"(\S+@\S+)+\.com", r"(?:.|\s)*end", r"a{0,99}a{0,99}a{0,99}b",
    r"(?:\d{1,3},?){1,9}x", r"\d{200}(?:\d|\d){9}x", r"(ab|a)(ab|a)(ab|a)(ab|a)(ab|a)(ab|a)(ab|a)(ab|a)(ab|a)(ab|a)c",
)  # fmt: skip
STRANGE = (
    r"(a)\1", r"(?P<n>a)(?P=n)", r"(?=a)a", r"(?<!a)b", r"(?i)a", r"(?#x)a", r"a++", r"a**", r"(a", r"a)", r"[a",
    r"[]", r"*a", r"a{3,1}", r"a{999}", r"\p{L}", r"\Ax\Z", r"\x41", r"[[a]", r"[a--b]", r"[z-a]", r"a|*", "\\",
    "a" * 201, r"{2}", r"(?>a)", r"\b+", r"^*",
)  # fmt: skip
WIDE = (r".", r".+", r"\w+", r"[a-z ]{1,99}", r"[^0-9]", r"a?", r"", r"^", r"\b", r"(?:x|)", r"\d{0,3}", r"\S{2,}")
CLEAR = (  # what follows a repetition cannot be part of it, however it is written
    r"[a-z]{1,90}(?:-|\d)\d{2}x{1,60}-", r"[a-z]{1,90}(?:-[0-9]){2}x{1,60}-", r"[a-z]{1,90}(?:\b-)x{1,60}-",
    r"[a-z]{1,90}(?:(?:-?\d?)=)x{1,60}-",
)  # fmt: skip
PHONES = (r"\d+", r"[0-9]{9}", r"[0-9]{3,10}", r"\d{3}[-. ]?\d{4}", r"\+?\d{10,11}", r"\d")
GOOD = (
    r"[A-Z]{2}[0-9]{6}", r"MRN-\d+", r"\bMRN[- ]?\d{6,8}\b", r"(?:claim|policy) [0-9]{4,9}", r"\b[0-9]{9}\b",
    r"(?:\d{4}[- ]){3}\d{4}", r"case (?:number )?[A-Z][0-9]{5}", r"[\w.]{1,30}@[\w.]{1,30}\.[a-z]{2,4}", r"PIN \d{4}",
    r"[A-Z]{3}\.[0-9]{2}\.[0-9]{2}", r"\$\d{1,6}", r"Aktenzeichen \w{1,12}",
    r"[A-Z]+-[0-9]+-[0-9]{1,4}x?".replace("+", "{1,8}"), "N\u00ba \\d+", r"\[secret\]", r"(?:ab){2,4}-\d+",
)  # fmt: skip


def code(pattern: str) -> str:
    quoted = pattern.replace("'", "''")
    found = findings(f"{SMALL}privacy:\n  redact: [{{pattern: '{quoted}'}}]\n")
    return next((d.code for d in found if d.code.endswith(("pattern", "phones"))), "")


@pytest.mark.parametrize("pattern", SLOW)
def test_what_can_take_for_ever_is_refused(pattern: str) -> None:
    assert code(pattern) == "slow-pattern"


@pytest.mark.parametrize("pattern", STRANGE)
def test_what_is_more_than_an_office_needs_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        read(pattern)


@pytest.mark.parametrize("pattern", WIDE)
def test_what_blacks_out_everything_is_refused(pattern: str) -> None:
    assert code(pattern) in ("wide-pattern", "slow-pattern") or pattern == ""


@pytest.mark.parametrize("pattern", PHONES)
def test_a_pattern_that_takes_telephone_numbers_is_warned_about(pattern: str) -> None:
    assert code(pattern) == "pattern-takes-phones"


@pytest.mark.parametrize("pattern", GOOD)
def test_what_an_office_needs_is_taken(pattern: str) -> None:
    assert code(pattern) == ""


@pytest.mark.parametrize("pattern", CLEAR)
def test_what_can_fit_in_one_way_only_is_taken(pattern: str) -> None:
    assert code(pattern) == ""


def test_what_follows_may_be_part_of_it() -> None:
    assert code(r"[a-z]{1,90}(?:|-)[a-z]{1,60}-") == "slow-pattern"


def test_a_pattern_that_cannot_be_read_is_told_as_that() -> None:
    assert code("MRN-([0-9]{6}") == "bad-pattern"


def test_one_pattern_alone_is_looked_at_too() -> None:
    assert [d.code for d in findings(f"{SMALL}privacy: {{redact: {{pattern: '(a+)+b'}}}}\n")].count("slow-pattern") == 1


def test_whatever_stands_there_is_answered() -> None:
    for text in NAUGHTY:
        try:
            node = read(text)
        except BadPattern:
            continue
        endless(node), steps(node)


# ---- the judgement against an engine that counts ------------------------------------------------------------------

# A pattern in pieces, so that many are sound and many are not.
atoms = st.sampled_from(["a", "b", "-", "[ab]", "[a-c]", r"\w", ".", r"\b"])
counts = st.sampled_from(["", "", "", "?", "{2}", "{1,3}", "{0,4}", "*", "+", "{2,}"])
pieces = st.recursive(
    st.tuples(atoms, counts).map("".join),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(st.lists(inner, min_size=1, max_size=3).map("|".join), counts).map(
            lambda made: f"(?:{made[0]}){made[1]}"
        ),
    ),
    max_leaves=6,
)
texts = st.one_of(
    st.text("ab", max_size=40), st.sampled_from(["a" * 40, "ab" * 20, "a-" * 20, "b" * 39 + "-", "abc" * 13])
)


@given(pieces, texts)
def test_a_pattern_that_is_taken_costs_no_more_than_it_was_judged(pattern: str, text: str) -> None:
    try:
        node = read(pattern)
    except BadPattern:
        return
    if endless(node) or steps(node) > p.MOST_STEPS:
        return
    at, counted = 0, Count()
    while at <= len(text):  # as `finditer` goes: on from the end of what was found
        began = counted.steps
        end = next(fits(node, text, at, counted, lambda at: iter([at])), None)
        ended = at + 1 if end is None or end == at else end
        allowed = (steps(node) + (ended - at)) * size(node) * 4
        assert counted.steps - began <= allowed, (pattern, text, at)
        at = ended


@given(pieces, texts)
def test_the_pattern_is_understood_as_pythons_engine_understands_it(pattern: str, text: str) -> None:
    try:
        node = read(pattern)
    except BadPattern:
        return
    if endless(node) or steps(node) > p.MOST_STEPS:
        return
    found = re.compile(pattern).match(text)
    assert next(fits(node, text, 0, Count(), lambda at: iter([at])), None) == (found.end() if found else None)


class Count:
    """How many times a node was tried."""

    steps = 0


def size(node: p.Node) -> int:
    match node:
        case p.Sequel(parts) | p.Either(parts):
            return 1 + sum(map(size, parts))
        case p.Repeat(of):
            return 1 + size(of)
        case _:
            return 1


On = Callable[[int], Iterator[int]]


def fits(node: p.Node, text: str, at: int, count: Count, on: On) -> Iterator[int]:
    """Where a match that begins here can end, tried as a backtracking engine tries; `on` is the rest of the pattern."""
    count.steps += 1
    match node:
        case p.One(chars):
            if at < len(text) and text[at] in chars:
                yield from on(at + 1)
        case p.Edge():
            before, after = at > 0 and text[at - 1].isalnum(), at < len(text) and text[at].isalnum()
            if before != after:
                yield from on(at)
        case p.Sequel(parts):
            yield from fits_all(parts, text, at, count, on)
        case p.Either(options):
            for option in options:
                yield from fits(option, text, at, count, on)
        case p.Repeat(of, least, most):
            yield from repeated(of, least, most, text, at, count, on)


def fits_all(parts: tuple[p.Node, ...], text: str, at: int, count: Count, on: On) -> Iterator[int]:
    if not parts:
        yield from on(at)
    else:
        yield from fits(parts[0], text, at, count, lambda end: fits_all(parts[1:], text, end, count, on))


def repeated(of: p.Node, least: int, most: int | None, text: str, at: int, count: Count, on: On) -> Iterator[int]:
    """Greedy; a repetition that takes nothing is not repeated."""
    if most is None or most > 0:
        more = None if most is None else most - 1

        def again(end: int) -> Iterator[int]:
            if end > at or least > 0:
                yield from repeated(of, max(0, least - 1), more, text, end, count, on)

        yield from fits(of, text, at, count, again)
    if least == 0:
        yield from on(at)


def test_a_value_that_is_no_text_is_left_to_the_schema() -> None:
    from flowengine.flow.check_patterns import own_patterns

    doc = Document("x.yaml", {"privacy": {"redact": [{"pattern": None}, "card numbers"]}}, {}, {}, {})
    assert list(own_patterns(doc, None)) == []
