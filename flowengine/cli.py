"""The command line: parse arguments, call one function, print, return
the exit code (0 clean, 1 findings, 2 could not).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import structlog
from dotenv import load_dotenv

from flowengine import resources
from flowengine.app import build
from flowengine.call.journal import BadJournal, decode, encode_commands, replay
from flowengine.call.report import report
from flowengine.flow.compiler import check_flow, compile_flow
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid, render_concise, render_full, to_json
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow
from flowengine.flow.read import Unreadable
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook, FlowbookError, read_flows
from flowengine.runtime.ports import CallRow, Entry
from flowengine.sandbox.demo import Demo, run, summary
from flowengine.sandbox.scenario import ScenarioError, misfits, scenarios
from flowengine.sandbox.story import tell
from flowengine.sandbox.world import Options
from flowengine.server import DrainingServer, configured
from flowengine.settings import Settings, SettingsError, read_settings
from flowengine.store import open_store


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flowengine")
def main() -> None:
    """Receptionists that hand callers to people, from one YAML file."""


def _cannot(why: str) -> NoReturn:
    click.echo(why, err=True)
    raise SystemExit(2)


# ---- validate --------------------------------------------------------------------------------------------------------


@main.command()
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
        texts[file] = _text(file)
        found += check_flow(texts[file], file, today=today.date() if today else date.today(), load=_beside(file))[1]
    _print_findings(found, texts, form)
    bad = [d for d in found if d.severity == "error" or (strict and d.severity == "warning")]
    raise SystemExit(1 if bad else 0)


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as mistake:
        _cannot(f"cannot read {file}: {mistake.strerror}")
    return raw.decode("utf-8", errors="surrogateescape")


def _beside(file: str) -> Any:
    return lambda name: (Path(file).parent / name).read_text("utf-8")


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


@main.command()
def schema() -> None:
    """Print the JSON Schema of flow files."""
    click.echo(resources.schema_text())


# ---- demo ------------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("flow", required=False)
@click.option("--scenario", "name", default="crown", help="Which call; see --list.")
@click.option("--list", "listing", is_flag=True, help="The scenarios, one a line.")
@click.option("--at", default="", help="Another moment, e.g. 'Fri 4:55pm'.")
@click.option("--speed", type=click.FloatRange(0.1, 50), default=1.0, help="Call seconds a second.")
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
        for each in known.values():
            click.echo(f"{each.name:<20} {each.about}")
        return
    if name not in known:
        _cannot(f"no scenario {name!r}; there are: {', '.join(known)}")
    settings = _settings()
    _log_to_stderr(settings.log_level if "FLOWENGINE_LOG_LEVEL" in os.environ else "error")
    chosen = known[name]
    file = flow or str(resources.example_flow(chosen.flow))
    compiled, text = _compiled(file)
    if wrong := misfits(chosen, compiled):
        _cannot(f"scenario {name} does not fit {file}: {'; '.join(wrong)}")
    given = os.environ.get("FLOWENGINE_DATABASE_URL", "")
    options = Options(
        speed=speed, port=port, caller_audio=caller_audio, database_url=settings.database_url if given else ""
    )
    plan = Demo(file, text, _moment(compiled, at or chosen.at), chosen, options, headless)
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
        _cannot(str(mistake))
    raise SystemExit(1 if failures else 0)


def _scenarios() -> Any:
    try:
        return scenarios()
    except ScenarioError as mistake:
        _cannot(str(mistake))


def _compiled(file: str) -> tuple[Flow, str]:
    text = _text(file)
    try:
        return compile_flow(text, file, load=_beside(file)), text
    except FlowInvalid as invalid:
        for diagnostic in invalid.diagnostics:
            click.echo(render_full(diagnostic, text.splitlines()), err=True)
        _cannot(f"{file} is not a valid flow")


def _moment(flow: Flow, at: str) -> datetime:
    try:
        return moment(flow, at)
    except Unreadable as mistake:
        _cannot(f"cannot read the moment {at!r}: {mistake}")


# ---- serve -----------------------------------------------------------------------------------------------------------


def _settings() -> Settings:
    load_dotenv()
    try:
        return read_settings(os.environ)
    except SettingsError as mistake:
        _cannot(str(mistake))


NEEDED = {
    "public_url": "FLOWENGINE_PUBLIC_URL",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "assemblyai_api_key": "ASSEMBLYAI_API_KEY",
}


@main.command()
@click.option("--flows", "where", help="A flow file, or a folder of them (default: FLOWENGINE_FLOWS, else flows).")
@click.option("--host", default="0.0.0.0", show_default=True)  # a server listens
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
def serve(where: str | None, host: str, port: int, workers: int) -> None:
    """Answer real calls."""
    settings = _settings()
    if missing := [name for field, name in NEEDED.items() if not getattr(settings, field)]:
        _cannot(f"not set: {', '.join(missing)}. To try flowengine without keys: flowengine demo")
    if workers > 1:
        _cannot("several workers need a shared bus, which this version does not have yet; use --workers 1")
    _log_to_stderr(settings.log_level)
    if settings.redis_url:
        click.echo("FLOWENGINE_REDIS_URL is set; this version keeps what is live in its one process", err=True)
    flows = _flowbook(where or settings.flows)
    try:
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(_serve(settings, flows, host, port))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _flowbook(where: str) -> Flowbook:
    try:
        return Flowbook(read_flows(where), os.environ)
    except FlowbookError as mistake:
        _cannot(str(mistake))
    except FlowInvalid as invalid:
        for diagnostic in invalid.diagnostics:
            click.echo(render_concise(diagnostic), err=True)
        _cannot("a flow file is not valid; see flowengine validate")


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it exists (performance.md)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(settings: Settings, flows: Flowbook, host: str, port: int) -> None:
    clock = LoopClock()
    engine = build(settings, flows, clock, phrases=_cache_folder())
    config = configured(engine.app, host=host, port=port)
    warming = asyncio.create_task(engine.warm(clock))
    for flow in flows.flows.values():
        numbers, link = ", ".join(flow.office.phone_numbers), engine.access.office_link(flow.key, 12 * 3600)
        click.echo(f"{flow.office.name}: {numbers}  desk: {link}", err=True)
    await DrainingServer(config, engine.calls).serve()
    warming.cancel()


def _cache_folder() -> Path:
    """Where rendered sentences are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowengine" / "phrases"


