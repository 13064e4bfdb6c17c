"""Findings as other programs read them: JSON, GitHub's annotations, and SARIF 2.1.0 for code scanning.

At most 50 of each file are written, like everywhere; each format says how many are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from flowengine.flow.codes import Code, all_codes
from flowengine.flow.diagnostics import Diagnostic, Mark, excerpt_of, mark
from flowengine.flow.ranking import capped

JSON_FORMAT_VERSION = 1
SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
_SARIF = {"error": "error", "warning": "warning", "info": "note"}


# ---- JSON ----------------------------------------------------------------------------------------------------------


def to_json(found: Sequence[Diagnostic], texts: Mapping[str, str] | None = None) -> str:
    """The object of `validate --format json` (design.md section 5). The counts are of everything that was found;
    `left_out` of these are not listed. `texts` are the sources by file name."""
    count, shown = Counter(d.severity for d in found), capped(found)
    lines = {file: text.splitlines() for file, text in (texts or {}).items()}
    told = {
        "format_version": JSON_FORMAT_VERSION,
        "valid": not count["error"],
        "error_count": count["error"],
        "warning_count": count["warning"],
        "info_count": count["info"],
        "left_out": sum(shown.left_out.values()),
        "diagnostics": [_as_json(d, lines.get(d.file, ())) for d in shown.found],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _as_json(d: Diagnostic, lines: Sequence[str]) -> dict[str, object]:
    return {
        "severity": d.severity,
        "code": d.code,
        "message": d.message,
        "file": d.file,
        "range": _range(mark(d)),
        "excerpt": excerpt_of(d, lines),
        "help": d.help,
        "fix": d.fix,
        "also": [_range(other) for other in d.also],
    }


def _range(piece: Mark) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": piece.line, "column": piece.column},
        "end": {"line": piece.end_line, "column": piece.end_column},
    }


# ---- GitHub --------------------------------------------------------------------------------------------------------


def to_github(found: Sequence[Diagnostic]) -> str:
    """Workflow commands, one a line: each shows beside its line in a pull request."""
    shown = capped(found)
    more = [f"::notice::{_data(f'{file}: and {count} more findings')}" for file, count in shown.left_out.items()]
    return "\n".join([*map(_command, shown.found), *more])


def _command(d: Diagnostic) -> str:
    where: dict[str, object] = {"file": d.file, "line": d.line, "col": d.column}
    where |= {"endLine": d.end_line, "endColumn": d.end_column, "title": d.code}
    if d.line != d.end_line:  # columns are for pieces of one line
        del where["col"], where["endColumn"]
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in where.items())
    said = f"{d.message}\n{d.help}" if d.help else d.message
    return f"::{_GITHUB[d.severity]} {properties}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# ---- SARIF ---------------------------------------------------------------------------------------------------------


def to_sarif(found: Sequence[Diagnostic], version: str) -> str:
    """A SARIF log with one run; the rules are the codes found, with their stories from the catalogue."""
    known, shown = all_codes(), capped(found)
    names = list(dict.fromkeys(d.code for d in shown.found))
    driver = {
        "name": "flowengine",
        "version": version,
        "rules": [_rule(known[name]) if name in known else {"id": name} for name in names],
    }
    run: dict[str, object] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, names.index(d.code)) for d in shown.found],
    }
    if shown.left_out:
        run["properties"] = {"left_out": dict(shown.left_out)}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(code: Code) -> dict[str, object]:
    text = "\n".join(_help(code, "", ""))
    return {
        "id": code.name,
        "shortDescription": {"text": code.says},
        "fullDescription": {"text": " ".join(code.why.split())},
        "help": {"text": text, "markdown": "\n".join(_help(code, "```yaml\n", "```\n"))},
        "defaultConfiguration": {"level": _SARIF[code.severity]},
    }


def _help(code: Code, opens: str, closes: str) -> Iterator[str]:
    yield code.why
    for title, piece in (("Not so:", code.bad), ("But so:", code.good)):
        if piece:
            yield f"{title}\n\n{opens}{piece}{closes}"


def _result(d: Diagnostic, rule: int) -> dict[str, object]:
    pieces = [mark(d), *d.also]
    result: dict[str, object] = {
        "ruleId": d.code,
        "ruleIndex": rule,
        "level": _SARIF[d.severity],
        "message": {"text": f"{d.message} ({d.help})" if d.help else d.message},
        "locations": [{"physicalLocation": _place(d, pieces[0])}],
    }
    if d.also:
        result["relatedLocations"] = [{"physicalLocation": _place(d, piece)} for piece in d.also]
    if d.fix is not None:
        changes = [{"deletedRegion": _region(piece), "insertedContent": {"text": d.fix}} for piece in pieces]
        result["fixes"] = [{"artifactChanges": [{"artifactLocation": _file(d), "replacements": changes}]}]
    return result


def _place(d: Diagnostic, piece: Mark) -> dict[str, object]:
    return {"artifactLocation": _file(d), "region": _region(piece)}


def _file(d: Diagnostic) -> dict[str, str]:
    return {"uri": quote(d.file)}


def _region(piece: Mark) -> dict[str, int]:
    return {
        "startLine": piece.line,
        "startColumn": piece.column,
        "endLine": piece.end_line,
        "endColumn": piece.end_column,
    }
