"""What every store must do, told once and run against each of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowengine.runtime.ports import StaleWriter
from flowengine.runtime.rows import Entry, Verdict
from flowengine.store import SqlStore, open_store

from .contract_desk import DeskContract
from .contract_insider import InsiderContract
from .contract_migration import MigrationContract
from .contract_retention import RetentionContract
from .contract_seal import SealContract
from .contract_trail import TrailContract
from .world import AT, CALL, entries


class StoreContract(DeskContract, TrailContract, InsiderContract, SealContract, RetentionContract, MigrationContract):
    """Subclass with a fixture `store` (started) and a fixture `url` (of its database)."""

    async def test_a_call_is_found_by_its_id_and_by_the_carriers(self, store: SqlStore) -> None:
        await store.open_call(CALL)
        assert await store.call("c1") == CALL
        assert await store.call_by_ref("CA1") == CALL
        assert await store.call("nobody") is None
        assert await store.call_by_ref("CA2") is None

    async def test_calls_come_newest_first_and_by_office(self, store: SqlStore) -> None:
        for number, flow in enumerate(["dental_office", "billing", "dental_office"]):
            await store.open_call(replace(CALL, call_id=f"c{number}", ref=f"CA{number}", flow=flow))
        assert [row.call_id for row in await store.calls()] == ["c2", "c1", "c0"]
        assert [row.call_id for row in await store.calls("dental_office")] == ["c2", "c0"]
        assert [row.call_id for row in await store.calls(limit=1)] == ["c2"]

    async def test_a_number_has_called_before_when_another_call_of_the_office_came_from_it(
        self, store: SqlStore
    ) -> None:
        await store.open_call(CALL, caller="+13125550199")
        await store.open_call(replace(CALL, call_id="c2", ref="CA2"))
        assert await store.called_before("dental_office", "+13125550199", "c2")
        assert not await store.called_before("dental_office", "+13125550199", "c1")  # the call itself
        assert not await store.called_before("billing", "+13125550199", "c2")
        for other in ("+1312555019", "13125550199", "+13125550100", "%", "_", ""):
            assert not await store.called_before("dental_office", other, "c3"), other

    async def test_the_calls_of_a_day(self, store: SqlStore) -> None:
        for day in (9, 10, 11):
            await store.open_call(replace(CALL, call_id=f"c{day}", started=f"2026-11-{day:02}T16:15:00.250000+00:00"))
        assert [row.call_id for row in await store.calls(since="2026-11-10")] == ["c11", "c10"]
        assert [row.call_id for row in await store.calls(since="2026-11-10T10:15:00.5-06:00")] == ["c11"]
        assert await store.calls("billing", since="2026-11-10") == []
        assert await store.flows() == ["dental_office"]

    async def test_a_closed_call_has_its_outcome(self, store: SqlStore) -> None:
        await store.open_call(CALL)
        await store.close_call("c1", "connected")
        assert await store.call("c1") == replace(CALL, outcome="connected")

    async def test_the_journal_is_read_in_order_and_from_the_middle(self, store: SqlStore) -> None:
        await store.append("c1", entries(1, 2))
        await store.append("c1", entries(3))
        await store.append("c2", entries(1))
        assert await store.journal("c1") == entries(1, 2, 3)
        assert await store.journal("c1", after=2) == entries(3)
        assert await store.journal("c1", limit=1) == entries(1)
        assert await store.journal("nobody") == []

    async def test_a_second_writer_is_refused_and_leaves_nothing_behind(self, store: SqlStore) -> None:
        await store.append("c1", entries(1, 2))
        with pytest.raises(StaleWriter):
            await store.append("c1", entries(2, 3))
        assert await store.journal("c1") == entries(1, 2)

    async def test_of_two_writers_at_once_exactly_one_wins(self, store: SqlStore) -> None:
        results = await asyncio.gather(*(store.append("c1", entries(1, 2)) for _ in range(8)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["StaleWriter"] * 7
        assert await store.journal("c1") == entries(1, 2)

    async def test_an_improved_card_replaces_the_first_and_keeps_its_place(self, store: SqlStore) -> None:
        await store.save_card("h1", "c1", "dental_office", {"headline": "", "status": "deciding"}, AT)
        await store.save_card("h2", "c2", "dental_office", {"headline": "Later"}, AT)
        card = {"headline": "Maria Lopez", "fields": [{"value": "né"}]}
        await store.save_card("h1", "c1", "dental_office", card, "later")
        beside = {"handoff": "h1", "call_id": "c1", "flow": "dental_office", "at": "later"}
        assert await store.card("h1") == {**card, **beside}
        assert [card["handoff"] for card in await store.cards("dental_office")] == ["h2", "h1"]
        assert await store.cards("billing") == []
        assert await store.card("h3") is None

    async def test_work_comes_newest_first_and_once(self, store: SqlStore) -> None:
        for work in ("c1-w1", "c2-w1", "c1-w1"):
            await store.save_work(work, work[:2], "dental_office", "message", "front_desk", {"reason": "crown"}, AT)
        kept = {"flow": "dental_office", "kind": "message", "department": "front_desk", "fields": {"reason": "crown"}}
        kept |= {"done_at": "", "done_by": ""}
        assert await store.work("dental_office", limit=5) == [
            {"work": "c2-w1", "call_id": "c2", "at": AT, **kept},
            {"work": "c1-w1", "call_id": "c1", "at": AT, **kept},
        ]

    async def test_any_text_a_peer_can_send_is_kept_or_made_harmless(self, store: SqlStore) -> None:
        odd = "Zoë 🦷 '; DROP TABLE calls; -- \x00 \ud800 {{7*7}}"
        await store.append("c1", [Entry(1, "CallerSaid", odd)])
        await store.save_card("h1", "c1", "dental_office", {"headline": odd}, AT)
        await store.open_call(replace(CALL, ref=odd))
        assert (await store.journal("c1"))[0].body.startswith("Zoë 🦷 '; DROP TABLE calls; -- ")
        assert "{{7*7}}" in str((await store.card("h1") or {})["headline"])
        assert await store.call_by_ref(odd) is not None

    async def test_who_gives_up_waiting_breaks_nothing(self, store: SqlStore) -> None:
        """A browser that goes away, a journal line that took too long: no statement is cut off in the middle."""
        alone = asyncio.all_tasks()
        for number in range(1, 60):
            waiting = asyncio.gather(store.append("c1", entries(number)), store.calls(), store.cards())
            await asyncio.sleep(0.002 * (number % 20))
            waiting.cancel()
        await store.append("c1", entries(60))
        assert await store.journal("c1") == entries(*range(1, 61))
        assert await store.verify("c1") == Verdict(60)
        await store.close()
        assert asyncio.all_tasks() == alone

    async def test_everything_outlives_the_process(self, store: SqlStore, url: str) -> None:
        await store.open_call(CALL)
        await store.append("c1", entries(1))
        await store.close()
        again = open_store(url)
        await again.start()
        assert await again.call("c1") == CALL
        assert await again.journal("c1") == entries(1)
        await again.close()

    async def test_many_processes_may_start_at_once(self, store: SqlStore, url: str) -> None:
        others = [open_store(url) for _ in range(4)]
        await asyncio.gather(*(other.start() for other in others))
        await others[0].open_call(CALL)
        assert await others[3].call("c1") == CALL
        for other in others:
            await other.close()

    async def test_a_failure_does_not_repeat_what_the_caller_said(self, store: SqlStore) -> None:
        await store.open_call(CALL)
        with pytest.raises(Exception, match=r".") as failure:
            await store.open_call(replace(CALL, ref="My crown fell out"))
        assert "crown" not in str(failure.value)
