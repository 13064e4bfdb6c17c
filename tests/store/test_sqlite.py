"""The store contract on SQLite, and what is SQLite's own."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import text

from flowengine.store import SqlStore, open_store
from flowengine.store.tables import metadata

from .contract import StoreContract
from .world import CALL, LATER, PLANTED, another, entries, whole_call


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/folder/that/is/not/there/calls.db"


@pytest_asyncio.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    store = open_store(url)
    await store.start()
    yield store
    await store.close()


class TestSqlite(StoreContract):
    pass


async def test_readers_do_not_wait_for_a_writer(store: SqlStore, url: str) -> None:
    await store.open_call(CALL)
    writer = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert await store.call("c1") == CALL
    writer.execute("ROLLBACK")
    writer.close()


@pytest.mark.wall
async def test_a_locked_database_costs_time_and_no_line(store: SqlStore, url: str) -> None:
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store.append("c1", entries(1)))
    await asyncio.wait([waiting], timeout=0.2)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert await store.journal("c1") == entries(1)


def _contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


async def test_nothing_said_is_found_in_the_bytes_of_the_files(url: str, tmp_path: Path) -> None:
    """Neither in the database nor in what SQLite writes beside it."""
    async with another(url, Fernet.generate_key().decode()) as store:
        await whole_call(store)
        files = _contents(tmp_path)
        found = [word for word in PLANTED for content in files if word.encode() in content]
    assert len(files) >= 2
    assert found == []


async def test_what_was_emptied_is_not_in_the_bytes_of_the_files_either(url: str, tmp_path: Path) -> None:
    """No key hides it here. Pages that became free are overwritten, which a build of SQLite may leave out by itself."""
    async with another(url) as store:
        await whole_call(store)
        async with store._database.engine.connect() as connection:
            assert (await connection.execute(text("PRAGMA secure_delete"))).scalar() == 1
        await store.blank_call("c1", LATER)
    files = _contents(tmp_path)
    assert files
    assert [word for word in PLANTED for content in files if word.encode() in content] == []


async def test_the_steps_lead_to_the_tables_that_queries_use(store: SqlStore) -> None:
    def differences(connection: Any) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with store._database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_processes_that_start_together_take_turns(url: str) -> None:
    """Real processes: the lock between them is the database's."""
    script = f"import asyncio; from flowengine.store import open_store; asyncio.run(open_store({url!r}).start())"
    started = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    results = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert [code for _, code in results] == [0] * 4, results


@pytest.mark.parametrize("address", ["mysql://u:hunter2@host/x", "calls.db", "sqlite+pysqlite:///x", ""])
def test_another_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///") as refusal:
        open_store(address)
    assert "hunter2" not in str(refusal.value)
