"""Opens the database behind an address and brings its shape up to date, whoever else is doing the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_SECONDS = 5.0  # how long one writer waits for another (reliability.md F29)
_PRAGMAS = (
    f"busy_timeout={int(BUSY_SECONDS * 1000)}",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "secure_delete=ON",  # what retention empties is gone from the file too, whatever this build's default is
)
_MIGRATIONS = Path(__file__).parent / "migrations"
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_MIGRATION_LOCK = 0x666C6F77  # one number all our processes agree on


def open_engine(address: str) -> AsyncEngine:
    """`sqlite:///path` or `postgresql://…`. Raises `ValueError`, without the address: it may hold a password."""
    url = _url(address)
    # Parameters are what callers said: they must not reach an exception's text.
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    wait = {"connect_timeout": int(BUSY_SECONDS)}
    return create_async_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_timeout=BUSY_SECONDS, connect_args=wait
    )


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise ValueError("a database address looks like sqlite:///calls.db or postgresql://user@host/name") from None
    if url.drivername not in _DRIVERS:
        raise ValueError(f"a database is sqlite:///… or postgresql://…, not {url.drivername}://…")
    return url.set(drivername=_DRIVERS[url.drivername])


def make_folder(engine: AsyncEngine) -> None:
    """The folder a SQLite file lies in."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)


async def migrate(engine: AsyncEngine) -> None:
    """Runs the missing steps. Processes that start together take turns; the later ones find nothing to do."""
    async with engine.connect() as connection:
        locked = await connection.execution_options(sqlite_begin="IMMEDIATE")
        async with locked.begin():
            if engine.dialect.name == "postgresql":
                await locked.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            await locked.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # sqlite3 must not begin transactions on its own; `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")
