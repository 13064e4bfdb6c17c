"""The story of a code as `flowengine explain CODE` tells it: why it matters, and its example as `validate` sees it."""

from __future__ import annotations

from dataclasses import replace

from flowengine.flow.codes import Code, example, small_office
from flowengine.flow.compiler import check, compile_flow
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid, render_full
from flowengine.flow.several import across
from flowengine.flow.source import decode

FILE = "office.yaml"
_SECOND_OFFICE = {  # what a second file says otherwise, so that only one thing is claimed by both
    "number-in-two-flows": ("flow: small", "flow: other"),
    "name-in-two-flows": ("+1 312-555-0100", "+1 312-555-0109"),
}


def story(code: Code) -> str:
    """Title, why, the bad example with its finding, the good one."""
    parts = [f"{code.name} ({code.severity}): {code.says}", code.why.strip()]
    if code.bad:
        parts += ["Not so:", _indented(code.bad), *_shared_files(code), *map(_indented, _printed(code)[:1])]
    return "\n\n".join([*parts, "But so:", _indented(code.good)])


def _shared_files(code: Code) -> list[str]:
    return [f"where {name} is:\n\n{_indented(text)}" for name, text in code.shared.items()]


def _printed(code: Code) -> list[str]:
    """What `validate` says about the bad example; lines are counted from its own first."""
    above = example(code, code.bad).count("\n") - code.bad.count("\n")
    found = [d for d in findings(code, code.bad) if d.code == code.name]
    return [render_full(_moved_up(d, above) if d.file == FILE else d) for d in found]


def _moved_up(d: Diagnostic, lines: int) -> Diagnostic:
    return replace(d, line=d.line - lines, end_line=d.end_line - lines) if d.line > lines else d


def findings(code: Code, piece: str) -> list[Diagnostic]:
    """What is found in one of a code's examples, with the files it names and the ones beside it."""
    text = example(code, piece)
    try:
        text = decode(text.encode("utf-8", "surrogateescape"), FILE)
    except FlowInvalid as invalid:
        return list(invalid.diagnostics)
    checked = check(text, FILE, today=code.today, load=lambda name: _shared(code, name), read_bytes=_nowhere)
    if code.needs == "files" and checked.document:
        second = check(small_office().replace(*_SECOND_OFFICE[code.name]), "second_office.yaml").document
        return [*checked.found, *across([checked.document, second] if second else [])]
    if code.needs == "environment":
        return [*checked.found, *_unset(text)]
    return checked.found


def _shared(code: Code, name: str) -> str:
    if name not in code.shared:
        raise FileNotFoundError(2, "no such file or directory", name)
    return code.shared[name]


def _nowhere(name: str) -> bytes:
    raise FileNotFoundError(2, "no such file or directory", name)


def _unset(text: str) -> list[Diagnostic]:
    """What is said when the office begins to answer calls and the environment is empty."""
    try:
        compile_flow(text, FILE, env={})
    except FlowInvalid as invalid:
        return list(invalid.diagnostics)
    return []


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.rstrip("\n").splitlines())
