"""The store contract on a real PostgreSQL that the test starts and stops, where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import pytest_asyncio

from flowengine.store import SqlStore, open_store

from .contract import StoreContract

pytestmark = pytest.mark.wall  # another process answers: its time is the wall's


def _tool(name: str) -> str | None:
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    return shutil.which(name) or (found[-1] if found else None)


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as `postgres`, else as nobody."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _run(account: pwd.struct_passwd | None, *command: str) -> None:
    who: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, **who)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The folder of the socket of a server without TCP."""
    initdb, pg_ctl = _tool("initdb"), _tool("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed here")
    account = _account()
    with tempfile.TemporaryDirectory(prefix="flowengine-pg-") as folder:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = f"{folder}/data"
        _run(account, initdb, "-D", data, "-U", "flow", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        _run(account, pg_ctl, "-D", data, "-w", "-t", "30", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield folder
        finally:
            _run(account, pg_ctl, "-D", data, "-m", "immediate", "stop")


@pytest.fixture
def url(server: str) -> str:
    with psycopg.connect(host=server, user="flow", dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS calls WITH (FORCE)")
        connection.execute("CREATE DATABASE calls")
    return f"postgresql://flow@/calls?host={quote(server, safe='')}"


@pytest_asyncio.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    store = open_store(url)
    await store.start()
    yield store
    await store.close()


class TestPostgres(StoreContract):
    pass
