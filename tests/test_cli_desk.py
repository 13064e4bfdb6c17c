"""`flowengine desk`: passphrases and links made, listed and taken back; what was made is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flowengine.bus.memory import MemoryBus
from flowengine.cli import main
from flowengine.desk import keys
from flowengine.desk.access import Access, Entered
from flowengine.desk.links import Refused
from flowengine.runtime.clock import LoopClock
from flowengine.store import SqlStore, open_store

Run = Callable[..., Result]
Stored = Callable[[Callable[[SqlStore], Awaitable[Any]]], Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with a store of its own."""
    monkeypatch.chdir(Path(__file__).parents[1])
    for name, value in {
        "FLOWENGINE_DATABASE_URL": f"sqlite:///{tmp_path}/desk.db",
        "FLOWENGINE_DESK_URL": "https://desk.example.com",
        "FLOWENGINE_SECRET_KEY": "a secret",
        "FLOWENGINE_FLOWS": "flows",
    }.items():
        monkeypatch.setenv(name, value)
    return lambda *args: CliRunner().invoke(main, ["desk", *args])


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """What the store says afterwards."""

    def ask(question: Callable[[SqlStore], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            store = open_store(f"sqlite:///{tmp_path}/desk.db")
            await store.start()
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(asked())

    return ask


def entering(link: str) -> Callable[[SqlStore], Awaitable[Entered | Refused]]:
    """What the desk makes of somebody who comes by it."""

    async def enter(store: SqlStore) -> Entered | Refused:
        access = Access("a secret", LoopClock(), MemoryBus(), "https://desk.example.com", store)
        try:
            return await access.enter(link.rpartition("/")[2], {})
        finally:
            await access.close()

    return enter


def test_a_passphrase_is_printed_once_and_opens_the_desk(run: Run, stored: Stored) -> None:
    made = run("add", "dental_office", "--name", "Front desk", "--departments", "clinical, front_desk")
    assert made.exit_code == 0
    passphrase = made.stdout.strip()
    assert "https://desk.example.com/desk/sign-in?office=dental_office" in made.stderr

    async def matching(store: SqlStore) -> Any:
        return await keys.matching(passphrase, await store.desk_keys("dental_office"))

    key = stored(matching)
    assert key is not None
    assert (key.name, key.role, key.departments) == ("Front desk", "staff", ("clinical", "front_desk"))
    listed = run("list").stdout
    assert key.id in listed
    assert "Front desk" in listed
    assert passphrase not in listed
    assert run("list", "billing_support").stdout == ""


def test_what_is_taken_back_opens_nothing_and_is_written_down(run: Run, stored: Stored) -> None:
    passphrase = run("add", "dental_office", "--name", "Boss", "--manager").stdout.strip()
    id_, flow, role, *_ = run("list").stdout.split()
    assert (flow, role) == ("dental_office", "manager")
    assert run("revoke", id_).exit_code == 0
    assert "revoked" in run("list").stdout

    async def matching(store: SqlStore) -> Any:
        return await keys.matching(passphrase, await store.desk_keys("dental_office"))

    async def trail(store: SqlStore) -> Any:
        return [(line.access.who, line.access.what) for line in await store.accesses("dental_office")]

    assert stored(matching) is None
    assert stored(trail) == [("command line", "key made"), ("command line", "key revoked")]


def test_a_link_opens_the_desk_until_it_is_taken_back(run: Run, stored: Stored) -> None:
    first, second = (run("link", "dental_office").stdout.strip() for _ in range(2))
    assert first.startswith("https://desk.example.com/desk/enter/")

    async def ids(store: SqlStore) -> Any:
        return [line.access.detail.split()[1].rstrip(",") for line in await store.accesses("dental_office")]

    assert run("revoke", stored(ids)[1]).exit_code == 0

    good, bad = (stored(entering(link)) for link in (first, second))
    assert isinstance(good, Entered)
    assert isinstance(bad, Refused)
    assert bad.why == "revoked"


MANY_LOOKS = """
    INSERT INTO accesses (flow, sequence, at, who, what, call_id, handoff, detail, digest, hash)
    WITH RECURSIVE times(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times WHERE n < 10001)
    SELECT 'billing_support', n, '2026-11-10T16:15:00+00:00', 'Dana', 'page opened', '', '', '', '', '' FROM times
"""


def test_an_old_link_is_taken_back_however_much_was_looked_at_since(run: Run, stored: Stored) -> None:
    link = run("link", "dental_office", "--hours", "700").stdout.strip()

    async def looked_at(store: SqlStore) -> str:
        (made,) = await store.accesses()
        async with store._database.engine.begin() as connection:
            await connection.execute(text(MANY_LOOKS))
        assert made not in await store.accesses(), "it must be older than what is usually read of the trail"
        return made.access.detail.split()[1].rstrip(",")

    assert run("revoke", stored(looked_at)).exit_code == 0
    bad = stored(entering(link))
    assert isinstance(bad, Refused)
    assert bad.why == "revoked"


def test_a_link_to_one_handoff(run: Run, stored: Stored) -> None:
    async def save(store: SqlStore) -> Any:
        await store.save_card("c1-h1", "c1", "dental_office", {"version": 1}, "2026-11-10T16:15:00+00:00")
        return None

    stored(save)
    link = run("link", "c1-h1").stdout.strip()
    opened = stored(entering(link))
    assert isinstance(opened, Entered)
    assert opened.path == "/desk/handoffs/c1-h1"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("add", "nobody", "--name", "x"), "there are: billing_support, dental_office"),
        (("add", "dental_office", "--name", "x", "--departments", "kitchen"), "no department kitchen"),
        (("link", "c9-h9"), "no flow or hand-off 'c9-h9'"),
        (("revoke", "nonsense"), "there is no database"),
        (("list",), "there is no database"),
    ],
)
def test_what_cannot_be_done_says_why(run: Run, args: tuple[str, ...], says: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_link_nobody_would_know_is_not_made(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWENGINE_SECRET_KEY")
    result = run("link", "dental_office")
    assert result.exit_code == 2
    assert "FLOWENGINE_SECRET_KEY" in result.stderr
