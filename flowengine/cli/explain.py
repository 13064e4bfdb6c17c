"""`explain`: a flow in plain sentences, the story of a code, or the lists of words the engine uses."""

from __future__ import annotations

from pathlib import Path

import click

from flowengine.cli.common import cannot, compiled_with_text
from flowengine.flow.codes import all_codes
from flowengine.flow.likeness import nearest
from flowengine.runtime.flowbook import SUFFIXES

WORDS = "words"


@click.command(short_help="Tell a flow, or a finding, in sentences.")
@click.argument("what", metavar="FLOW|CODE|words")
def explain(what: str) -> None:
    """Tell a flow in sentences, as to a new colleague; or what the code of a finding means.

    `words` lists the words the engine goes by.
    """
    if what == "-" or Path(what).is_file() or what.endswith(SUFFIXES):
        from flowengine.flow.explain import explain as told

        click.echo(told(compiled_with_text(what)[0]))
    elif what == WORDS:
        from flowengine.flow.explain import word_lists

        click.echo(word_lists())
    elif what in all_codes():
        from flowengine.flow.stories import story

        click.echo(story(all_codes()[what]))
    else:
        near = nearest(what, [*all_codes(), WORDS])
        cannot(f"no code and no file {what[:60]!r}" + (f"; did you mean {near!r}?" if near else ""))
