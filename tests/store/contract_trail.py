"""Chains: whatever is done to a trail behind our back shows, and what we do ourselves never does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowengine.runtime.ports import StaleWriter
from flowengine.runtime.rows import Access, Verdict
from flowengine.store import SqlStore

from .world import AT, CALL, alter, another, entries

SWAP = (
    "UPDATE journal SET sequence = -1 WHERE call_id = 'c1' AND sequence = 2",
    "UPDATE journal SET sequence = 2 WHERE call_id = 'c1' AND sequence = 3",
    "UPDATE journal SET sequence = 3 WHERE call_id = 'c1' AND sequence = -1",
)
# name → (statements, first line that does not fit, a word of the reason)
TAMPERED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a text altered": (("UPDATE journal SET body = '{}' WHERE call_id = 'c1' AND sequence = 2",), 2, "altered"),
    "a kind altered": (("UPDATE journal SET kind = 'StaffSaid' WHERE call_id = 'c1' AND sequence = 2",), 2, "altered"),
    "a digest altered": (("UPDATE journal SET digest = 'x' WHERE call_id = 'c1' AND sequence = 2",), 2, "altered"),
    "a hash altered": (("UPDATE journal SET hash = 'x' WHERE call_id = 'c1' AND sequence = 2",), 2, "altered"),
    "the first line deleted": (("DELETE FROM journal WHERE call_id = 'c1' AND sequence = 1",), 1, "missing"),
    "lines deleted": (("DELETE FROM journal WHERE call_id = 'c1' AND sequence IN (2, 3)",), 2, "lines 2 to 3"),
    "closed up behind a deleted line": (
        (
            "DELETE FROM journal WHERE call_id = 'c1' AND sequence = 2",
            "UPDATE journal SET sequence = 2 WHERE call_id = 'c1' AND sequence = 3",
        ),
        2,
        "altered or put in",
    ),
    "lines swapped": (SWAP, 2, "altered or put in"),
    "the tail cut": (("DELETE FROM journal WHERE call_id = 'c1' AND sequence >= 4",), 4, "cut off"),
    "everything cut": (("DELETE FROM journal WHERE call_id = 'c1'",), 1, "cut off"),
    "a line put in": (
        (
            "INSERT INTO journal (call_id, sequence, kind, body, salt, digest, hash) "
            "SELECT call_id, 6, kind, body, salt, digest, hash FROM journal WHERE call_id = 'c1' AND sequence = 5",
        ),
        6,
        "put in",
    ),
    "lines of another call": (
        ("DELETE FROM journal WHERE call_id = 'c1'", "UPDATE journal SET call_id = 'c1' WHERE call_id = 'c2'"),
        1,
        "put in",
    ),
    "a line emptied by hand": (
        ("UPDATE journal SET body = '{}', salt = NULL, blank = TRUE WHERE call_id = 'c1' AND sequence = 3",),
        3,
        "nothing says",
    ),
}
ACCESSES_TAMPERED: dict[str, tuple[str, int, str]] = {
    "somebody else": ("UPDATE accesses SET who = 'Luis' WHERE sequence = 2", 2, "altered"),
    "another moment": ("UPDATE accesses SET at = '2026' WHERE sequence = 2", 2, "altered"),
    "another act": ("UPDATE accesses SET what = 'searched' WHERE sequence = 2", 2, "altered"),
    "a line deleted": ("DELETE FROM accesses WHERE sequence = 2", 2, "missing"),
    "the tail cut": ("DELETE FROM accesses WHERE sequence >= 2", 2, "cut off"),
    "all of them": ("DELETE FROM accesses", 1, "cut off"),
}


class TrailContract:
    async def ended(self, store: SqlStore) -> None:
        for call_id in ("c1", "c2"):
            await store.open_call(replace(CALL, call_id=call_id, ref=call_id))
            await store.append(call_id, entries(1, 2))
            await store.append(call_id, entries(3, 4, 5))
            await store.close_call(call_id, "connected")

    async def test_a_journal_that_nobody_touched_is_whole(self, store: SqlStore) -> None:
        await self.ended(store)
        assert await store.verify("c1") == Verdict(5)

    @pytest.mark.parametrize("name", TAMPERED)
    async def test_a_journal_that_somebody_touched_is_not(self, store: SqlStore, name: str) -> None:
        await self.ended(store)
        statements, line, why = TAMPERED[name]
        for statement in statements:
            await alter(store, statement)
        verdict = await store.verify("c1")
        assert verdict.broken == line
        assert why in verdict.why

    async def test_the_tail_of_late_lines_cannot_be_cut_either(self, store: SqlStore, url: str) -> None:
        """News of staff legs still comes when a call is over."""
        await self.ended(store)
        await store.append("c1", entries(6))
        async with another(url) as other:  # a process that does not know yet that the call is over
            await other.append("c1", entries(7))
        assert await store.verify("c1") == Verdict(7)
        await alter(store, "DELETE FROM journal WHERE call_id = 'c1' AND sequence = 7")
        assert (await store.verify("c1")).broken == 7

    async def test_a_running_call_is_whole_so_far(self, store: SqlStore) -> None:
        await store.open_call(CALL)
        assert await store.verify("c1") == Verdict(0)
        await store.append("c1", entries(1, 2))
        assert await store.verify("c1") == Verdict(2)

    async def test_closing_and_late_news_at_once_leave_a_whole_journal(self, store: SqlStore) -> None:
        await store.open_call(CALL)
        await store.append("c1", entries(1))
        await asyncio.gather(
            *(store.append("c1", entries(number)) for number in range(2, 8)), store.close_call("c1", "connected")
        )
        assert await store.verify("c1") == Verdict(7)
        await alter(store, "DELETE FROM journal WHERE call_id = 'c1' AND sequence = 7")
        assert (await store.verify("c1")).broken == 7

    async def test_a_call_goes_on_in_another_process(self, store: SqlStore, url: str) -> None:
        """The first one believes it still knows where the journal ends."""
        await store.open_call(CALL)
        await store.append("c1", entries(1, 2))
        async with another(url) as other:
            await other.append("c1", entries(3))
            with pytest.raises(StaleWriter):
                await store.append("c1", entries(3))
            await store.append("c1", entries(4))
            with pytest.raises(StaleWriter):
                await other.append("c1", entries(4, 5))
            await other.append("c1", entries(5))
        assert await store.verify("c1") == Verdict(5)

    async def test_two_writers_at_once_leave_one_whole_chain(self, store: SqlStore, url: str) -> None:
        async with another(url) as other:
            for number in range(1, 20):
                both = [one.append("c1", entries(number)) for one in (store, other)]
                results = await asyncio.gather(*both, return_exceptions=True)
                assert sorted(type(result).__name__ for result in results) == ["NoneType", "StaleWriter"]
        assert await store.verify("c1") == Verdict(19)

    async def test_a_hole_that_an_outage_left_is_reported_and_never_filled(self, store: SqlStore) -> None:
        await store.append("c1", entries(1, 2))
        await store.append("c1", entries(5, 6))
        verdict = await store.verify("c1")
        assert (verdict.lines, verdict.broken) == (4, 3)
        assert "lines 3 to 4 are missing" in verdict.why
        for late in (entries(3), entries(8, 7), entries(7, 9)):
            with pytest.raises(StaleWriter):
                await store.append("c1", late)
        assert await store.journal("c1") == entries(1, 2, 5, 6)

    async def test_a_call_nobody_knows_has_nothing_to_verify(self, store: SqlStore) -> None:
        assert await store.verify("nobody") == Verdict(0)

    # ---- accesses ----

    async def looked(self, store: SqlStore) -> list[Access]:
        seen = [
            Access("dental_office", AT, "Dana", "page opened", "c1", "c1-h1"),
            Access("dental_office", AT, "unknown", "link refused", detail="expired"),
            Access("billing", AT, "Luis", "list opened"),
            Access("dental_office", AT, "Dana", "wrapped up", "c1", "c1-h1"),
        ]
        for access in seen:
            await store.note_access(access)
        return seen

    async def test_accesses_are_numbered_within_their_flow(self, store: SqlStore) -> None:
        seen = await self.looked(store)
        lines = await store.accesses("dental_office")
        assert [line.access for line in lines] == [seen[0], seen[1], seen[3]]
        assert [line.sequence for line in lines] == [1, 2, 3]
        assert [line.access for line in await store.accesses()] == seen
        assert [line.access for line in await store.accesses(call_id="c1")] == [seen[0], seen[3]]
        assert [line.access for line in await store.accesses(limit=1)] == [seen[3]]
        for flow, count in (("dental_office", 3), ("billing", 1), ("nobody's", 0)):
            assert await store.verify_accesses(flow) == Verdict(count)

    @pytest.mark.parametrize("name", ACCESSES_TAMPERED)
    async def test_accesses_that_somebody_touched(self, store: SqlStore, name: str) -> None:
        await self.looked(store)
        statement, line, why = ACCESSES_TAMPERED[name]
        await alter(store, f"{statement}{' AND' if 'WHERE' in statement else ' WHERE'} flow = 'dental_office'")
        verdict = await store.verify_accesses("dental_office")
        assert verdict.broken == line
        assert why in verdict.why
        assert await store.verify_accesses("billing") == Verdict(1)

    async def test_many_processes_note_accesses_at_once(self, store: SqlStore, url: str) -> None:
        async with another(url) as other:
            both = [one.note_access(Access("billing", AT, "Dana", "live view")) for one in (store, other) * 20]
            await asyncio.gather(*both)
        assert [line.sequence for line in await store.accesses("billing")] == list(range(1, 41))
        assert await store.verify_accesses("billing") == Verdict(40)
