"""Findings for other programs: GitHub's annotations and SARIF."""

from __future__ import annotations

import json

from flowengine.flow.codes import all_codes
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.formats import to_github, to_sarif
from flowengine.flow.ranking import MOST_SHOWN, capped, ranked

ERROR = Diagnostic("error", "unknown-key", "no word 'a,b': 100% wrong", "x:y.yaml", 2, 3, 2, 6, "line one")
INFO = Diagnostic("info", "untested", "no tests", "a.yaml", 1, 1, 1, 5)


def test_an_annotation_is_one_line_whatever_the_text_holds() -> None:
    lines = to_github([ERROR, INFO]).splitlines()
    assert lines == [
        "::error file=x%3Ay.yaml,line=2,col=3,endLine=2,endColumn=6,title=unknown-key"
        "::no word 'a,b': 100%25 wrong%0Aline one",
        "::notice file=a.yaml,line=1,col=1,endLine=1,endColumn=5,title=untested::no tests",
    ]


def test_sarif_names_its_rules_and_points_at_places() -> None:
    log = json.loads(to_sarif([ERROR, INFO, INFO], "1.2"))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["unknown-key", "untested"]
    assert run["tool"]["driver"]["rules"][0]["shortDescription"]["text"] == all_codes()["unknown-key"].says
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1, 1]
    assert [result["level"] for result in run["results"]] == ["error", "note", "note"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 6}


def test_errors_are_never_left_out_for_warnings() -> None:
    warnings = [Diagnostic("warning", "w", str(i), "a", i, 1, i, 2) for i in range(1, MOST_SHOWN + 20)]
    last = Diagnostic("error", "e", "m", "a", 999, 1, 999, 2)
    shown, left_out = capped([*warnings, last])
    assert len(shown) == MOST_SHOWN
    assert shown[-1] == last
    assert left_out == 20


def test_of_several_errors_at_one_place_the_one_that_explains_the_others_is_said() -> None:
    syntax = Diagnostic("error", "colon-in-text", "m", "a", 3, 5, 3, 9)
    follows = Diagnostic("error", "wrong-type", "m", "a", 3, 5, 3, 9)
    beside = Diagnostic("warning", "line-too-long", "m", "a", 3, 5, 3, 9)
    assert ranked([follows, beside, syntax]) == [syntax, beside]


def test_a_name_that_is_missing_in_many_places_is_one_finding() -> None:
    uses = [Diagnostic("error", "unknown-department", "no department 'x'", "a", n, 5, n, 6, "so") for n in range(1, 9)]
    (said,) = ranked(uses)
    assert (said.line, said.help) == (1, "so; also on lines 2, 3, 4, 5, 6 and 2 more")
