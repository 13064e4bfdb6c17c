"""What several commands need: read a file, compile a flow, read a moment, settings, the log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click
import structlog
from dotenv import load_dotenv

from flowengine.flow.compiler import compile_flow
from flowengine.flow.diagnostics import FlowInvalid, render_full
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow
from flowengine.flow.read import Unreadable
from flowengine.runtime import flowbook
from flowengine.settings import Settings, SettingsError, read_settings

# Libraries that tell at DEBUG what passes through them: statements with their values, messages, addresses.
TALKATIVE = (
    "aiosqlite", "aiosmtplib", "asyncio", "httpcore", "picows", "psycopg", "python_multipart", "sqlalchemy", "twilio",
    "websockets",
)  # fmt: skip


flows_option = click.option(
    "--flows",
    "where",
    metavar="FILE|FOLDER",
    help="A flow file, or a folder of them (default: FLOWENGINE_FLOWS, else flows).",
)


def cannot(why: str) -> NoReturn:
    """Say why the job cannot be done, and exit 2."""
    click.echo(why, err=True)
    raise SystemExit(2)


def text_of(file: str) -> str:
    """The text of a file, or of stdin for `-`; bytes that are no UTF-8 become lone surrogates."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as mistake:
        cannot(f"cannot read {file}: {mistake.strerror}")
    return raw.decode("utf-8", errors="surrogateescape")


def write_out(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write a result to a file, which has these permissions if it is new; exits 2 when it cannot be written."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as mistake:
        cannot(f"cannot write {path}: {mistake.strerror}")


def beside(file: str) -> Callable[[str], str]:
    """Reads the files a flow names, relative to the flow's own folder."""
    return lambda name: (Path(file).parent / name).read_text("utf-8")


def bytes_beside(file: str) -> Callable[[str], bytes]:
    """The same for files that are no text: hold music."""
    return lambda name: (Path(file).parent / name).read_bytes()


def compiled_with_text(file: str) -> tuple[Flow, str]:
    """The flow in a file and its text; exits 2 with every finding when it has errors."""
    text = text_of(file)
    try:
        return compile_flow(text, file, load=beside(file)), text
    except FlowInvalid as invalid:
        cannot_use(invalid, text, f"{file} is not a valid flow")


def cannot_use(invalid: FlowInvalid, text: str, why: str) -> NoReturn:
    """Print what is wrong with a flow file of this text, say why that stops the job, and exit 2."""
    for diagnostic in invalid.diagnostics:
        click.echo(render_full(diagnostic, text.splitlines()), err=True)
    cannot(why)


def flow_files() -> list[str]:
    """The flow files that count when a command names none: those of `FLOWENGINE_FLOWS`, else of `flows/`."""
    where = Path(settings_of_environment().flows)
    if not where.exists():
        cannot(f"there is no {str(where)!r} here: name a flow file, or say with FLOWENGINE_FLOWS where the flows are")
    files = [str(file) for file in flowbook.flow_files(where)]
    if not files:
        cannot(f"there is no flow file in {where}; name one")
    return files


def moment_of(flow: Flow, at: str) -> datetime:
    """A moment in the office's time, such as `Fri 4:55pm`; exits 2 when it cannot be read."""
    try:
        return moment(flow, at)
    except Unreadable as mistake:
        cannot(f"cannot read --at: {mistake}; {mistake.help}")


def settings_of_environment() -> Settings:
    """The settings from the environment and `.env`; exits 2 naming what is wrong."""
    load_dotenv(".env")  # the one beside the user: without a name, the one beside this module is looked for
    try:
        return read_settings(os.environ)
    except SettingsError as mistake:
        cannot(str(mistake))


def log_to_stderr(level: str) -> None:
    """Log lines of this level and above as JSON to stderr."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
