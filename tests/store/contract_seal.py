"""With a key, nothing anybody said can be found in the database; without the right one nothing breaks but reading."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from flowengine.runtime.ports import CannotDecrypt
from flowengine.runtime.rows import Note, Verdict
from flowengine.store import SqlStore, open_store

from .world import AT, CALL, CALLER, CARD, PLANTED, alter, another, dump, parcel, real_lines, whole_call

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


class SealContract:
    async def test_nothing_said_is_found_in_the_database(self, store: SqlStore, url: str) -> None:
        async with another(url, NEW) as sealed:
            await whole_call(sealed)
            found = [word for word in PLANTED if word in await dump(sealed)]
            assert found == []
            assert await sealed.journal("c1") == real_lines()
            assert (await sealed.card("c1-h1") or {})["headline"] == CARD["headline"]
            assert (await sealed.work())[0]["fields"] == {"caller_name": "Maria Lopez", "callback_number": CALLER}
            assert await sealed.notes("c1-h1") == [Note("c1-h1", "has bruxism", "Dana", AT)]
            assert await sealed.due_parcels(AT) == [parcel("p1")]
            assert await sealed.verify("c1") == Verdict(10)
            assert await sealed.called_before("dental_office", CALLER, "c2")

    async def test_without_a_key_it_is_all_there(self, store: SqlStore) -> None:
        """So the test above can fail."""
        await whole_call(store)
        text = await dump(store)
        assert [word for word in PLANTED if word not in text] == []

    async def test_what_was_stored_before_there_was_a_key_stays_readable(self, store: SqlStore, url: str) -> None:
        await whole_call(store)
        async with another(url, NEW) as sealed:
            assert await sealed.journal("c1") == real_lines()
            assert (await sealed.card("c1-h1") or {})["headline"] == CARD["headline"]
            assert await sealed.verify("c1") == Verdict(10)
            await sealed.append("c1", [replace(real_lines()[0], sequence=11)])
            assert await sealed.verify("c1") == Verdict(11)

    async def test_a_new_key_in_front_of_the_old_one(self, store: SqlStore, url: str) -> None:
        async with another(url, OLD) as before:
            await whole_call(before)
        async with another(url, f"{NEW}, {OLD}") as rotated:
            assert await rotated.journal("c1") == real_lines()
            assert await rotated.verify("c1") == Verdict(10)
            assert await rotated.called_before("dental_office", CALLER, "c2")
            await rotated.save_card("c2-h1", "c2", "dental_office", CARD, AT)
        async with another(url, NEW) as after:
            assert [card["handoff"] for card in await after.cards()] == ["c2-h1"]

    async def test_everything_encrypted_anew_needs_the_old_key_no_more(self, store: SqlStore, url: str) -> None:
        """What was kept before there was a key is encrypted on the way."""
        await store.open_call(replace(CALL, call_id="c0", ref="CA0"), caller=CALLER)
        await store.append("c0", real_lines())
        async with another(url, OLD) as before:
            await whole_call(before)
        async with another(url, f"{NEW},{OLD}") as rotating:
            rotated = await rotating.encrypt_anew()
            assert (rotated.anew, rotated.unreadable) == (2 * 10 + 4, 0)
            assert (await rotating.encrypt_anew()).anew == 0  # begun again it has nothing to do
        async with another(url, NEW) as after:
            assert [word for word in PLANTED if word in await dump(after)] == []
            for call_id in ("c0", "c1"):
                assert await after.journal(call_id) == real_lines()
                assert (await after.verify(call_id)).broken == 0
                assert await after.called_before("dental_office", CALLER, call_id)
            assert (await after.card("c1-h1") or {})["headline"] == CARD["headline"]
            assert await after.notes("c1-h1") == [Note("c1-h1", "has bruxism", "Dana", AT)]
            assert await after.due_parcels(AT) == [parcel("p1")]

    async def test_what_no_key_opens_is_counted_and_left(self, store: SqlStore, url: str) -> None:
        async with another(url, OLD) as before:
            await whole_call(before)
        async with another(url, NEW) as after:
            assert not await after.readable()
            rotated = await after.encrypt_anew()
            assert (rotated.anew, rotated.unreadable) == (0, 10 + 4)
        async with another(url, OLD) as again:
            assert await again.readable()
            assert await again.journal("c1") == real_lines()
        assert not await store.readable()
        with pytest.raises(ValueError, match="no key to encrypt with"):
            await store.encrypt_anew()
        await store.blank_call("c1", AT)
        assert await store.readable()  # nothing left that could not be

    @pytest.mark.parametrize("key", ["", NEW], ids=["no key", "another key"])
    async def test_a_wrong_key_costs_what_was_sealed_and_no_list(self, store: SqlStore, url: str, key: str) -> None:
        async with another(url, OLD) as sealed:
            await whole_call(sealed)
        async with another(url, key) as wrong:
            await wrong.save_card("c2-h1", "c2", "dental_office", CARD, AT)
            assert [card["handoff"] for card in await wrong.cards()] == ["c2-h1"]
            assert [*await wrong.work(), *await wrong.notes("c1-h1"), *await wrong.parcels()] == []
            for reading in (wrong.journal("c1"), wrong.card("c1-h1"), wrong.work_item("c1-w1"), wrong.parcel("p1")):
                with pytest.raises(CannotDecrypt) as failure:
                    await reading
                assert not [word for word in PLANTED if word in str(failure.value)]
            verdict = await wrong.verify("c1")
            assert (verdict.broken, verdict.lines) == (1, 10)
            assert "key" in verdict.why
            assert [row.call_id for row in await wrong.calls()] == ["c1"]

    async def test_a_parcel_nobody_can_read_is_given_up(self, store: SqlStore, url: str) -> None:
        """It would be due for ever."""
        async with another(url, OLD) as sealed:
            await sealed.save_parcel(parcel("p1"))
        async with another(url, NEW) as wrong:
            await wrong.save_parcel(parcel("p2"))
            assert await wrong.due_parcels(AT) == []
            assert await wrong.due_parcels(AT) == [parcel("p2")]
        async with another(url, OLD) as sealed:
            given_up = await sealed.parcel("p1")
            assert given_up is not None
            assert given_up.state == "dead"
            assert "decrypted" in given_up.error

    async def test_a_sealed_line_that_was_altered_shows(self, store: SqlStore, url: str) -> None:
        async with another(url, NEW) as sealed:
            await whole_call(sealed)
            other = "(SELECT body FROM journal WHERE call_id = 'c1' AND sequence = 3)"
            await alter(sealed, f"UPDATE journal SET body = {other} WHERE call_id = 'c1' AND sequence = 5")
            assert (await sealed.verify("c1")).broken == 5
            await alter(sealed, "UPDATE journal SET body = 'enc1:gAAAAA' WHERE call_id = 'c1' AND sequence = 3")
            assert (await sealed.verify("c1")).broken == 3

    @pytest.mark.parametrize("key", ["hunter2", f"{NEW},hunter2", "x" * 44], ids=["short", "one of two", "long"])
    def test_a_bad_key_is_refused_without_being_repeated(self, url: str, key: str) -> None:
        with pytest.raises(ValueError, match=r"FLOWENGINE_ENCRYPTION_KEY: key [12] is no key; one is 32") as refusal:
            open_store(url, encryption_key=key)
        assert not [part for part in key.split(",") if part in str(refusal.value)]

    async def test_callers_are_marked_by_the_key_that_is_given(self, store: SqlStore, url: str) -> None:
        secret = open_store(url, secret_key="a")
        await secret.open_call(CALL, caller=CALLER)
        assert await secret.called_before("dental_office", CALLER, "c2")
        assert not await store.called_before("dental_office", CALLER, "c2")
        await secret.close()
