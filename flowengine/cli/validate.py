"""`validate`: check flow files, print what was found, and mend what can be mended in one way only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path

import click

from flowengine.cli.common import beside, bytes_beside, cannot, text_of
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic, render_concise, render_full, to_json
from flowengine.flow.fixes import mend
from flowengine.flow.formats import to_github, to_sarif
from flowengine.flow.model import Flow
from flowengine.flow.ranking import capped, ranked
from flowengine.flow.several import across

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
STDIN = "<stdin>"


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["full", "concise", "json", "github", "sarif"]),
    default=None,
    help="How findings are printed (default: full, and annotations as well on GitHub).",
)
@click.option("--strict", is_flag=True, help="Warnings count as findings too.")
@click.option(
    "--today", type=click.DateTime(["%Y-%m-%d"]), help="The date to check against, so that results do not drift."
)
@click.option("--fix", is_flag=True, help="Mend what can be mended in one way only; comments and blank lines stay.")
def validate(files: tuple[str, ...], form: str | None, strict: bool, today: datetime | None, fix: bool) -> None:
    """Check flow files: shape and meaning, offline. `-` reads stdin."""
    day = today.date() if today else date.today()
    texts = {STDIN if file == "-" else file: text_of(file) for file in files}
    if fix:
        texts = {file: _mended(file, text, day) for file, text in texts.items()}
    checked = {file: _check(file, text, day) for file, text in texts.items()}
    flows = [flow for flow, _ in checked.values() if flow]
    found = ranked([*(d for _, found in checked.values() for d in found), *across(flows)])
    if not (fix and STDIN in texts):  # there stdout is the mended text
        _print(found, texts, form)
    bad = [d for d in found if d.severity == "error" or (strict and d.severity == "warning")]
    raise SystemExit(1 if bad else 0)


def _check(file: str, text: str, today: date) -> tuple[Flow | None, list[Diagnostic]]:
    return check_flow(text, file, today=today, load=beside(file), read_bytes=bytes_beside(file))


# ---- mending ---------------------------------------------------------------------------------------------------------


def _mended(file: str, text: str, today: date) -> str:
    """The text with what can be mended mended; a file is written, stdin goes to stdout."""
    result = mend(text, file, lambda new: _check(file, new, today)[1])
    for d in result.mended:
        click.echo(f"mended {file}:{d.line}:{d.column}: {d.message} [{d.code}]", err=True)
    if file == STDIN:
        click.echo(result.text, nl=False)
    elif result.text != text:
        _write(Path(file), result.text)
    return result.text


def _write(path: Path, text: str) -> None:
    """The whole file or none of it, with the permissions it had."""
    try:
        mode = path.stat().st_mode
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", errors="surrogateescape"))
        os.chmod(name, mode)
        os.replace(name, path)
    except OSError as mistake:
        cannot(f"cannot write {path}: {mistake.strerror}")


# ---- printing --------------------------------------------------------------------------------------------------------


def _print(found: Sequence[Diagnostic], texts: dict[str, str], form: str | None) -> None:
    match form:
        case "json":
            click.echo(to_json(found, texts))
        case "sarif":
            click.echo(to_sarif(found, version("flowengine")))
        case "github":
            _print_lines([to_github(found)] if found else [])
        case "concise":
            _print_capped(found, texts, full=False)
        case _:
            _print_capped(found, texts, full=True)
            if form is None and os.environ.get("GITHUB_ACTIONS") == "true" and found:
                click.echo(to_github(found))


def _print_capped(found: Sequence[Diagnostic], texts: dict[str, str], *, full: bool) -> None:
    """At most 50 findings of each file, the serious ones first to stay, and how many more there are."""
    for file in dict.fromkeys((*texts, *(d.file for d in found))):
        shown, left_out = capped([d for d in found if d.file == file])
        lines = texts.get(file, "").splitlines()
        _print_lines([_coloured(d, render_full(d, lines) if full else render_concise(d)) for d in shown], gap=full)
        if left_out:
            click.echo(f"{file}: and {left_out} more findings")
    errors, warnings = (sum(d.severity == s for d in found) for s in ("error", "warning"))
    counts = ", ".join(_count(n, what) for n, what in ((len(texts), "file"), (errors, "error"), (warnings, "warning")))
    click.echo(counts, err=True)


def _print_lines(lines: Sequence[str], *, gap: bool = False) -> None:
    for line in lines:
        click.echo(line + ("\n" if gap else ""), color=_colour())


def _colour() -> bool | None:
    """Colour only on a terminal (None leaves that to click), and never where `NO_COLOR` is set."""
    return False if os.environ.get("NO_COLOR") else None


def _coloured(d: Diagnostic, text: str) -> str:
    first, _, rest = text.partition("\n")
    head = click.style(first, fg=COLOURS[d.severity], bold=d.severity == "error")
    return f"{head}\n{rest}" if rest else head


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
