"""A warning that was thought about is not said again, where the comment says which and why."""

from __future__ import annotations

from datetime import date

from flowengine.flow.compiler import check_flow
from tests.flow.office import findings, text

LONG = " ".join(["word"] * 60)
LINE = f"transfer:\n  say_before: {LONG}."
COMMENT = "  # flowengine: ignore[line-too-long] callers like it"


def codes_of(source: str) -> set[str]:
    return {d.code for d in findings(source)} - {"untested", "end-not-named"}


def test_a_warning_is_not_said_where_it_is_ignored_with_a_reason() -> None:
    assert "line-too-long" in codes_of(text(add=LINE + "\n"))
    assert codes_of(text(add=LINE + COMMENT + "\n")) == set()


def test_a_reason_is_needed_and_a_code_that_there_is() -> None:
    assert codes_of(text(add=f"{LINE}  # flowengine: ignore[line-too-long]\n")) == {"line-too-long", "ignore"}
    assert codes_of(text(add=f"{LINE}  # flowengine: ignore we like it\n")) == {"line-too-long", "ignore"}
    (said,) = [d for d in findings(text(add=f"{LINE}  # flowengine: ignore[line-to-long] so\n")) if d.code == "ignore"]
    assert said.help == "did you mean 'line-too-long'?"


def test_an_error_cannot_be_ignored() -> None:
    wrong = text(("to: front_desk", "to: nowhere  # flowengine: ignore[unknown-department] later"))
    assert {"unknown-department", "ignore"} <= codes_of(wrong)


def test_a_comment_that_ignores_nothing_is_named() -> None:
    (said,) = [d for d in findings(text(("  name: Ava", f"  name: Ava{COMMENT}"))) if d.code == "unused-ignore"]
    assert said.severity == "warning"


def test_whether_a_comment_is_of_use_is_not_asked_beside_an_error() -> None:
    wrong = text(("  name: Ava", f"  name: Ava{COMMENT}"), ("to: front_desk", "to: nowhere"))
    assert codes_of(wrong) == {"unknown-department"}


def test_a_date_that_is_over_is_asked_about_only_when_today_is_known() -> None:
    past = text(
        ("sat-sun: closed", "sat-sun: closed\n  exceptions: [{date: 24 Dec 2020, hours: closed}]  # flowengine: DOT"),
        ("DOT", "ignore[exception-past] kept for the record"),
    )
    assert codes_of(past) == set()
    today = {d.code for d in check_flow(past, "small.yaml", today=date(2026, 11, 10))[1]}
    assert not today & {"exception-past", "unused-ignore"}
    then = {d.code for d in check_flow(past, "small.yaml", today=date(2020, 11, 10))[1]}
    assert "unused-ignore" in then


def test_where_a_code_stands_is_marked_and_mended() -> None:
    (said,) = [d for d in findings(text(add=f"{LINE}  # flowengine: ignore[line-to-long] so\n")) if d.code == "ignore"]
    assert said.excerpt[said.column - 1 : said.end_column - 1] == "line-to-long"
    assert (said.severity, said.fix) == ("warning", "line-too-long")


def test_a_reason_may_hold_a_number_sign() -> None:
    assert codes_of(text(add=f"{LINE}  # flowengine: ignore[line-too-long] see #12 # and #13\n")) == set()
    assert codes_of(text(add=f"{LINE}  # our line # flowengine: ignore[line-too-long] see above\n")) == set()


def test_in_a_block_of_text_it_is_text() -> None:
    block = f"transfer:\n  say_before: |\n    {LONG}. # flowengine: ignore[line-too-long] so\n"
    assert codes_of(text(add=block)) == {"line-too-long"}
    assert codes_of(text(add=block.replace("|", "|  # flowengine: ignore[line-too-long] so"))) == set()


def test_a_comment_in_a_shared_file_counts_there() -> None:
    shared = "people:\n  eve: {name: Eve, phone: +1 200 234 5678}   # flowengine: ignore[phone-unassigned] a test\n"
    source = text(("flow: small", "flow: small\nshared: more.yaml"), ("[dana, luis]", "[dana, eve]"))
    found = check_flow(source, "small.yaml", load=lambda _: shared)[1]
    assert {d.code for d in found} & {"phone-unassigned", "unused-ignore"} == set()
    unasked = check_flow(source, "small.yaml", load=lambda _: shared.partition("#")[0])[1]
    assert "phone-unassigned" in {d.code for d in unasked}


def test_several_codes_in_one_comment() -> None:
    both = "  # flowengine: ignore[line-too-long, phone-unassigned] checked"
    assert codes_of(text(add=LINE + both + "\n")) == {"unused-ignore"}


def test_the_same_words_in_quotes_are_text() -> None:
    quoted = text(("  name: Ava", '  name: "Ava # flowengine: ignore[x] y"'))
    assert codes_of(quoted) == set()
