"""Slips of the keyboard: each has its own message, stands where it happened, and is mended where one thing is meant."""

from __future__ import annotations

import pytest
import yaml

from flowengine.flow import source
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic
from tests.flow.office import SMALL, findings, text

Change = tuple[str, str]

NAME = "  name: Ava\n"
SAY = "    to: front_desk\n"
PEOPLE = "    people: [dana, luis]\n"

# what is written instead of what, the code, and the line it points at; with None the line is found by its text
MENDED: dict[str, tuple[Change, str, str]] = {
    "no space behind a colon": ((NAME, "  name:Ava\n"), "colon-space", "name:Ava"),
    "no space, with more below": ((NAME, "  name:Ava\n  voice: anna\n"), "colon-space", "name:Ava"),
    "no space, with more above": ((NAME, "  voice: anna\n  name:Ava\n"), "colon-space", "name:Ava"),
    "no space between braces": (("{name: Dana, phone", "{name:Dana, phone"), "colon-space", "{name:Dana"),
    "no space in an entry": (("  - rule: asked", "  - rule:asked"), "colon-space", "- rule:asked"),
    "a wide colon": ((NAME, "  name\uff1a Ava\n"), "wide-colon", "name\uff1a"),
    "a wide colon with more below": ((NAME, "  name\uff1aAva\n  voice: anna\n"), "wide-colon", "name\uff1a"),
    "no colon": ((NAME, "  name Ava\n  voice: anna\n"), "no-colon", "name Ava"),
    "no colon over a group": (("departments:\n", "departments\n"), "no-colon", "departments"),
    "no colon over a name of one's own": (("  front_desk:\n", "  front_desk\n"), "no-colon", "  front_desk"),
    "no space behind a dash": ((PEOPLE, "    people:\n      -dana\n"), "dash-space", "-dana"),
    "no space behind the second dash": ((PEOPLE, "    people:\n      - dana\n      -luis\n"), "dash-space", "-luis"),
    "no space behind a rule's dash": (("  - rule:", "  -rule:"), "dash-space", "-rule"),
    "curly quotes": ((NAME, "  name: \u201cAva\u201d\n"), "smart-quotes", "name"),
    "curly quotes around a colon": (
        (SAY, SAY + "    say: \u201cOne moment: I ask.\u201d\n"),
        "smart-quotes",
        "say",
    ),
    "curly quotes in a list": (("[dana, luis]", "[\u201cdana\u201d, luis]"), "smart-quotes", "people: ["),
    "spaces of a web page": ((NAME, "\u00a0\u00a0name: Ava\n"), "odd-space", "name: Ava"),
    "a space of no width": ((NAME, "  \u200bname: Ava\n"), "odd-space", "name: Ava"),
    "a tab": ((NAME, "\tname: Ava\n"), "tab", "\tname"),
    "tabs": ((NAME, "\tname: Ava\n\tvoice: anna\n"), "tab", "\tname"),
    "a tab among spaces": ((SAY, "  \tto: front_desk\n"), "tab", "\tto"),
    "a tab behind a dash": ((PEOPLE, "    people:\n      -\tdana\n"), "tab", "-\tdana"),
    "tabs below a list": ((PEOPLE, "    people:\n\t\t\t- dana\n\t\t\t- luis\n"), "tab", "- dana"),
    "a colon inside text": ((SAY, SAY + "    say: One moment: I ask.\n"), "colon-in-text", "say"),
    "a colon at the end of text": ((SAY, SAY + "    say: I ask, one moment:\n"), "colon-in-text", "say"),
    "braces first": ((SAY, SAY + "    say: {department} is coming.\n"), "braces", "say"),
    "braces alone": ((SAY, SAY + "    say: {department}\n"), "braces", "say"),
    "braces around a name": (("[dana, luis]", "[{dana}, luis]"), "braces", "people: ["),
    "braces, then a colon": ((SAY, SAY + "    say: {department}: one moment.\n"), "braces", "say"),
    "brackets first": ((SAY, SAY + "    say: [Pause] One moment.\n"), "braces", "say"),
    "an open quote": ((NAME, '  name: "Ava\n  voice: anna\n'), "quotes", "name"),
    "an open quote and others": ((NAME, "  name: 'Ava\n  manner: 'Brief.'\n"), "quotes", "name"),
    "an open bracket": ((PEOPLE, "    people: [dana, luis\n    ring: in order\n"), "brackets", "people: ["),
    "an open brace": (("phone: +1 312-555-0111}", "phone: +1 312-555-0111"), "brackets", "dana: {"),
    "a bracket too many": (("[dana, luis]", "[dana, luis]]"), "brackets", "people: ["),
    "too far in": ((SAY, "      to: front_desk\n    say: Yes.\n"), "not-lined-up", "to: front"),
    "a star": ((NAME, "  name: *Ava\n"), "yaml-alias", "name"),
    "a star in a sentence": ((SAY, SAY + "    say: *Please* hold on.\n"), "odd-start", "say"),
    "an at sign": ((NAME, "  name: @Ava\n"), "odd-start", "name"),
    "a backquote": ((NAME, "  name: `Ava`\n"), "odd-start", "name"),
    "yes for true": (("Dana, phone", "Dana, callers_may_ask_for: yes, phone"), "wrong-type", "Dana"),
    "no for false": (("Dana, phone", "Dana, callers_may_ask_for: no, phone"), "wrong-type", "Dana"),
    "true for text": ((NAME, "  name: true\n"), "wrong-type", "name: true"),
    "names without brackets": (("[dana, luis]", "dana, luis"), "wrong-type", "people: dana"),
    "one name without brackets": (("[dana, luis]", "dana"), "wrong-type", "people: dana"),
    "a long weekday": (("  mon-fri:", "  Monday - Friday:"), "unknown-key", "Monday"),
    "the weekend": (("  sat-sun:", "  weekend:"), "unknown-key", "weekend"),
    "a misspelt key": (("receptionist:", "receptionst:"), "unknown-key", "receptionst"),
    "a sentence for hours": (("8am - 5pm", "8.30 a.m. until noon, 1pm to 5pm"), "bad-hours", "mon-fri"),
    "closed in capitals": (("sat-sun: closed", "sat-sun: Closed"), "bad-hours", "sat-sun"),
    "a month first": (("closed\n", "closed\n  exceptions: [{date: Dec 25, hours: closed}]\n"), "bad-date", "Dec"),
    "a misspelt unit": ((SAY, SAY + "hold:\n  longest_wait: 2 minuts\n"), "bad-duration", "minuts"),
    "a count in words": ((SAY, SAY + "  - {rule: x, not_understood: two turns, to: front_desk}\n"), "bad-count", "two"),
    "a fraction": ((SAY, SAY + "  - {rule: x, confidence_below: 0.4, to: front_desk}\n"), "bad-percent", "0.4"),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_a_slip_is_told_where_it_is_and_its_fix_makes_the_file_good(name: str) -> None:
    change, code, shown = MENDED[name]
    wrong = text(change)
    errors = errors_of(wrong)
    assert [d.code for d in errors] == [code]
    assert shown in errors[0].excerpt
    assert errors[0].fix is not None
    assert errors_of(fixed(wrong, errors[0])) == []


def errors_of(written: str) -> list[Diagnostic]:
    return [d for d in findings(written) if d.severity == "error"]


def fixed(written: str, d: Diagnostic) -> str:
    """The text with the marked piece replaced by the fix, as an editor would do it."""
    lines = written.splitlines(keepends=True)
    start = sum(map(len, lines[: d.line - 1])) + d.column - 1
    end = sum(map(len, lines[: d.end_line - 1])) + d.end_column - 1
    return written[:start] + (d.fix or "") + written[end:]


# slips of which nobody can say what was meant: told, and left to the author
TOLD: dict[str, tuple[Change, str, int]] = {
    "twenty what": ((SAY, SAY + "hold: {longest_wait: 20}\n"), "bad-duration", 21),
    "nine to five": (("8am - 5pm", "9-5"), "bad-hours", 7),
    "said twice": ((NAME, "  name: Ava\n  name: Ida\n"), "duplicate-key", 14),
    "text behind a quote": ((SAY, SAY + '    say: "Yes" she said\n'), "quotes", 21),
    "a comment behind a colon": ((SAY, SAY + "    say: Yes: sure # really\n"), "colon-in-text", 21),
    "an anchor": ((NAME, "  name: &Ava\n"), "yaml-anchor", 13),
    "copies": ((NAME, "  name: &a Ava\n  manner: *a\n  voice: *a\n"), "yaml-anchor", 13),
    "a tag": ((NAME, "  name: !Ava\n"), "yaml-tag", 13),
    "merged": ((NAME, NAME + "  <<: {voice: anna}\n"), "yaml-merge", 14),
    "a list beside its key": ((PEOPLE, "    people: - dana\n"), "not-lined-up", 16),
    "a dash forgotten": ((SAY, SAY + "  rule: x\n"), "not-lined-up", 21),
    "an entry among keys": ((PEOPLE, PEOPLE + "    - dana\n"), "not-lined-up", 17),
    "text beside a bar": ((SAY, SAY + "    say: | Yes.\n"), "odd-start", 21),
    "an escape": ((SAY, SAY + '    say: "Press \\q"\n'), "quotes", 21),
    "a bracket open for long": ((PEOPLE, "    people: [dana,\n      luis\n    ring: in order\n"), "brackets", 16),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_could_mean_two_things_is_told_and_not_mended(name: str) -> None:
    change, code, line = TOLD[name]
    errors = errors_of(text(change))
    assert [(d.code, d.line, d.fix) for d in errors] == [(code, line, None)]


NATURAL = [
    ("8am - 5pm", "08:00 - 17:00"),
    ("8am - 5pm", "8:00am - 5:00pm"),
    ("8am - 5pm", "8 AM \u2013 5 PM"),
    ("8am - 5pm", "8am to 12pm and 1pm to 5pm"),
    ("+1 312-555-0111", "+13125550111"),
    ("+1 312-555-0111", "312 555 0111"),
    ("+1 312-555-0111", "(312) 555-0111"),
    ("caller_wants: to speak with a person", "caller_says: [no, yes, on, off, n, y, null and void, 1, 1e3]"),
    (NAME, "  name: No\n"),
    (NAME, '  "name": Ava\n'),
    (NAME, "  name: Ava # of course\n"),
    (NAME, "  name: 12\n"),
    (NAME, "  name: Ava\n\n\t\n   \n"),
    (NAME, "  name:   Ava   \n"),
    (NAME, "  name: O'Brien & Sons, Suite 4 (upstairs)!\n"),
    (SAY, SAY + "    say: We'll see; it's 8:30 already - hold on, please... it's 50% off?\n"),
    (SAY, SAY + "    say: The so-called \u201cquick\u201d way\n"),
    (SAY, SAY + "    say: >\n      One moment: I'll ask\n      {department}.\n"),
    (SAY, SAY + "    say: |\n      One moment.\n"),
    (SAY, SAY + "    say: One moment, I'll ask\n      our front desk.\n"),
    ("0111}", "0111, sip: sip:d@pbx.example.com}"),
]  # fmt: skip


@pytest.mark.parametrize("change", NATURAL, ids=lambda change: change[1].strip()[:40])
def test_natural_spelling_is_no_slip(change: Change) -> None:
    assert errors_of(text(change)) == []
    assert not {d.code for d in findings(text(change))} - {d.code for d in findings(SMALL)} - {"not-disclosed"}


def test_every_system_s_line_ends_are_the_same_file() -> None:
    want, found = check_flow(SMALL, "small.yaml")
    assert want is not None
    for written in (SMALL.replace("\n", "\r\n"), SMALL.replace("\n", "\r"), "\ufeff" + SMALL, SMALL.rstrip("\n")):
        flow, same = check_flow(written, "small.yaml")
        assert flow is not None
        assert (flow.rules, flow.people, flow.hours) == (want.rules, want.people, want.hours)
        assert [(d.code, d.line, d.column) for d in same] == [(d.code, d.line, d.column) for d in found]


def test_a_slip_hides_no_other_mistake() -> None:
    wrong = text((NAME, "  name:Ava\n"), ("to: front_desk", "to: frontdesk"), ("Luis,", "\u201cLuis\u201d,"))
    assert {d.code for d in errors_of(wrong)} == {"colon-space", "smart-quotes", "unknown-department"}


def test_a_slip_in_a_name_of_one_s_own_is_told_once() -> None:
    wrong = text(("  dana: {name", "  -dana: {name"), ("[dana, luis]", "[luis]"))
    assert [(d.code, d.line) for d in errors_of(wrong)] == [("dash-space", 10)]


def test_a_quote_over_two_lines_is_no_open_quote() -> None:
    wrong = text((NAME, '  name: Ava\n  manner: "Warm\n    and brief."\n  voice: anna: x\n'))
    assert [(d.code, d.line) for d in errors_of(wrong)] == [("colon-in-text", 16)]


def test_of_a_line_too_long_to_look_through_nothing_is_mended() -> None:
    (only,) = errors_of(text((SAY, SAY + f"    say: One moment: {'x ' * 600}\n")))
    assert (only.code, only.line, only.fix) == ("colon-in-text", 21, None)


def test_copies_of_one_file_are_one_finding() -> None:
    wrong = text((NAME, "  name: &a Ava\n  manner: *a\n  may_help_with: [*a, *a]\n"), ("Luis,", "&luis Luis,"))
    (only,) = errors_of(wrong)
    assert (only.code, "lines 14, 15" in only.message) == ("yaml-anchor", True)


@pytest.mark.parametrize("name", [*MENDED, *TOLD])
def test_the_pure_parser_tells_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change = MENDED[name][0] if name in MENDED else TOLD[name][0]
    fast = [(d.code, d.line) for d in errors_of(text(change))]
    monkeypatch.setattr(source, "_Loader", yaml.SafeLoader)
    assert [(d.code, d.line) for d in errors_of(text(change))] == fast
