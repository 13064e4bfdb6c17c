"""`explain`: a flow in plain sentences, or the story of a code."""

from __future__ import annotations

from pathlib import Path

import click

from flowengine.cli.common import cannot, compiled_with_text
from flowengine.flow.codes import Code, all_codes, example
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import render_full
from flowengine.flow.likeness import nearest
from flowengine.flow.source import decode

FILES = (".yaml", ".yml")


@click.command()
@click.argument("what", metavar="FLOW|CODE|words")
def explain(what: str) -> None:
    """Tell an office in sentences, as to a new colleague; or what a finding's code means; or the lists of words."""
    from flowengine.flow.explain import explain as told
    from flowengine.flow.explain import word_lists

    codes = all_codes()
    if what == "-" or Path(what).exists() or what.endswith(FILES):
        click.echo(told(compiled_with_text(what)[0]))
    elif what == "words":
        click.echo(word_lists())
    elif what in codes:
        click.echo(_story(codes[what]))
    else:
        near = nearest(what, list(codes))
        cannot(f"no code and no file {what!r}" + (f"; did you mean {near!r}?" if near else ""))


def _story(code: Code) -> str:
    """Title, why, and the example as validate sees it."""
    parts = [f"{code.name} ({code.severity}): {code.says}", code.why.strip()]
    if code.bad:
        parts += ["Not so:", _indented(code.bad)]
        parts += [_indented(found) for found in _found(code)[:1]]
    parts += ["But so:", _indented(code.good)]
    return "\n\n".join(parts)


def _found(code: Code) -> list[str]:
    text = decode(example(code, code.bad).encode("utf-8", errors="surrogateescape"), "office.yaml")
    found = check_flow(text, "office.yaml", today=code.today, load=lambda name: code.shared[name])[1]
    return [render_full(d) for d in found if d.code == code.name]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.rstrip("\n").splitlines())
