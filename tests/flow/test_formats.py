"""Findings for other programs: GitHub's annotations and SARIF."""

from __future__ import annotations

import json
from dataclasses import replace

from jsonschema import Draft202012Validator

from flowengine.flow.codes import all_codes
from flowengine.flow.diagnostics import Diagnostic, Mark
from flowengine.flow.formats import to_github, to_json, to_sarif
from flowengine.flow.ranking import MOST_SHOWN, capped, ranked

ERROR = Diagnostic("error", "unknown-key", "no word 'a,b': 100% wrong", "x:y.yaml", 2, 3, 2, 6, "line one")
INFO = Diagnostic("info", "untested", "no tests", "a.yaml", 1, 1, 1, 5)


MERGED = Diagnostic(
    "error", "unknown-department", "no department 'x'", "a b.yaml", 2, 5, 2, 6, "did you mean 'y'?", "to: x", "y",
    (Mark(4, 5, 4, 6),),
)  # fmt: skip


def test_json_has_the_promised_keys() -> None:
    told = json.loads(to_json([INFO, MERGED], {"a.yaml": "abc: d\nto: x\n"}))
    assert (told["format_version"], told["valid"], told["left_out"]) == (1, False, 0)
    assert (told["error_count"], told["warning_count"], told["info_count"]) == (1, 0, 1)
    assert told["diagnostics"][0]["excerpt"] == "abc: d"
    assert told["diagnostics"][1] == {
        "severity": "error",
        "code": "unknown-department",
        "message": "no department 'x'",
        "file": "a b.yaml",
        "range": {"start": {"line": 2, "column": 5}, "end": {"line": 2, "column": 6}},
        "excerpt": "to: x",
        "help": "did you mean 'y'?",
        "fix": "y",
        "also": [{"start": {"line": 4, "column": 5}, "end": {"line": 4, "column": 6}}],
    }
    assert json.loads(to_json([]))["valid"]


def test_every_format_says_how_many_are_left_out() -> None:
    many = [Diagnostic("warning", "untested", str(i), "a.yaml", i, 1, i, 2) for i in range(1, MOST_SHOWN + 20)]
    told = json.loads(to_json(many))
    assert (len(told["diagnostics"]), told["warning_count"], told["left_out"]) == (MOST_SHOWN, MOST_SHOWN + 19, 19)
    assert to_github(many).splitlines()[-1] == "::notice::a.yaml: and 19 more findings"
    (run,) = json.loads(to_sarif(many, "1"))["runs"]
    assert (len(run["results"]), run["properties"]) == (MOST_SHOWN, {"left_out": {"a.yaml": 19}})


def test_an_annotation_over_several_lines_has_no_columns() -> None:
    (line,) = to_github([replace(INFO, end_line=3)]).splitlines()
    assert line == "::notice file=a.yaml,line=1,endLine=3,title=untested::no tests"


def test_an_annotation_is_one_line_whatever_the_text_holds() -> None:
    lines = to_github([ERROR, INFO]).splitlines()
    assert lines == [
        "::error file=x%3Ay.yaml,line=2,col=3,endLine=2,endColumn=6,title=unknown-key"
        "::no word 'a,b': 100%25 wrong%0Aline one",
        "::notice file=a.yaml,line=1,col=1,endLine=1,endColumn=5,title=untested::no tests",
    ]


def an(required: str, **properties: object) -> dict[str, object]:
    """An object of SARIF: no property beside those of the standard."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def some(items: object, **more: object) -> dict[str, object]:
    return {"type": "array", "items": items, **more}


# What SARIF 2.1.0 says of the properties we use (sections 3.14 to 3.57); what we do not use is left out, so that a
# property of our own invention fails.
TEXT: dict[str, object] = {"type": "string"}
LINE = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = an("text", text=TEXT, markdown=TEXT)
BAG = {"type": "object"}
REGION = an("startLine", startLine=LINE, startColumn=LINE, endLine=LINE, endColumn=LINE)
ARTIFACT = an("uri", uri={"type": "string", "pattern": "^[^ <>\\\\]+$"})
PLACE = an("physicalLocation", physicalLocation=an("artifactLocation", artifactLocation=ARTIFACT, region=REGION))
REPLACEMENT = an("deletedRegion", deletedRegion=REGION, insertedContent=an("", text=TEXT))
CHANGE = an("artifactLocation replacements", artifactLocation=ARTIFACT, replacements=some(REPLACEMENT, minItems=1))
RESULT = an(
    "message",
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level=LEVEL,
    message=MESSAGE,
    locations=some(PLACE),
    relatedLocations=some(PLACE, uniqueItems=True),
    fixes=some(an("artifactChanges", artifactChanges=some(CHANGE, minItems=1, uniqueItems=True)), uniqueItems=True),
)
RULE = an(
    "id",
    id=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=an("", level=LEVEL),
)
DRIVER = an("name", name=TEXT, version=TEXT, rules=some(RULE, uniqueItems=True))
COLUMNS = {"enum": ["utf16CodeUnits", "unicodeCodePoints"]}
RUN = an("tool", tool=an("driver", driver=DRIVER), columnKind=COLUMNS, results=some(RESULT), properties=BAG)
SARIF = an("version runs", **{"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": some(RUN)})


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


def test_sarif_holds_the_story_the_fix_and_further_places() -> None:
    (run,) = json.loads(to_sarif([MERGED], "1"))["runs"]
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]
    assert all_codes()["unknown-department"].bad.strip() in rule["help"]["text"]
    assert "```yaml" in rule["help"]["markdown"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "a%20b.yaml"}
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 4
    (change,) = result["fixes"][0]["artifactChanges"]
    assert [(r["deletedRegion"]["startLine"], r["insertedContent"]["text"]) for r in change["replacements"]] == [
        (2, "y"),
        (4, "y"),
    ]


def test_sarif_has_the_published_structure() -> None:
    many = [replace(INFO, line=i, code="untested") for i in range(1, 70)]
    log = json.loads(to_sarif([ERROR, INFO, MERGED, replace(INFO, code="of-tomorrow"), *many], "1.2"))
    Draft202012Validator(SARIF).validate(log)
    for result in log["runs"][0]["results"]:
        assert log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_errors_are_never_left_out_for_warnings() -> None:
    warnings = [Diagnostic("warning", "w", str(i), "a", i, 1, i, 2) for i in range(1, MOST_SHOWN + 20)]
    last = Diagnostic("error", "e", "m", "a", 999, 1, 999, 2)
    elsewhere = Diagnostic("info", "i", "m", "b", 1, 1, 1, 2)
    shown = capped([*warnings, last, elsewhere])
    assert len(shown.found) == MOST_SHOWN + 1
    assert shown.found[-2:] == [last, elsewhere]
    assert shown.left_out == {"a": 20}


def test_of_several_errors_at_one_place_the_one_that_explains_the_others_is_said() -> None:
    syntax = Diagnostic("error", "colon-in-text", "m", "a", 3, 5, 3, 9)
    follows = Diagnostic("error", "wrong-type", "m", "a", 3, 5, 3, 9)
    beside = Diagnostic("warning", "line-too-long", "m", "a", 3, 5, 3, 9)
    assert ranked([follows, beside, syntax]) == [syntax, beside]


def test_a_name_that_is_missing_in_many_places_is_one_finding() -> None:
    uses = [Diagnostic("error", "unknown-department", "no department 'x'", "a", n, 5, n, 6, "so") for n in range(1, 9)]
    (said,) = ranked(uses)
    assert (said.line, said.help) == (1, "so; also on lines 2, 3, 4, 5, 6 and 2 more")
