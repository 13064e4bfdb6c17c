"""`validate`: check flow files and print what was found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import click

from flowengine.cli.common import beside, text_of
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic, render_concise, render_full, to_json


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--format", "form", type=click.Choice(["full", "concise", "json"]), default="full", help="How findings are printed."
)
@click.option("--strict", is_flag=True, help="Warnings count as findings too.")
@click.option(
    "--today", type=click.DateTime(["%Y-%m-%d"]), help="The date to check against, so that results do not drift."
)
def validate(files: tuple[str, ...], form: str, strict: bool, today: datetime | None) -> None:
    """Check flow files: shape and meaning, offline."""
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    for file in files:
        texts[file] = text_of(file)
        found += check_flow(texts[file], file, today=today.date() if today else date.today(), load=beside(file))[1]
    _print_findings(found, texts, form)
    bad = [d for d in found if d.severity == "error" or (strict and d.severity == "warning")]
    raise SystemExit(1 if bad else 0)


def _print_findings(found: list[Diagnostic], texts: Mapping[str, str], form: str) -> None:
    if form == "json":
        click.echo(to_json(found, texts))
        return
    for diagnostic in found:
        lines = texts.get(diagnostic.file, "").splitlines()
        click.echo(render_full(diagnostic, lines) if form == "full" else render_concise(diagnostic))
    errors, warnings = (sum(d.severity == s for d in found) for s in ("error", "warning"))
    counts = ", ".join(_count(n, what) for n, what in ((len(texts), "file"), (errors, "error"), (warnings, "warning")))
    click.echo(counts, err=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
