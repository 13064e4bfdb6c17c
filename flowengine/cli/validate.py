"""`validate`: check flow files, print what was found, and mend what can be mended in one way only."""

from __future__ import annotations

import os
import posixpath
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path, PurePath

import click

from flowengine.cli.common import beside, bytes_beside, cannot, text_of
from flowengine.cli.findings import never_fail_on_a_letter, print_findings
from flowengine.flow.compiler import Checked, check
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.fixes import mend
from flowengine.flow.formats import to_github, to_json, to_sarif
from flowengine.flow.ranking import ranked
from flowengine.flow.several import across

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
    never_fail_on_a_letter()
    day = today.date() if today else date.today()
    texts = {STDIN if file == "-" else file: text_of(file) for file in _each_once(files)}
    if fix:
        texts = {file: _mended(file, text, day) for file, text in texts.items()}
    checked = [_check(file, text, day) for file, text in texts.items()]
    documents = [each.document for each in checked if each.document]
    found = ranked([*(d for each in checked for d in each.found), *across(documents)])
    _print(found, texts, form, err=fix and STDIN in texts)  # there stdout is the mended text
    bad = [d for d in found if d.severity == "error" or (strict and d.severity == "warning")]
    raise SystemExit(1 if bad else 0)


def _each_once(files: Iterable[str]) -> Iterable[str]:
    """The files, one that is named in two ways by its first name."""
    first: dict[str, str] = {}
    for file in files:
        first.setdefault(file if file == "-" else os.path.realpath(file), file)
    return first.values()


def _check(file: str, text: str, today: date) -> Checked:
    """What is found in a file; what a shared file holds is told by a name that can be opened from here."""
    checked = check(text, file, today=today, load=beside(file), read_bytes=bytes_beside(file))
    return replace(checked, found=[d if d.file == file else _from_here(d, file) for d in checked.found])


def _from_here(d: Diagnostic, file: str) -> Diagnostic:
    return replace(d, file=posixpath.join(PurePath(file).parent.as_posix(), d.file))


# ---- mending ---------------------------------------------------------------------------------------------------------


def _mended(file: str, text: str, today: date) -> str:
    """The text with what can be mended mended; a file is written, stdin goes to stdout."""
    result = mend(text, file, lambda new: check(new, file, today=today, load=beside(file)).found)
    for d in result.mended:
        click.echo(f"mended {file}:{d.line}:{d.column}: {_what(d)} [{d.code}]", err=True)
    for d in result.left:
        if d.fix is not None and d.file == file:
            click.echo(f"not mended {file}:{d.line}:{d.column}: more errors would come of it [{d.code}]", err=True)
    if file == STDIN:
        click.echo(result.text.encode("utf-8", errors="surrogateescape"), nl=False)
    elif result.text != text:
        _write(Path(os.path.realpath(file)), result.text)
    return result.text


def _what(d: Diagnostic) -> str:
    """What a piece was and is; white space and longer pieces are better told by the finding itself."""
    was = d.excerpt[d.column - 1 : d.end_column - 1] if d.line == d.end_line else ""
    places = f" in {len(d.also) + 1} places" if d.also else ""
    return f"{was} → {d.fix}{places}" if was.strip() and (d.fix or "").strip() else d.message


def _write(path: Path, text: str) -> None:
    """The whole file or none of it, with the permissions it had."""
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", errors="surrogateescape"))
        os.chmod(name, stat.S_IMODE(path.stat().st_mode))
        os.replace(name, path)
    except OSError as mistake:
        if name:
            Path(name).unlink(missing_ok=True)
        cannot(f"cannot write {path}: {mistake.strerror}")


# ---- printing --------------------------------------------------------------------------------------------------------


def _print(found: Sequence[Diagnostic], texts: Mapping[str, str], form: str | None, *, err: bool) -> None:
    match form:
        case "json":
            click.echo(to_json(found, texts), err=err)
        case "sarif":
            click.echo(to_sarif([*map(_in_repository, found)], version("flowengine")), err=err)
        case "github":
            _annotate(found, err=err)
        case _:
            print_findings(found, texts, full=form != "concise", err=err)
            if form is None and os.environ.get("GITHUB_ACTIONS") == "true":
                _annotate(found, err=err)


def _annotate(found: Sequence[Diagnostic], *, err: bool) -> None:
    if found:
        click.echo(to_github([*map(_in_repository, found)]), err=err)


def _in_repository(d: Diagnostic) -> Diagnostic:
    """The finding with its file named from the folder the command runs in, by forward slashes."""
    if d.file == STDIN:
        return d
    path = os.path.relpath(d.file)
    return replace(d, file=PurePath(d.file if path.startswith("..") else path).as_posix())
