"""What commands need that look into the store: it is opened as the environment says, and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from flowengine.cli.common import cannot, log_to_stderr
from flowengine.runtime.ports import CannotDecrypt, Store
from flowengine.runtime.rows import Access
from flowengine.settings import Settings
from flowengine.store import SqlStore, open_store

T = TypeVar("T")
WHO = "command line"  # as the trail of accesses calls whoever has the database and the keys


def with_store(settings: Settings, job: Callable[[SqlStore], Awaitable[T]], *, new: bool = False) -> T:
    """What the job gives; exits 2 when the database is not there (unless it may be `new`), cannot be opened or read."""
    try:
        store = open_store(
            settings.database_url, encryption_key=settings.encryption_key, secret_key=settings.lasting_secret
        )
    except ValueError as mistake:
        cannot(str(mistake))
    where = make_url(settings.database_url)
    if not new and where.get_backend_name() == "sqlite" and not Path(where.database or "").is_file():
        cannot(f"there is no database {where.database}; FLOWENGINE_DATABASE_URL says where it is")
    try:
        with log_beside_results():
            return asyncio.run(_opened(store, job))
    except CannotDecrypt as mistake:
        cannot(f"{mistake}; FLOWENGINE_ENCRYPTION_KEY holds the keys")
    except (SQLAlchemyError, OSError) as mistake:
        cannot(f"cannot use the database: {type(mistake).__name__}")


async def note(store: Store, what: str, flow: str, detail: str, *, call_id: str = "") -> None:
    """A line in the trail of accesses: `what` was done here and now."""
    await store.note_access(Access(flow, datetime.now(UTC).isoformat(), WHO, what, call_id, detail=detail))


@contextmanager
def log_beside_results() -> Iterator[None]:
    """What the engine's parts have to say goes to stderr: stdout is for results."""
    before = structlog.get_config()
    log_to_stderr("error")
    try:
        yield
    finally:
        structlog.configure(**before)


async def _opened(store: SqlStore, job: Callable[[SqlStore], Awaitable[T]]) -> T:
    try:
        await store.start()
        return await job(store)
    finally:
        await store.close()
