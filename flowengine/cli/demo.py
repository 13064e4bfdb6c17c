"""`demo`: one call in the world in a box."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flowengine import resources
from flowengine.cli.common import cannot, compiled_with_text, log_to_stderr, moment_of, settings_of_environment
from flowengine.flow.likeness import nearest
from flowengine.flow.model import Flow
from flowengine.sandbox.demo import Demo, run, summary
from flowengine.sandbox.scenario import Scenario, ScenarioError, misfits, scenarios
from flowengine.sandbox.world import Options


@click.command(short_help="Try a call on this computer, from ring to hand-off.")
@click.argument("flow", required=False)
@click.option("--scenario", "name", default="crown", show_default=True, metavar="NAME", help="Which call; see --list.")
@click.option("--list", "listing", is_flag=True, help="Print the calls there are, one a line.")
@click.option("--at", default="", metavar="WHEN", help="Another moment, in the office's time: 'Fri 4:55pm'.")
@click.option(
    "--speed", type=click.FloatRange(0.1, 50), default=1.0, show_default=True, help="How many times as fast as life."
)
@click.option(
    "--caller-audio",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recording the caller plays (WAV).",
)
@click.option("--headless", is_flag=True, help="No page to watch: one call, then the end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, the report of the call.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the desk page (default: a free one).")
def demo(
    flow: str | None,
    name: str,
    listing: bool,
    at: str,
    speed: float,
    caller_audio: Path | None,
    headless: bool,
    as_json: bool,
    port: int,
) -> None:
    """Try a call on this computer, from ring to hand-off. Everybody in it is played: no keys, no network."""
    known = _scenarios()
    if listing:
        _list(known)
        return
    chosen = _named(known, name)
    settings = settings_of_environment()
    log_to_stderr(settings.log_level if "FLOWENGINE_LOG_LEVEL" in os.environ else "error")
    file = flow or str(resources.example_flow(chosen.flow))
    compiled, text = compiled_with_text(file)
    _fits(chosen, compiled, file, known)
    given = os.environ.get("FLOWENGINE_DATABASE_URL", "")
    options = Options(
        speed=speed,
        port=port,
        caller_audio=caller_audio,
        database_url=settings.database_url if given else "",
        encryption_key=settings.encryption_key,
    )
    plan = Demo(file, text, moment_of(compiled, at or chosen.at), chosen, options, headless)
    quiet = headless and as_json

    def say(line: str) -> None:
        if not quiet:
            click.echo(line, err=as_json)

    def finish(made: dict[str, Any], failures: list[str]) -> None:
        if as_json:
            click.echo(json.dumps(made, ensure_ascii=False))
        for line in summary(made, failures):
            click.echo(line, err=as_json)

    try:
        failures = run(plan, say, finish)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except ScenarioError as mistake:
        cannot(str(mistake))
    raise SystemExit(1 if failures else 0)


def _scenarios() -> Mapping[str, Scenario]:
    try:
        return scenarios()
    except ScenarioError as mistake:
        cannot(str(mistake))


def _list(known: Mapping[str, Scenario]) -> None:
    width = max(map(len, known))
    for each in known.values():
        click.echo(f"{each.name:<{width}}  {each.about}")


def _named(known: Mapping[str, Scenario], name: str) -> Scenario:
    if name not in known:
        near = nearest(name, list(known))
        meant = f"did you mean {near!r}? All of them:" if near else "see"
        cannot(f"there is no scenario {name!r}; {meant} flowengine demo --list")
    return known[name]


def _fits(chosen: Scenario, flow: Flow, file: str, known: Mapping[str, Scenario]) -> None:
    """Exits 2 for a scenario that speaks of people or rules which the flow does not have."""
    if wrong := misfits(chosen, flow):
        fitting = ", ".join(each.name for each in known.values() if not misfits(each, flow)) or "none"
        cannot(f"{chosen.name} does not fit {file}: {'; '.join(wrong)}\nthose that fit, for --scenario: {fitting}")
