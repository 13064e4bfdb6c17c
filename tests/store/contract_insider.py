"""Somebody who may write the whole database, and knows how the chains are made, but has no key of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from flowengine.runtime.rows import Access, Verdict
from flowengine.store import SqlStore
from flowengine.store.chain import accesses_of, beginning, digest_of, digest_of_rest, journal_of, link
from flowengine.store.texts import to_json

from .world import AT, CALL, LATER, alter, another, entries

SECRET = "a secret of the installation"
FLOW = "dental_office"


async def two_calls(store: SqlStore) -> None:
    for call_id in ("c1", "c2"):
        await store.open_call(replace(CALL, call_id=call_id, ref=call_id))
        await store.append(call_id, entries(1, 2, 3, 4, 5))
        await store.close_call(call_id, "connected")


async def chained_anew(store: SqlStore, trail: str, table: str, rows: str, bodies: Iterable[str]) -> str:
    """Every line of a chain computed again over other texts, as we would have done it; the hash of the last."""
    before = beginning(trail).hash
    async with store._database.engine.begin() as connection:
        found = (await connection.execute(text(f"SELECT * FROM {table} WHERE {rows} ORDER BY sequence"))).all()
        for row, body in zip(found, bodies, strict=True):
            kind = row.kind if table == "journal" else row.what
            digest = digest_of(row.salt, body)
            before = link(before, row.sequence, kind, digest)
            changed = f"UPDATE {table} SET digest = :digest, hash = :hash WHERE {rows} AND sequence = :line"
            await connection.execute(text(changed), {"digest": digest, "hash": before, "line": row.sequence})
    return before


async def journal_anew(store: SqlStore) -> None:
    """Line 2 of c1 says something else, and the chain and its end were made to fit."""
    said = ['{"at":2.0,"text":"never said"}' if n == 2 else entries(n)[0].body for n in range(1, 6)]
    await alter(store, "UPDATE journal SET body = :body WHERE call_id = 'c1' AND sequence = 2", body=said[1])
    head = await chained_anew(store, journal_of("c1"), "journal", "call_id = 'c1'", said)
    await alter(store, "UPDATE calls SET head = :head WHERE call_id = 'c1'", head=head)


async def cut_and_reopened(store: SqlStore) -> None:
    await alter(store, "DELETE FROM journal WHERE call_id = 'c1' AND sequence > 3")
    await alter(store, "UPDATE calls SET outcome = NULL, lines = NULL, head = NULL WHERE call_id = 'c1'")


async def reopened(store: SqlStore) -> None:
    await alter(store, "UPDATE calls SET outcome = NULL, lines = NULL, head = NULL WHERE call_id = 'c1'")


async def cut_and_closed_again(store: SqlStore) -> None:
    await alter(store, "DELETE FROM journal WHERE call_id = 'c1' AND sequence > 3")
    third = "(SELECT hash FROM journal WHERE call_id = 'c1' AND sequence = 3)"
    await alter(store, f"UPDATE calls SET lines = 3, head = {third} WHERE call_id = 'c1'")


async def another_outcome(store: SqlStore) -> None:
    await alter(store, "UPDATE calls SET outcome = 'abandoned' WHERE call_id = 'c1'")


async def emptied_by_hand(store: SqlStore) -> None:
    """As retention does it, tombstone and all."""
    await alter(store, "UPDATE journal SET body = '{}', salt = NULL, blank = TRUE WHERE call_id = 'c1'")
    digest = digest_of_rest((number, "CallerSaid", "{}") for number in range(1, 6))
    values = "blanked = :at, blanked_lines = 5, blanked_digest = :digest"
    await alter(store, f"UPDATE calls SET {values} WHERE call_id = 'c1'", at=LATER, digest=digest)


async def deleted(store: SqlStore) -> None:
    for table in ("journal", "calls"):
        await alter(store, f"DELETE FROM {table} WHERE call_id = 'c1'")


async def put_in(store: SqlStore) -> None:
    """A call that never was, closed and chained."""
    await alter(store, "UPDATE journal SET call_id = 'c9' WHERE call_id = 'c2'")
    await alter(store, "UPDATE calls SET call_id = 'c9', ref = 'c9' WHERE call_id = 'c2'")
    said = [entry.body for entry in entries(1, 2, 3, 4, 5)]
    head = await chained_anew(store, journal_of("c9"), "journal", "call_id = 'c9'", said)
    await alter(store, "UPDATE calls SET head = :head WHERE call_id = 'c9'", head=head)


async def swapped(store: SqlStore) -> None:
    """All lines of two calls."""
    for old, new in (("c1", "x"), ("c2", "c1"), ("x", "c2")):
        await alter(store, "UPDATE journal SET call_id = :new WHERE call_id = :old", old=old, new=new)


ATTACKS = {
    "a journal written anew": (journal_anew, "c1", "not the one the trail ended with"),
    "cut, and made to run again": (cut_and_reopened, "c1", "lines 4 to 5 are cut off"),
    "made to run again": (reopened, "c1", "kept as not ended"),
    "cut, and closed again": (cut_and_closed_again, "c1", "lines 4 to 5 are cut off"),
    "another outcome": (another_outcome, "c1", "kept as abandoned"),
    "emptied by hand": (emptied_by_hand, "c1", "does not say that retention did it"),
    "deleted whole": (deleted, "c1", "lines 1 to 5 are cut off"),
    "put in": (put_in, "c9", "does not know that this call ended"),
    "lines of two calls swapped": (swapped, "c1", "put in"),
}


async def accesses_anew(store: SqlStore, who: str) -> None:
    """Somebody else looked, and the chain was made to fit."""
    await alter(store, "UPDATE accesses SET who = :who WHERE who = 'Dana'", who=who)
    async with store._database.engine.connect() as connection:
        query = text("SELECT flow, at, who, what, call_id, handoff, detail FROM accesses ORDER BY sequence")
        bodies = [to_json(dict(row._mapping)) for row in await connection.execute(query)]
    head = await chained_anew(store, accesses_of(FLOW), "accesses", f"flow = '{FLOW}'", bodies)
    await alter(store, "UPDATE trails SET head = :head", head=head)


class InsiderContract:
    @pytest.mark.parametrize("name", ATTACKS)
    async def test_what_was_done_to_a_call_shows(self, store: SqlStore, name: str) -> None:
        await two_calls(store)
        assert (await store.verify("c1"), await store.verify("c2")) == (Verdict(5), Verdict(5))
        attack, call_id, why = ATTACKS[name]
        await attack(store)
        verdict = await store.verify(call_id)
        assert verdict.broken
        assert why in verdict.why

    async def test_a_deleted_call_is_named(self, store: SqlStore) -> None:
        await two_calls(store)
        await deleted(store)
        assert await store.vanished() == await store.vanished(FLOW) == ["c1"]
        assert await store.vanished("billing") == []

    async def test_a_call_forgotten_by_hand_is_counted(self, store: SqlStore) -> None:
        await two_calls(store)
        await store.forget_call("c2")
        assert not (await store.verify_accesses(FLOW)).broken
        await deleted(store)
        nothing = "who = '', call_id = '', handoff = '', detail = '', salt = NULL"
        await alter(store, f"UPDATE accesses SET {nothing} WHERE call_id = 'c1'")
        verdict = await store.verify_accesses(FLOW)
        assert verdict.broken
        assert "2 ended calls were forgotten and retention forgot 1" in verdict.why

    async def test_a_trail_written_anew_does_not_have_our_seal(self, store: SqlStore, url: str) -> None:
        async with another(url, secret_key=SECRET) as sealing:
            await two_calls(sealing)
            await sealing.note_access(Access(FLOW, AT, "Dana", "page opened", "c1"))
            assert await sealing.verify_accesses(FLOW) == Verdict(3, sealed=1)
            await accesses_anew(sealing, "Luis")
            for _ in range(2):
                verdict = await sealing.verify_accesses(FLOW)
                assert verdict.broken == 3
                assert "not the one the trail ended with" in verdict.why
                await sealing.note_access(Access(FLOW, AT, "Dana", "page opened", "c1"))  # does not make it good

    async def test_a_seal_of_another_key_is_none(self, store: SqlStore, url: str) -> None:
        async with another(url, secret_key="of the insider") as insider:
            await two_calls(insider)
        async with another(url, secret_key=SECRET) as sealing:
            await sealing.note_access(Access(FLOW, AT, "Dana", "page opened", "c1"))
            verdict = await sealing.verify_accesses(FLOW)
            assert verdict.broken
            assert "another key" in verdict.why
            assert await sealing.seal_anew(FLOW)  # an operator who has changed the key on purpose
            await sealing.note_access(Access(FLOW, AT, "command line", "sealed anew"))
            assert await sealing.verify_accesses(FLOW) == Verdict(4, sealed=4)
        assert not await store.seal_anew("nobody's")

    async def test_a_cut_trail_shows_by_its_seal(self, store: SqlStore, url: str) -> None:
        async with another(url, secret_key=SECRET) as sealing:
            for who in ("Dana", "Luis", "Maria"):
                await sealing.note_access(Access(FLOW, AT, who, "list opened"))
            await alter(sealing, "DELETE FROM accesses WHERE sequence = 3")
            second = "(SELECT hash FROM accesses WHERE sequence = 2)"
            await alter(sealing, f"UPDATE trails SET lines = 2, head = {second}")
            assert "line 3 is cut off" in (await sealing.verify_accesses(FLOW)).why

    async def test_a_seal_taken_away_moves_its_first_line(self, store: SqlStore, url: str) -> None:
        async with another(url, secret_key=SECRET) as sealing:
            await two_calls(sealing)
            await alter(sealing, "UPDATE trails SET seal = ''")
            assert await sealing.verify_accesses(FLOW) == Verdict(2, sealed=0)
            await sealing.note_access(Access(FLOW, AT, "Dana", "list opened"))
            assert await sealing.verify_accesses(FLOW) == Verdict(3, sealed=3)
            await alter(sealing, "UPDATE trails SET seal = 'nonsense'")
            assert (await sealing.verify_accesses(FLOW)).broken

    async def test_lines_of_a_process_without_the_key_are_sealed_by_the_next_that_has_it(
        self, store: SqlStore, url: str
    ) -> None:
        async with another(url, secret_key=SECRET) as sealing:
            await sealing.note_access(Access(FLOW, AT, "Dana", "list opened"))
            await store.note_access(Access(FLOW, AT, "command line", "exported"))
            assert await sealing.verify_accesses(FLOW) == Verdict(2, sealed=1)
            await sealing.note_access(Access(FLOW, AT, "Dana", "list opened"))
            assert await sealing.verify_accesses(FLOW) == Verdict(3, sealed=1)
        assert await store.verify_accesses(FLOW) == Verdict(3)  # nothing to check the seal with

    async def test_keys_may_change_their_order(self, store: SqlStore, url: str) -> None:
        """The secret key seals; where there is none, the first encryption key; each that is known will do."""
        old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
        async with another(url, old) as before:
            await before.note_access(Access(FLOW, AT, "Dana", "list opened"))
        async with another(url, f"{new},{old}", SECRET) as after:
            await after.note_access(Access(FLOW, AT, "Dana", "list opened"))
            assert await after.verify_accesses(FLOW) == Verdict(2, sealed=1)
