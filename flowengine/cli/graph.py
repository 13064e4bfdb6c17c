"""`graph`: what leads where in a flow, as Mermaid text or as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from flowengine.cli.common import compiled_with_text, write_out
from flowengine.flow.drawing import svg
from flowengine.flow.mermaid import mermaid

DRAWN = {"mermaid": mermaid, "svg": svg}


@click.command(short_help="Draw what leads where.")
@click.argument("flow")
@click.option("--format", "form", type=click.Choice(list(DRAWN)), help="Default: mermaid, or svg for a file.svg.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def graph(flow: str, form: str | None, output: Path | None) -> None:
    """Draw what leads where: rules, departments, and what happens when nobody answers."""
    compiled, _ = compiled_with_text(flow)
    usual = "svg" if output is not None and output.suffix.lower() == ".svg" else "mermaid"
    drawn = DRAWN[form or usual](compiled)
    if output is None:
        click.echo(drawn, nl=False)
    else:
        write_out(output, drawn)
