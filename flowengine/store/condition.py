"""What a database is like before anybody uses it: whether it answers, and whether its tables are those of today."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from flowengine.store.database import open_engine

Condition = Literal["ready", "behind", "empty", "newer"]
_MIGRATIONS = Path(__file__).parent / "migrations"


async def condition(address: str) -> Condition:
    """Changes nothing. Raises `ValueError` for an address that is none, `SQLAlchemyError` or `OSError` for a database
    that does not answer."""
    engine = open_engine(address)
    try:
        if engine.dialect.name == "sqlite" and not _is_there(engine.url.database):
            return "empty"  # opening it would make it
        async with engine.connect() as connection:
            return await connection.run_sync(_compared)
    finally:
        await engine.dispose()


def _is_there(file: str | None) -> bool:
    return bool(file) and Path(str(file)).exists()


def _compared(connection: Connection) -> Condition:
    script = ScriptDirectory(str(_MIGRATIONS))
    known = [step.revision for step in script.walk_revisions()]  # the newest first
    now = MigrationContext.configure(connection).get_current_revision()
    if now is None:
        return "empty"
    return "ready" if now == known[0] else "behind" if now in known else "newer"
