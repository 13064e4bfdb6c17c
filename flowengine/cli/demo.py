"""`demo`: one call in the world in a box."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from flowengine import resources
from flowengine.cli.common import cannot, compiled_with_text, log_to_stderr, moment_of, settings_of_environment
from flowengine.sandbox.demo import Demo, run, summary
from flowengine.sandbox.scenario import ScenarioError, misfits, scenarios
from flowengine.sandbox.world import Options


@click.command()
@click.argument("flow", required=False)
@click.option("--scenario", "name", default="crown", show_default=True, help="Which call; see --list.")
@click.option("--list", "listing", is_flag=True, help="The scenarios, one a line.")
@click.option("--at", default="", help="Another moment, e.g. 'Fri 4:55pm'.")
@click.option("--speed", type=click.FloatRange(0.1, 50), default=1.0, show_default=True, help="Call seconds a second.")
@click.option(
    "--caller-audio",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recording the caller plays (WAV).",
)
@click.option("--headless", is_flag=True, help="No page: one call, then the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the report object.")
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
    """One call on the embedded sandbox, from ring to hand-off. No keys, no network."""
    known = _scenarios()
    if listing:
        width = max(len(name) for name in known)
        for each in known.values():
            click.echo(f"{each.name:<{width}}  {each.about}")
        return
    if name not in known:
        cannot(f"no scenario {name!r}; there are: {', '.join(known)}")
    settings = settings_of_environment()
    log_to_stderr(settings.log_level if "FLOWENGINE_LOG_LEVEL" in os.environ else "error")
    chosen = known[name]
    file = flow or str(resources.example_flow(chosen.flow))
    compiled, text = compiled_with_text(file)
    if wrong := misfits(chosen, compiled):
        fitting = ", ".join(each.name for each in known.values() if not misfits(each, compiled)) or "none"
        cannot(f"scenario {name} does not fit {file}: {'; '.join(wrong)}\nthose that fit, for --scenario: {fitting}")
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


def _scenarios() -> Any:
    try:
        return scenarios()
    except ScenarioError as mistake:
        cannot(str(mistake))
