"""Findings as other programs read them: GitHub's annotations, and SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from flowengine.flow.codes import Code, all_codes
from flowengine.flow.diagnostics import Diagnostic

_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
_SARIF = {"error": "error", "warning": "warning", "info": "note"}
_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_github(found: Iterable[Diagnostic]) -> str:
    """Workflow commands, one a line: each shows beside its line in a pull request."""
    return "\n".join(_command(d) for d in found)


def _command(d: Diagnostic) -> str:
    where = {
        "file": d.file,
        "line": str(d.line),
        "col": str(d.column),
        "endLine": str(d.end_line),
        "endColumn": str(d.end_column),
        "title": d.code,
    }
    properties = ",".join(f"{name}={_property(value)}" for name, value in where.items())
    said = f"{d.message}\n{d.help}" if d.help else d.message
    return f"::{_GITHUB[d.severity]} {properties}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def to_sarif(found: Sequence[Diagnostic], version: str) -> str:
    """A SARIF log with one run; the rules are the codes found, with their stories from the catalogue."""
    known = all_codes()
    names = list(dict.fromkeys(d.code for d in found))
    driver = {
        "name": "flowengine",
        "version": version,
        "rules": [_rule(known[name]) if name in known else {"id": name} for name in names],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, names.index(d.code)) for d in found],
    }
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(code: Code) -> dict[str, object]:
    return {
        "id": code.name,
        "shortDescription": {"text": code.says},
        "fullDescription": {"text": " ".join(code.why.split())},
        "help": {"text": f"{code.why}\nNot so:\n{code.bad}\nBut so:\n{code.good}"},
        "defaultConfiguration": {"level": _SARIF[code.severity]},
    }


def _result(d: Diagnostic, rule: int) -> dict[str, object]:
    region = {"startLine": d.line, "startColumn": d.column, "endLine": d.end_line, "endColumn": d.end_column}
    place = {"artifactLocation": {"uri": d.file.replace("\\", "/")}, "region": region}
    return {
        "ruleId": d.code,
        "ruleIndex": rule,
        "level": _SARIF[d.severity],
        "message": {"text": f"{d.message} ({d.help})" if d.help else d.message},
        "locations": [{"physicalLocation": place}],
    }
