"""Findings as a person reads them: with the line, in colour on a terminal, at most 50 a file, and counted."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Mapping, Sequence

import click

from flowengine.flow.diagnostics import Diagnostic, render_concise, render_full
from flowengine.flow.ranking import capped

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def print_findings(found: Sequence[Diagnostic], texts: Mapping[str, str], *, full: bool, err: bool = False) -> None:
    """Print findings file by file, then the counts of all to stderr. `texts` are the files looked at, by name."""
    shown = capped(found)
    for file in dict.fromkeys((*texts, *(d.file for d in found))):
        lines = texts.get(file, "").splitlines()
        for d in shown.found:
            if d.file == file:
                text = render_full(d, lines) + "\n" if full else render_concise(d)
                click.echo(_coloured(d, text), err=err, color=_colour())
        if file in shown.left_out:
            click.echo(f"{file}: and {shown.left_out[file]} more findings", err=err)
    click.echo(counts(found, len(texts)), err=True)


def counts(found: Sequence[Diagnostic], files: int) -> str:
    """ "1 file, 2 errors, 0 warnings"."""
    errors, warnings = (sum(d.severity == severity for d in found) for severity in ("error", "warning"))
    return ", ".join(_count(n, what) for n, what in ((files, "file"), (errors, "error"), (warnings, "warning")))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _colour() -> bool | None:
    """Colour only on a terminal (None leaves that to click), and never where `NO_COLOR` is set."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _coloured(d: Diagnostic, text: str) -> str:
    first, end, rest = text.partition("\n")
    head = click.style(first, fg=COLOURS[d.severity], bold=d.severity == "error")
    carets = re.compile(r"(?<= \| )( *)(\^+)$", re.MULTILINE)
    return head + end + carets.sub(lambda found: found[1] + click.style(found[2], fg=COLOURS[d.severity]), rest, 1)


def never_fail_on_a_letter() -> None:
    """A letter that the terminal's encoding does not have is printed as its number, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
