"""A database of an earlier version, with calls in it, is brought up to date and is as good as a new one."""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from flowengine.runtime.rows import Verdict
from flowengine.store import open_store
from flowengine.store.database import _MIGRATIONS, make_folder, open_engine

from .world import AT, CALL, CALLER, LATER, alter, another, entries, real_lines, whole_call

OPEN = (
    "INSERT INTO calls (call_id, ref, flow, flow_version, flow_source, started, outcome) "
    "VALUES (:call_id, :call_id, 'dental_office', 'v', '', :started, :outcome)"
)
LINE = "INSERT INTO journal (call_id, sequence, kind, body) VALUES (:call_id, :sequence, :kind, :body)"
CARD = "INSERT INTO cards (handoff, call_id, flow, card, at) VALUES ('h1', 'ended', 'dental_office', '{\"v\": 1}', :at)"
WORK = (
    "INSERT INTO work (work, call_id, flow, kind, department, fields, at) "
    "VALUES ('w1', 'ended', 'dental_office', 'message', 'front_desk', '{\"reason\": \"crown\"}', :at)"
)


def _steps_to(revision: str, direction: str) -> Any:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        getattr(command, direction)(config, revision)

    return run


class MigrationContract:
    async def first_version(self, url: str) -> None:
        """A call that ended, one that runs, one that lost lines in an outage, and one that ended without a line."""
        engine = open_engine(url)
        make_folder(engine)
        async with engine.begin() as connection:
            await connection.run_sync(_steps_to("0001", "upgrade"))
            for call_id, outcome in (
                ("ended", "connected"),
                ("running", None),
                ("holed", "failed"),
                ("mute", "failed"),
            ):
                opened = {"call_id": call_id, "started": CALL.started, "outcome": outcome}
                await connection.execute(text(OPEN), opened)
            lines = [("ended", line) for line in real_lines()]
            lines += [(name, line) for name in ("running", "holed") for line in entries(1, 2)]
            for call_id, line in [*lines, *[("holed", line) for line in entries(5)]]:
                row = {"call_id": call_id, "sequence": line.sequence, "kind": line.kind, "body": line.body}
                await connection.execute(text(LINE), row)
            await connection.execute(text(CARD), {"at": AT})
            await connection.execute(text(WORK), {"at": AT})
        await engine.dispose()

    async def test_a_database_of_the_first_version(self, url: str) -> None:
        await self.first_version(url)
        async with another(url) as store:
            assert await store.journal("ended") == real_lines()
            assert await store.verify("ended") == Verdict(10)
            assert await store.verify("mute") == Verdict(0)
            assert (await store.verify("holed")).broken == 3
            assert (await store.card("h1") or {})["v"] == 1
            assert [card["v"] for card in await store.cards(departments=("clinical",))] == [1]  # nobody knows whose
            assert [item["done_at"] for item in await store.work(open_only=True)] == [""]
            await store.append("running", entries(3))
            await store.append("ended", entries(11))
            await store.close_call("running", "connected")
            assert await store.verify("running") == Verdict(3)
            for call_id, lines in (("running", 3), ("ended", 11)):
                last = f"call_id = '{call_id}' AND sequence = {lines}"
                await alter(store, f"DELETE FROM journal WHERE {last}")
                assert (await store.verify(call_id)).broken == lines
            assert await store.blank_call("ended", LATER) == 10
            assert not (await store.verify_accesses("dental_office")).broken
            await alter(store, "DELETE FROM calls WHERE call_id = 'mute'")
            assert await store.vanished() == ["mute"]

    async def test_a_database_without_a_register_gets_one(self, url: str) -> None:
        """Calls that have ended, and one that retention has emptied, are entered as they are found, and once."""
        async with another(url) as store:
            await whole_call(store)
            await store.blank_call("c1", LATER)
            for table in ("accesses", "trails"):
                await alter(store, f"DELETE FROM {table}")
            assert "does not know that this call ended" in (await store.verify("c1")).why
        for _ in range(2):
            engine = open_engine(url)
            async with engine.begin() as connection:
                await connection.run_sync(_steps_to("0002", "downgrade"))
            await engine.dispose()
            async with another(url) as store:
                assert await store.verify("c1") == Verdict(10, 0, 10)
                assert await store.verify_accesses("dental_office") == Verdict(2)

    async def test_a_caller_of_the_first_version_has_called_before(self, url: str) -> None:
        await self.first_version(url)
        async with another(url) as store:
            assert await store.called_before("dental_office", CALLER, "c2")
            assert not await store.called_before("dental_office", CALLER, "ended")
            assert not await store.called_before("dental_office", "+13125550177", "c2")
            await store.blank_call("ended", LATER)
            assert not await store.called_before("dental_office", CALLER, "c2")

    async def test_back_to_the_first_version_and_forward_again(self, url: str) -> None:
        await self.first_version(url)
        async with another(url):
            pass
        engine = open_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(_steps_to("0001", "downgrade"))
        await engine.dispose()
        store = open_store(url)
        await store.start()
        assert await store.verify("ended") == Verdict(10)
        await store.close()
