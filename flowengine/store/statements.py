"""Runs statements to their end, one writer at a time: what every part of the store reads and writes with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

import structlog
from sqlalchemy import ColumnElement, Executable, Row, Table, collate, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from flowengine.runtime.ports import CannotDecrypt
from flowengine.store.database import BUSY_SECONDS, make_folder, migrate, open_engine
from flowengine.store.texts import to_json
from flowengine.store.vault import Vault

T = TypeVar("T")
ROWS_A_TURN = 50  # about a millisecond and a half of decrypting
log = structlog.get_logger("flowengine.store")


class Statements:
    """An open database and the vault for what is written into it."""

    def __init__(self, url: str, vault: Vault) -> None:
        self.engine, self.vault = open_engine(url), vault
        self._running: set[asyncio.Task[Any]] = set()
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        # SQLite has one writer; waiting here is fairer and quicker than its own polling.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if self._is_sqlite else nullcontext()

    async def start(self) -> None:
        make_folder(self.engine)
        await migrate(self.engine)

    async def close(self) -> None:
        """Waits for what is still being written, at most 5 s."""
        if self._running:
            await asyncio.wait(self._running, timeout=BUSY_SECONDS)
        await self.engine.dispose()

    # ---- reading and writing -----------------------------------------------------------------------------------------

    async def read(self, query: Executable) -> Sequence[Row[Any]]:
        async def reading() -> Sequence[Row[Any]]:
            async with self.engine.connect() as connection:
                return (await connection.execute(query)).all()

        return await self.whole(reading())

    async def one(self, query: Executable) -> Row[Any] | None:
        found = await self.read(query)
        return found[0] if found else None

    async def write(self, statement: Executable) -> int:
        """One statement; how many rows it changed."""

        async def writing() -> int:
            async with self._turn, self.engine.begin() as connection:
                return int((await connection.execute(statement)).rowcount)

        return await self.whole(writing())

    async def change(self, several: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """Several statements that happen together or not at all."""

        async def changing() -> T:
            async with self.transaction() as connection:
                return await several(connection)

        return await self.whole(changing())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """For use inside `whole`. What is read in it is not changed by another writer of SQLite meanwhile."""
        async with self._turn, self.engine.connect() as connection:
            connection = await connection.execution_options(sqlite_begin="IMMEDIATE")
            async with connection.begin():
                yield connection

    async def whole(self, operation: Coroutine[Any, Any, T]) -> T:
        """To its end, whoever gives up waiting: a connection cancelled inside a statement may never answer again."""
        task = asyncio.create_task(operation)
        self._running.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, should nobody wait for it any more

    # ---- what differs between the two databases ----------------------------------------------------------------------

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An insert that can say what happens on a conflict."""
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    async def upsert(
        self, table: Table, key: str, values: Mapping[str, object], *, keeping: Sequence[str] = ()
    ) -> None:
        """Inserts, or replaces the row of that key except what it keeps."""
        changed = {name: value for name, value in values.items() if name != key and name not in keeping}
        await self.write(self.insert(table).values(**values).on_conflict_do_update(index_elements=[key], set_=changed))

    def instant(self, column: ColumnElement[str]) -> ColumnElement[str]:
        """A column of ISO times, compared byte by byte: a language's own order may overlook the signs in them."""
        return column if self._is_sqlite else collate(column, "C")

    # ---- what is sealed ----------------------------------------------------------------------------------------------

    def seal(self, value: Mapping[str, object]) -> str:
        return self.vault.seal(to_json(value))

    def unseal(self, stored: str) -> dict[str, object]:
        """Raises `CannotDecrypt`."""
        value: dict[str, object] = json.loads(self.vault.open(stored))
        return value

    async def readable(self, rows: Iterable[Row[Any]], read: Callable[[Row[Any]], T]) -> list[T]:
        """What a list shows: a row that cannot be decrypted is left out and counted in the log."""
        shown, left_out = [], 0
        async for row in in_turns(rows):
            try:
                shown.append(read(row))
            except CannotDecrypt:
                left_out += 1
        if left_out:
            log.error("rows_not_decrypted", rows=left_out)
        return shown

    async def newest(
        self, table: Table, flow: str | None, limit: int, *only: ColumnElement[bool]
    ) -> Sequence[Row[Any]]:
        query = select(table).where(*only).order_by(table.c.number.desc()).limit(limit)
        return await self.read(query if flow is None else query.where(table.c.flow == flow))


async def in_turns(rows: Iterable[T]) -> AsyncIterator[T]:
    """The rows, letting others have the loop now and then: calls' audio runs on it, and decrypting takes a while."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % ROWS_A_TURN == 0:
            await asyncio.sleep(0)
