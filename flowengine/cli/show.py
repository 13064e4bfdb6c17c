"""`show`: what counts in a flow, and which line says so."""

from __future__ import annotations

import json

import click

from flowengine.cli.common import compiled_with_text
from flowengine.flow.show import as_json, as_text


@click.command(short_help="Show every value and where it comes from.")
@click.argument("flow")
@click.option("--json", "for_programs", is_flag=True, help="Print one JSON object.")
def show(flow: str, for_programs: bool) -> None:
    """Show every value that counts, with the line it comes from, or that it is built in. Secrets are hidden."""
    compiled, _ = compiled_with_text(flow)
    click.echo(json.dumps(as_json(compiled), indent=2, ensure_ascii=False) if for_programs else as_text(compiled))
