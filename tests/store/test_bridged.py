"""An outage of the database: nothing of a call is lost, the order is kept, and a process that dies in it takes nothing
with it. The outage is a real one: another process holds the write lock of the file."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.exc import OperationalError

from flowengine.runtime.ports import StaleWriter
from flowengine.runtime.rows import Access, Entry, Parcel, Verdict
from flowengine.store import bridged, open_store, spool_beside
from flowengine.store.bridged import BridgedStore
from flowengine.store.spool import SpoolFull

from .world import AT, CALL, CALLER, CARD, PLANTED, another, entries, parcel, real_lines

FLOW = "dental_office"
KEY = Fernet.generate_key().decode()


class Bridge(BridgedStore):
    """A store whose database can be taken away."""

    down = False

    def __init__(self, folder: Path, key: str = "", most: int = 2**20) -> None:
        plain = open_store(f"sqlite:///{folder}/calls.db", encryption_key=key)
        super().__init__(f"sqlite:///{folder}/calls.db", plain._database.vault, folder / "spool", most)
        for name, does in dict(self._do).items():
            self._do = {**self._do, name: self._or_not(does)}

    def _or_not(self, does: bridged.Does) -> bridged.Does:
        async def perhaps(*values: object) -> object:
            if self.down:
                raise OperationalError("", {}, OSError())
            return await does(*values)

        return perhaps

    async def revoke(self, name: str, until: str) -> None:
        if self.down:
            raise OperationalError("", {}, OSError())
        await super().revoke(name, until)

    async def back(self) -> None:
        """The outage is over, and what it left is written."""
        self.down = False
        for _ in range(100):
            if self._draining is None:
                return
            await asyncio.sleep(1)
        raise AssertionError("the spool is not written")

    def files(self) -> list[Path]:
        return sorted(self._folder.glob("*"))


async def opened(folder: Path, key: str = "", most: int = 2**20) -> Bridge:
    store = Bridge(folder, key, most)
    await store.start()
    return store


async def a_call_in_an_outage(store: Bridge) -> None:
    """From its first line to its last, and everything it asks for."""
    await store.open_call(CALL, caller=CALLER)
    await store.append("c1", real_lines()[:4])
    await store.save_card("c1-h1", "c1", FLOW, CARD, AT)
    assert await store.save_parcel(parcel("p1"))
    await store.append("c1", real_lines()[4:])
    await store.note_access(Access(FLOW, AT, "Dana", "page opened", "c1"))
    await store.close_call("c1", "connected")
    await store.append("c1", entries(11))  # late news


async def all_there(store: BridgedStore) -> None:
    assert await store.journal("c1") == [*real_lines(), *entries(11)]
    assert await store.verify("c1") == Verdict(11)
    assert await store.call("c1") == replace(CALL, outcome="connected")
    assert (await store.card("c1-h1") or {})["headline"] == CARD["headline"]
    assert await store.due_parcels(AT) == [parcel("p1")]
    assert [line.access.who for line in await store.accesses(FLOW)] == ["Dana"]
    assert not (await store.verify_accesses(FLOW)).broken
    assert await store.called_before(FLOW, CALLER, "c2")


async def test_a_whole_call_in_an_outage(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    store.down = True
    await a_call_in_an_outage(store)
    assert await store.journal("c1") == []
    assert 0 < store.backlog() < 1
    behind = asyncio.create_task(store.caught_up("c1"))
    await store.caught_up("c2")
    await asyncio.sleep(0)
    assert not behind.done()
    await store.back()
    await behind
    await all_there(store)
    assert (store.backlog(), store.files()) == (0.0, [])
    await store.append("c1", entries(12))  # the database is asked first again
    assert store.files() == []
    await store.close()


async def test_nothing_said_is_found_in_the_spool(tmp_path: Path) -> None:
    for key, found in ((KEY, []), ("", list(PLANTED[:3]))):
        store = await opened(tmp_path / f"with{key[:3]}", key)
        store.down = True
        await a_call_in_an_outage(store)
        (file,) = store.files()
        assert file.stat().st_mode & 0o777 == 0o600
        assert [word for word in PLANTED[:3] if word.encode() in file.read_bytes()] == found
        await store.back()
        await all_there(store)
        await store.close()


async def test_what_a_process_left_is_there_before_anything_is_read(tmp_path: Path) -> None:
    store = await opened(tmp_path, KEY)
    store.down = True
    await a_call_in_an_outage(store)
    await store.close()
    (file,) = store.files()
    with file.open("ab") as torn:
        torn.write(b"enc1:torn by a dying disk")
    after = await opened(tmp_path, KEY)
    await all_there(after)
    assert after.files() == []
    await after.close()


async def test_a_spool_that_cannot_be_read_is_kept(tmp_path: Path) -> None:
    store = await opened(tmp_path, KEY)
    store.down = True
    await a_call_in_an_outage(store)
    await store.close()
    wrong = await opened(tmp_path, Fernet.generate_key().decode())
    await wrong.close()
    assert len(wrong.files()) == 1
    right = await opened(tmp_path, KEY)
    await all_there(right)
    await right.close()


async def test_a_process_that_lives_keeps_its_own(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    store.down = True
    await store.append("c1", entries(1))
    other = await opened(tmp_path)
    assert await other.journal("c1") == []
    await store.back()
    assert await other.journal("c1") == entries(1)
    for each in (store, other):
        await each.close()


async def test_what_was_written_after_all_is_not_written_twice(tmp_path: Path) -> None:
    """The call stopped waiting for the database; the database did not."""
    store = await opened(tmp_path)
    await store.open_call(CALL)
    await store.append("c1", entries(1, 2))
    store.down = True
    await store.open_call(CALL)
    await store.append("c1", entries(1, 2))
    await store.append("c1", entries(3))
    await store.back()
    assert await store.journal("c1") == entries(1, 2, 3)
    assert len(await store.calls()) == 1
    await store.close()


async def test_lines_of_a_call_that_another_process_has_taken_over_are_left_out(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    store.down = True
    await store.append("c1", entries(1))
    await store.append("c2", entries(1))
    async with another(f"sqlite:///{tmp_path}/calls.db") as other:
        await other.append("c1", [Entry(1, "EngineRestarted", '{"at":9.0}')])
    await store.back()
    assert [entry.kind for entry in await store.journal("c1")] == ["EngineRestarted"]
    assert await store.journal("c2") == entries(1)
    with pytest.raises(StaleWriter):
        await store.append("c2", entries(1))  # no outage: the database has answered
    await store.close()


async def test_a_full_spool_says_so_until_the_database_is_back(tmp_path: Path) -> None:
    store = await opened(tmp_path, most=400)
    store.down = True
    kept = 0
    while store.backlog() < 1.0:
        with suppress(SpoolFull):
            await store.append("c1", entries(kept + 1))
            kept += 1
    assert kept > 1
    with pytest.raises(SpoolFull):
        await store.append("c1", entries(kept + 1))
    await store.back()
    assert store.backlog() == 0.0
    assert await store.journal("c1") == entries(*range(1, kept + 1))
    await store.append("c1", entries(kept + 1))
    await store.close()


async def test_no_room_on_the_disk_is_a_full_spool(tmp_path: Path) -> None:
    """A disk that can be read and not written (reliability.md F28)."""
    store = await opened(tmp_path)
    (tmp_path / "spool").write_text("a file where the folder should be")
    store.down = True
    with pytest.raises(SpoolFull):
        await store.append("c1", entries(1))
    assert store.backlog() == 1.0
    (tmp_path / "spool").unlink()
    await store.back()
    assert store.backlog() == 0.0
    await store.close()


async def test_lines_of_many_calls_go_back_in_few_statements(tmp_path: Path) -> None:
    """An insert may take seconds."""
    store = await opened(tmp_path)
    store.down = True
    for number in range(1, 21):
        for call_id in ("c1", "c2", "c3"):
            await store.append(call_id, entries(number))
    appended: list[int] = []
    does = store._do["append"]

    async def counted(call_id: str, lines: Sequence[Entry]) -> object:
        appended.append(len(lines))
        return await does(call_id, lines)

    store._do = {**store._do, "append": counted}
    await store.back()
    assert appended == [20, 20, 20]
    for call_id in ("c1", "c2", "c3"):
        assert await store.journal(call_id) == entries(*range(1, 21))
    await store.close()


async def test_odd_texts_survive_the_way_over_the_disk(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    store.down = True
    odd = Entry(1, "CallerSaid", 'a\n"b"\r\u2028 \ud800 \x00 🦷')
    await store.append("c1", [odd])
    sent = Parcel("p9", "c1", FLOW, "card", "webhook", "https://x.example", {"n": 1, "deep": [{"ü": None}]}, due=AT)
    await store.save_parcel(sent)
    await store.back()
    assert [entry.body for entry in await store.journal("c1")] == ['a\n"b"\r\u2028 ? ' + " 🦷"]
    assert await store.parcel("p9") == sent
    await store.close()


# ---- real processes --------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, sys
from pathlib import Path
from flowengine.runtime.ledger import Ledger
from flowengine.store import open_store, spool_beside

async def main(url):
    store = open_store(url, encryption_key=sys.argv[2], spool=spool_beside(url))
    await store.start()
    print("started", flush=True)
    sys.stdin.readline()
    ledger = Ledger(store)
    for number in range(1, 10_000):
        await ledger.write("c1", [("CallerSaid", '{"at":%d.0,"text":"line %d"}' % (number, number))])
        print("line", number, flush=True)

asyncio.run(main(sys.argv[1]))
"""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def killed_in_an_outage(database: Path, address: str) -> int:
    """Lines that a process had written, as it knew, when it was killed."""
    command = [sys.executable, "-c", CHILD, address, KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        told = iter(child.stdout or [])
        assert next(told) == "started\n"
        with locked(database):
            print("go", file=child.stdin, flush=True)
            assert any(line == "line 40\n" for line in told)
            child.send_signal(signal.SIGKILL)
            return 40 + sum(line.startswith("line ") and line.endswith("\n") for line in told)


def test_a_process_killed_in_an_outage_has_lost_no_line_it_had_written(tmp_path: Path) -> None:
    database = tmp_path / "calls.db"
    address = f"sqlite:///{database}"
    written = killed_in_an_outage(database, address)

    async def taken_over() -> None:
        async with another(address, KEY) as plain:
            assert await plain.journal("c1") == []  # all of it was in the spool
        after = open_store(address, encryption_key=KEY, spool=spool_beside(address))
        await after.start()
        kept = await after.journal("c1")
        assert len(kept) - written in (0, 1)  # one may have been written and not told any more
        assert list(kept) == entries(*range(1, len(kept) + 1))
        assert not (await after.verify("c1")).broken
        assert list(spool_beside(address).glob("*")) == []
        await after.close()

    asyncio.run(taken_over())
