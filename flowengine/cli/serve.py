"""`serve`: answer real calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from flowengine.app import build
from flowengine.cli.common import cannot, flows_option, log_to_stderr, settings_of_environment
from flowengine.cli.stored import with_store
from flowengine.flow.diagnostics import FlowInvalid, render_concise
from flowengine.flow.model import Flow
from flowengine.flow.needs import private_fields, sends_mail
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook, FlowbookError, read_flows
from flowengine.runtime.handles import ask_for_handles
from flowengine.server import DrainingServer, configured
from flowengine.settings import Settings

NEEDED = {
    "public_url": "FLOWENGINE_PUBLIC_URL",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "assemblyai_api_key": "ASSEMBLYAI_API_KEY",
}


@click.command(short_help="Answer real calls.")
@flows_option
@click.option("--host", default="0.0.0.0", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port to listen on.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; this version runs one."
)
def serve(where: str | None, host: str, port: int, workers: int) -> None:
    """Answer real calls. When it is told to stop, it takes no new ones and lets the others end."""
    settings = settings_of_environment()
    if missing := [name for field, name in NEEDED.items() if not getattr(settings, field)]:
        cannot(f"not set: {', '.join(missing)}. To try flowengine without keys: flowengine demo")
    if workers > 1:
        cannot("several workers need a shared bus, which this version does not have yet; use --workers 1")
    log_to_stderr(settings.log_level)
    if settings.redis_url:
        click.echo("FLOWENGINE_REDIS_URL is set; this version keeps what is live in its one process", err=True)
    flows = _flowbook(where or settings.flows)
    for missing_for in wants(settings, flows.flows.values()):
        cannot(missing_for)
    say_if_unreadable(settings)
    try:
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(_serve(settings, flows, host, port))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def say_if_unreadable(settings: Settings) -> None:
    """Exits 2 for a database or a key that cannot be used at all. With another key calls are still answered: that must
    not stop a telephone."""
    if not with_store(settings, lambda store: store.readable(), new=True):
        click.echo(
            "What was kept last cannot be read with FLOWENGINE_ENCRYPTION_KEY as it is set. Calls are answered, and "
            "pages leave out what is older. Put the former key behind the new one, with a comma.",
            err=True,
        )


def wants(settings: Settings, flows: Iterable[Flow]) -> Iterator[str]:
    """What a flow needs of the installation and does not have: it would be found out by a caller otherwise."""
    for flow in flows:
        if sends_mail(flow) and not (settings.smtp_url and settings.mail_from):
            yield f"{flow.key} sends e-mails: set FLOWENGINE_SMTP_URL and FLOWENGINE_MAIL_FROM"
        if private_fields(flow) and not settings.encryption_key:
            yield (
                f"{flow.key} has fields marked private, which are kept encrypted: set FLOWENGINE_ENCRYPTION_KEY "
                f"(flowengine key prints a new one)"
            )


def _flowbook(where: str) -> Flowbook:
    try:
        return Flowbook(read_flows(where), os.environ)
    except FlowbookError as mistake:
        cannot(str(mistake))
    except FlowInvalid as invalid:
        for diagnostic in invalid.diagnostics:
            click.echo(render_concise(diagnostic), err=True)
        cannot("a flow file is not valid; see flowengine validate")


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it exists (performance.md)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(settings: Settings, flows: Flowbook, host: str, port: int) -> None:
    ask_for_handles()
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
