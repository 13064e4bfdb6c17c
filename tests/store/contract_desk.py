"""What the desk and the outbox keep, on every store."""

from __future__ import annotations

from dataclasses import replace

from flowengine.runtime.rows import DeskKey, Note, Parcel, WrapUp
from flowengine.store import SqlStore

from .world import AT, CARD, parcel

KEY = DeskKey("k1", "dental_office", "Dana", "staff", ("front_desk", "clinical"), "salt$hash", AT)


class DeskContract:
    async def test_work_is_done_and_not_done_after_all(self, store: SqlStore) -> None:
        for work in ("w1", "w2"):
            await store.save_work(work, "c1", "dental_office", "message", "front_desk", {"reason": "x"}, AT)
        assert await store.set_work_done("w1", "Dana", AT)
        assert not await store.set_work_done("w1", "Luis", AT)  # somebody was faster
        item = await store.work_item("w1") or {}
        assert (item["done_by"], item["done_at"]) == ("Dana", AT)
        assert [item["work"] for item in await store.work(open_only=True)] == ["w2"]
        await store.save_work("w1", "c1", "dental_office", "message", "front_desk", {"reason": "y"}, "later")
        item = await store.work_item("w1") or {}
        assert (item["done_by"], item["fields"], item["at"]) == ("Dana", {"reason": "y"}, AT)
        assert await store.set_work_done("w1", "", "")
        assert not await store.set_work_done("w1", "", "")
        assert len(await store.work(open_only=True)) == 2
        assert not await store.set_work_done("nothing", "Dana", AT)
        assert await store.work_item("nothing") is None

    async def test_a_wrap_up_in_two_taps(self, store: SqlStore) -> None:
        """Each tap says one thing and leaves the other."""
        await store.wrap_up(WrapUp("h1", True, None, "Dana", AT), "c1", "dental_office")
        await store.wrap_up(WrapUp("h1", None, False, "Luis", "later"), "c1", "dental_office")
        await store.wrap_up(WrapUp("h2", False, None, "Dana", AT), "c2", "dental_office")
        said = await store.wrap_ups(["h1", "h2", "h3"])
        assert said == {
            "h1": WrapUp("h1", True, False, "Luis", "later"),
            "h2": WrapUp("h2", False, None, "Dana", AT),
        }
        assert await store.wrap_ups([]) == {}

    async def test_notes_stand_in_the_order_they_were_written(self, store: SqlStore) -> None:
        written = [Note("h1", text, "Dana", AT) for text in ("enc1:no key at all", "Zoë 🦷 <b>", "")]
        for note in written:
            await store.add_note(note, "c1", "dental_office")
        await store.add_note(Note("h2", "other", "Luis", AT), "c2", "dental_office")
        assert await store.notes("h1") == written
        assert await store.notes("h3") == []

    async def test_cards_since_a_moment(self, store: SqlStore) -> None:
        await store.save_card("h1", "c1", "dental_office", CARD, "2026-11-09T16:00:00+00:00")
        await store.save_card("h2", "c2", "dental_office", CARD, AT)
        assert [card["handoff"] for card in await store.cards(since="2026-11-10")] == ["h2"]

    async def test_a_small_department_finds_its_own_on_a_busy_day(self, store: SqlStore) -> None:
        for number in range(8):
            department = "clinical" if number == 0 else "front_desk"
            await store.save_card(f"h{number}", "c1", "dental_office", {**CARD, "department_key": department}, AT)
            await store.save_work(f"w{number}", "c1", "dental_office", "message", department, {}, AT)
        assert [card["handoff"] for card in await store.cards(limit=2, departments=("clinical",))] == ["h0"]
        assert [card["handoff"] for card in await store.cards(limit=1, departments=("clinical", "x"))] == ["h0"]
        assert [card["handoff"] for card in await store.cards(limit=1)] == ["h7"]
        assert [work["work"] for work in await store.work(limit=2, departments=("clinical",))] == ["w0"]
        assert await store.work(departments=("nobody",)) == []

    async def test_sign_ins_of_a_desk(self, store: SqlStore) -> None:
        other = replace(KEY, id="k2", flow="billing", name="Luis", role="manager", departments=())
        for key in (KEY, other):
            await store.save_desk_key(key)
        assert await store.desk_keys("dental_office") == [KEY]
        assert await store.desk_keys() == [KEY, other]
        assert await store.revoke_desk_key("k1")
        assert not await store.revoke_desk_key("k1")
        assert not await store.revoke_desk_key("k9")
        assert await store.desk_keys("dental_office") == [replace(KEY, revoked=True)]
        await store.save_desk_key(replace(KEY, name="Dana R."))
        assert (await store.desk_keys("dental_office"))[0].name == "Dana R."

    async def test_what_is_revoked_counts_no_more_until_its_time_is_over(self, store: SqlStore) -> None:
        await store.revoke("link-1", "2026-11-10T17:00:00+00:00")
        await store.revoke("link-1", "2026-11-10T18:00:00+00:00")  # once more, for longer
        await store.forget_revoked("2026-11-10T17:30:00+00:00")
        assert await store.revoked("link-1")
        assert not await store.revoked("link-2")
        await store.forget_revoked("2026-11-10T18:00:00.001+00:00")
        assert not await store.revoked("link-1")

    # ---- the outbox ----

    async def test_a_parcel_is_kept_once(self, store: SqlStore) -> None:
        assert await store.save_parcel(parcel("p1"))
        assert not await store.save_parcel(replace(parcel("p1"), data={"other": 1}))
        assert await store.parcel("p1") == parcel("p1")
        assert await store.parcel("p2") is None

    async def test_parcels_of_one_call_and_address_arrive_in_order(self, store: SqlStore) -> None:
        late = "2026-11-10T17:00:00+00:00"
        await store.save_parcel(parcel("first", due=late))
        await store.save_parcel(parcel("second"))
        await store.save_parcel(parcel("elsewhere", address="https://other.example"))
        await store.save_parcel(parcel("other call", call_id="c2"))
        assert await self.due(store, AT) == ["elsewhere", "other call"]
        assert await store.next_due() == AT
        assert await self.due(store, late) == ["elsewhere", "other call", "first"]
        assert len(await store.due_parcels(late, limit=1)) == 1
        for id in ("elsewhere", "other call"):
            await store.update_parcel(replace(parcel(id), state="sent"))
        assert await store.next_due() == late  # the one behind it is due earlier, and waits for it
        for id in ("elsewhere", "other call"):
            await store.update_parcel(parcel(id))
        await store.update_parcel(replace(parcel("first"), state="sent", tries=1))
        assert await self.due(store, AT) == ["second", "elsewhere", "other call"]

    async def test_what_there_is_no_room_for_is_not_read(self, store: SqlStore) -> None:
        for n in range(3):
            await store.save_parcel(parcel(f"p{n}", call_id=f"c{n}", address="https://dead.example"))
        await store.save_parcel(replace(parcel("text", call_id="c4", address="+13125550111"), channel="sms"))
        await store.save_parcel(parcel("behind", call_id="c5"))
        dead, sms = ["https://dead.example"], ["sms", "email"]
        assert [p.id for p in await store.due_parcels(AT, 2, (), dead)] == ["text", "behind"]
        assert [p.id for p in await store.due_parcels(AT, 2, sms, dead)] == ["behind"]
        assert [p.id for p in await store.due_parcels(AT, 9, sms)] == ["p0", "p1", "p2", "behind"]

    async def test_a_dead_letter_blocks_nothing_and_can_be_found(self, store: SqlStore) -> None:
        await store.save_parcel(parcel("p1"))
        await store.save_parcel(parcel("p2"))
        dead = replace(parcel("p1"), due=AT, tries=9, state="dead", error="answered 500")
        await store.update_parcel(dead)
        assert await store.parcels("dental_office", state="dead") == [dead]
        assert (await store.count_parcels("dead"), await store.count_parcels("waiting")) == (1, 1)
        assert await store.count_parcels("arrived") == 0
        assert await self.due(store, AT) == ["p2"]
        await store.update_parcel(replace(dead, state="waiting", tries=0, error=""))
        assert await self.due(store, AT) == ["p1"]
        assert [p.id for p in await store.parcels()] == ["p2", "p1"]
        assert await store.parcels("billing") == []

    async def test_nothing_is_due_when_nothing_waits(self, store: SqlStore) -> None:
        assert await store.next_due() is None
        await store.save_parcel(replace(parcel("p1"), state="sent"))
        assert await store.next_due() is None

    async def due(self, store: SqlStore, now: str) -> list[str]:
        found: list[Parcel] = list(await store.due_parcels(now))
        return [one.id for one in found]
