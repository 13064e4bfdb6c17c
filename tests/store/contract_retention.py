"""What was said goes when its time is over; that it was said, and what became of it, stays longer."""

from __future__ import annotations

import json
from dataclasses import replace

from cryptography.fernet import Fernet

from flowengine.call.journal import decode
from flowengine.runtime.rows import Access, Verdict, WrapUp
from flowengine.store import SqlStore

from .world import AT, CALL, CALLER, CARD, LATER, PLANTED, alter, another, dump, entries, real_lines, whole_call


class RetentionContract:
    async def test_an_emptied_call_holds_no_word_and_still_verifies(self, store: SqlStore) -> None:
        await whole_call(store)
        assert await store.blank_call("c1", LATER) == 10
        assert [word for word in PLANTED if word in await dump(store)] == []
        assert await store.verify("c1") == Verdict(10, 0, 10)
        assert await store.verify_accesses("dental_office") == Verdict(3)  # with what the register says of it
        assert await store.blank_call("c1", LATER) == 0
        assert await store.verify("c1") == Verdict(10, 0, 10)

    async def test_what_stays_of_the_journal(self, store: SqlStore) -> None:
        await whole_call(store)
        await store.blank_call("c1", LATER)
        left = await store.journal("c1")
        assert all(entry.blanked for entry in left)
        assert [(e.sequence, e.kind) for e in left] == [(e.sequence, e.kind) for e in real_lines()]
        events = [decode(entry.kind, entry.body) for entry in left if entry.kind != "Commands"]
        assert [event.at for event in events] == [0.0, 4.0, 5.0, 6.0, 9.0]
        commands = [command for entry in left if entry.kind == "Commands" for command in json.loads(entry.body)]
        by_name = {command["command"]: command for command in commands}
        assert by_name["NoteDecision"]["rule"] == "clinical_question"
        assert by_name["RingStaff"]["address"] == "+13125550111"
        assert by_name["AddWork"]["kind"] == "message"
        assert by_name["AddWork"]["fields"] == {"caller_name": "", "reason": "", "callback_number": ""}
        assert by_name["EndCall"] == {"command": "EndCall", "outcome": "connected"}
        assert by_name["ShowCard"]["card"]["status"] == "connected"

    async def test_what_stays_beside_the_journal(self, store: SqlStore) -> None:
        await whole_call(store)
        await store.blank_call("c1", LATER)
        card = await store.card("c1-h1") or {}
        assert card["blanked"] is True
        assert (card["headline"], card["caller"], card["rule"]) == ("", "", "clinical_question")
        assert card["fields"] == [{"name": "reason", "label": "Reason", "value": "", "private": True}]
        assert card["people"] == [{"person": "Dana", "outcome": "accepted", "why": ""}]
        assert (await store.work())[0]["fields"] == {"caller_name": "", "callback_number": ""}
        assert [note.text for note in await store.notes("c1-h1")] == [""]
        assert [(p.data, p.state) for p in await store.parcels()] == [({}, "dead")]  # never an empty one sent
        assert not await store.called_before("dental_office", CALLER, "c2")
        assert await store.call("c1") == replace(CALL, outcome="connected")

    async def test_what_stays_cannot_be_altered_unseen(self, store: SqlStore) -> None:
        await whole_call(store)
        await store.blank_call("c1", LATER)
        rest = '{"at":4.0,"text":"never said"}'
        await alter(store, "UPDATE journal SET body = :rest WHERE call_id = 'c1' AND sequence = 3", rest=rest)
        verdict = await store.verify("c1")
        assert verdict.broken == 1
        assert "retention" in verdict.why

    async def test_a_cut_tail_shows_in_an_emptied_call_too(self, store: SqlStore) -> None:
        await whole_call(store)
        await store.blank_call("c1", LATER)
        await alter(store, "DELETE FROM journal WHERE call_id = 'c1' AND sequence = 10")
        assert (await store.verify("c1")).broken == 10

    async def test_a_sealed_call_is_emptied_even_when_its_key_is_lost(self, store: SqlStore, url: str) -> None:
        async with another(url, Fernet.generate_key().decode()) as sealed:
            await whole_call(sealed)
        assert await store.blank_call("c1", LATER) == 10
        assert "enc1:" not in await dump(store)
        assert await store.verify("c1") == Verdict(10, 0, 10)
        assert {entry.body for entry in await store.journal("c1")} == {"{}"}

    async def test_news_that_comes_after_a_call_was_emptied_is_emptied_next_time(self, store: SqlStore) -> None:
        await whole_call(store)
        await store.blank_call("c1", LATER)
        assert await store.calls_to_blank("dental_office", LATER) == []
        await store.append("c1", entries(11))
        assert await store.verify("c1") == Verdict(11, 0, 10)
        assert await store.calls_to_blank("dental_office", LATER) == ["c1"]
        assert await store.blank_call("c1", LATER) == 1
        assert await store.verify("c1") == Verdict(11, 0, 11)

    async def test_which_calls_are_due(self, store: SqlStore) -> None:
        for number, outcome in enumerate(["connected", None, "message", None]):
            started = f"2026-11-{10 + number}T16:15:00+00:00"
            await store.open_call(replace(CALL, call_id=f"c{number}", ref=f"r{number}", started=started))
            if outcome:
                await store.close_call(f"c{number}", outcome)
        assert await store.calls_to_blank("dental_office", "2026-11-10T16:15:00+00:00") == []
        assert await store.calls_to_blank("dental_office", "2026-11-12T12:00:00+00:00") == ["c0"]
        # c1 never ended and is a day older than that: the process that had it died
        assert await store.calls_to_blank("dental_office", "2026-11-13T00:00:00+00:00") == ["c0", "c1", "c2"]
        assert await store.calls_to_blank("dental_office", "2026-11-13T00:00:00+00:00", limit=1) == ["c0"]
        assert await store.calls_to_blank("billing", "2026-11-13T00:00:00+00:00") == []
        await store.blank_call("c0", AT)
        assert await store.calls_to_forget("dental_office", "2026-11-12T00:00:00+00:00") == ["c0"]

    async def test_a_forgotten_call_is_gone_and_the_accesses_still_verify(self, store: SqlStore) -> None:
        await whole_call(store)
        await store.wrap_up(WrapUp("c1-h1", True, True, "Dana", AT), "c1", "dental_office")
        await store.save_card("c2-h1", "c2", "dental_office", CARD, AT)
        await store.forget_call("c1")
        assert await store.call("c1") is None
        assert await store.journal("c1") == []
        assert [card["handoff"] for card in await store.cards()] == ["c2-h1"]
        assert [*await store.work(), *await store.notes("c1-h1"), *await store.parcels()] == []
        assert await store.wrap_ups(["c1-h1"]) == {}
        assert "'c1'" not in await dump(store)
        assert [line.access.what for line in await store.accesses("dental_office")] == ["page opened"]
        assert await store.verify_accesses("dental_office") == Verdict(3, 0, 2)
        assert await store.vanished() == []

    async def test_old_accesses_lose_who_did_what(self, store: SqlStore) -> None:
        for who, at in (("Dana", AT), ("Luis", LATER)):
            await store.note_access(Access("dental_office", at, who, "signed in"))
        assert await store.forget_accesses("dental_office", LATER) == 1
        assert [line.access.who for line in await store.accesses("dental_office")] == ["", "Luis"]
        assert await store.verify_accesses("dental_office") == Verdict(2, 0, 1)