def _log_to_stderr(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


# ---- replay ----------------------------------------------------------------------------------------------------------


@main.command(name="replay")
@click.argument("call")
@click.option(
    "--flow",
    "flow_file",
    type=click.Path(exists=True, dir_okay=False),
    help="Run with this flow instead of the call's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report object.")
def replay_command(call: str, flow_file: str | None, as_json: bool) -> None:
    """Run a journal again: a call's id, or a file of JSON lines. Exit 1 where today's commands differ."""
    settings = _settings()
    row, entries = _journal_of(call, settings)
    text = Path(flow_file).read_text("utf-8") if flow_file else row.flow_source
    try:
        flow = compile_flow(text, flow_file or row.flow)
        events = [decode(e.kind, e.body) for e in entries if e.kind != "Commands"]
    except (FlowInvalid, BadJournal) as mistake:
        _cannot(f"cannot replay {call}: {mistake}")
    steps = list(replay(flow, events, [e.body for e in entries if e.kind == "Commands"]))
    differing = [s for s in steps if s.differs_from is not None]
    if as_json:
        click.echo(json.dumps(report(flow, events), ensure_ascii=False))
    else:
        for step in steps:
            for line in tell(flow, step):
                click.echo(line)
    for step in differing:
        where = f"differs at {step.event.at:.1f} s, {type(step.event).__name__}:"
        now = encode_commands(step.commands)
        click.echo("\n".join((where, f"  then {step.differs_from}", f"  now  {now}")), err=True)
    click.echo(f"{len(steps)} events, {len(differing) or 'no'} difference{'s' * (len(differing) != 1)}", err=True)
    raise SystemExit(1 if differing else 0)


def _journal_of(call: str, settings: Settings) -> tuple[CallRow, list[Entry]]:
    if Path(call).is_file():
        return _journal_file(Path(call))
    return asyncio.run(_stored(call, settings))


async def _stored(call: str, settings: Settings) -> tuple[CallRow, list[Entry]]:
    store = open_store(settings.database_url)
    await store.start()
    try:
        row = await store.call(call)
        if row is None:
            _cannot(f"no call {call!r} in {settings.database_url.split('@')[-1]}, and no file of that name")
        return row, list(await store.journal(call))
    finally:
        await store.close()


def _journal_file(path: Path) -> tuple[CallRow, list[Entry]]:
    """A journal as JSON lines: the first describes the call, each further one is an entry."""
    try:
        first, *rest = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return CallRow(**first), [Entry(**line) for line in rest]
    except (ValueError, TypeError) as mistake:
        _cannot(f"{path} is not a journal: {mistake}")


if __name__ == "__main__":
    main()
