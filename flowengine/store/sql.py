"""What must last, in SQLite by default and in PostgreSQL by address: one implementation of `ports.Store`, put together
from its parts. What each part does, and why, stands there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from flowengine.runtime.rows import (
    Access,
    AccessLine,
    CallRow,
    DeskKey,
    Entry,
    Note,
    Parcel,
    ParcelState,
    Verdict,
    WrapUp,
)
from flowengine.store.accesses import Accesses
from flowengine.store.calls import Calls
from flowengine.store.cards import Cards
from flowengine.store.desk import Doors
from flowengine.store.journal import Journals
from flowengine.store.outbox import Parcels
from flowengine.store.records import Record, Records, Trail
from flowengine.store.retention import Retention
from flowengine.store.rotation import Rotated, Rotation
from flowengine.store.statements import Statements
from flowengine.store.vault import Vault
from flowengine.store.work import Afterwards, Work


class SqlStore:
    """Implements `ports.Store`. Every write is one transaction, so it happens whole or not at all."""

    def __init__(self, url: str, vault: Vault | None = None) -> None:
        """`sqlite:///path` or `postgresql://…`; raises `ValueError` for anything else. Nothing is opened yet."""
        self._database = database = Statements(url, vault or Vault())
        self._calls, self._cards, self._work = Calls(database), Cards(database), Work(database)
        self._journals, self._afterwards = Journals(database), Afterwards(database)
        self._accesses, self._doors, self._parcels = Accesses(database), Doors(database), Parcels(database)
        self._rotation = Rotation(database)
        self._retention, self._records = Retention(database, self._journals), Records(database, self._journals)

    async def start(self) -> None:
        """Makes the folder and brings the tables up to date; safe in several processes at once."""
        await self._database.start()

    def backlog(self) -> float:
        return 0.0

    async def caught_up(self, call_id: str) -> None:
        """Always: this store keeps nothing waiting."""

    async def close(self) -> None:
        """Waits for what is still being written, at most 5 s."""
        await self._database.close()

    # ---- calls and their journals ------------------------------------------------------------------------------------

    async def open_call(self, row: CallRow, *, caller: str = "") -> None:
        await self._calls.open(row, caller)

    async def call(self, call_id: str) -> CallRow | None:
        return await self._calls.get(call_id)

    async def call_by_ref(self, ref: str) -> CallRow | None:
        return await self._calls.by_ref(ref)

    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        return await self._calls.called_before(flow, caller, call_id)

    async def calls(self, flow: str | None = None, limit: int = 100, *, since: str = "") -> Sequence[CallRow]:
        return await self._calls.newest(flow, limit, since)

    async def flows(self) -> Sequence[str]:
        return await self._records.flows()

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        await self._journals.append(call_id, entries)

    async def journal(self, call_id: str, after: int = 0, *, limit: int | None = None) -> Sequence[Entry]:
        return await self._journals.read(call_id, after, limit)

    async def verify(self, call_id: str) -> Verdict:
        return await self._journals.verify(call_id)

    async def close_call(self, call_id: str, outcome: str) -> None:
        await self._journals.close(call_id, outcome)

    # ---- cards, work, and what staff say afterwards ------------------------------------------------------------------

    async def save_card(self, handoff: str, call_id: str, flow: str, card: Mapping[str, object], at: str) -> None:
        await self._cards.save(handoff, call_id, flow, card, at)

    async def card(self, handoff: str) -> Mapping[str, object] | None:
        return await self._cards.get(handoff)

    async def cards(
        self, flow: str | None = None, limit: int = 100, *, since: str = "", departments: Sequence[str] = ()
    ) -> Sequence[Mapping[str, object]]:
        return await self._cards.newest(flow, limit, since, departments)

    async def save_work(
        self, work: str, call_id: str, flow: str, kind: str, department: str, fields: Mapping[str, str], at: str
    ) -> None:
        await self._work.save(work, call_id, flow, kind, department, fields, at)

    async def work(
        self, flow: str | None = None, limit: int = 100, *, open_only: bool = False, departments: Sequence[str] = ()
    ) -> Sequence[Mapping[str, object]]:
        return await self._work.newest(flow, limit, open_only, departments)

    async def work_item(self, work: str) -> Mapping[str, object] | None:
        return await self._work.get(work)

    async def set_work_done(self, work: str, by: str, at: str) -> bool:
        return await self._work.set_done(work, by, at)

    async def wrap_up(self, wrap: WrapUp, call_id: str, flow: str) -> None:
        await self._afterwards.wrap_up(wrap, call_id, flow)

    async def wrap_ups(self, handoffs: Sequence[str]) -> Mapping[str, WrapUp]:
        return await self._afterwards.wrap_ups(handoffs)

    async def add_note(self, note: Note, call_id: str, flow: str) -> None:
        await self._afterwards.add_note(note, call_id, flow)

    async def notes(self, handoff: str) -> Sequence[Note]:
        return await self._afterwards.notes(handoff)

    # ---- who may look, and who looked --------------------------------------------------------------------------------

    async def note_access(self, access: Access) -> None:
        await self._accesses.note(access)

    async def accesses(
        self, flow: str | None = None, call_id: str | None = None, limit: int = 10_000
    ) -> Sequence[AccessLine]:
        return await self._accesses.kept(flow, call_id, limit)

    async def verify_accesses(self, flow: str) -> Verdict:
        return await self._accesses.verify(flow)

    async def revoke(self, name: str, until: str) -> None:
        await self._doors.revoke(name, until)

    async def revoked(self, name: str) -> bool:
        return await self._doors.is_revoked(name)

    async def save_desk_key(self, key: DeskKey) -> None:
        await self._doors.save_key(key)

    async def desk_keys(self, flow: str | None = None) -> Sequence[DeskKey]:
        return await self._doors.keys(flow)

    async def revoke_desk_key(self, id: str) -> bool:
        return await self._doors.revoke_key(id)

    # ---- the outbox --------------------------------------------------------------------------------------------------

    async def save_parcel(self, parcel: Parcel) -> bool:
        return await self._parcels.save(parcel)

    async def update_parcel(self, parcel: Parcel) -> None:
        await self._parcels.update(parcel)

    async def due_parcels(
        self, now: str, limit: int = 100, not_by: Collection[str] = (), not_to: Collection[str] = ()
    ) -> Sequence[Parcel]:
        return await self._parcels.due(now, limit, not_by, not_to)

    async def next_due(self) -> str | None:
        return await self._parcels.next_due()

    async def parcels(
        self, flow: str | None = None, *, state: ParcelState | None = None, limit: int = 100
    ) -> Sequence[Parcel]:
        return await self._parcels.newest(flow, state, limit)

    async def count_parcels(self, state: ParcelState) -> int:
        return await self._parcels.count(state)

    async def parcel(self, id: str) -> Parcel | None:
        return await self._parcels.get(id)

    # ---- retention ---------------------------------------------------------------------------------------------------

    async def blank_call(self, call_id: str, at: str) -> int:
        return await self._retention.blank(call_id, at)

    async def forget_call(self, call_id: str) -> None:
        await self._retention.forget(call_id)

    async def calls_to_blank(self, flow: str, before: str, limit: int = 100) -> Sequence[str]:
        return await self._retention.to_blank(flow, before, limit)

    async def calls_to_forget(self, flow: str, before: str, limit: int = 100) -> Sequence[str]:
        return await self._retention.to_forget(flow, before, limit)

    async def forget_accesses(self, flow: str, before: str) -> int:
        return await self._accesses.forget(flow, before)

    async def forget_revoked(self, now: str) -> None:
        await self._doors.forget_revoked(now)

    # ---- keys (not of the port) --------------------------------------------------------------------------------------

    async def encrypt_anew(self) -> Rotated:
        """Everything kept, with the first key; `ValueError` without one."""
        return await self._rotation.run()

    async def readable(self) -> bool:
        """Whether the keys are those of this database, as far as its latest line tells."""
        return await self._rotation.readable()

    # ---- for an auditor (not of the port) ----------------------------------------------------------------------------

    async def call_ids(self, flow: str | None = None, since: str = "") -> Sequence[str]:
        """Oldest first; without `flow` and `since` also calls of which nothing but a journal is left."""
        return await self._records.call_ids(flow, since)

    async def record(self, call_id: str) -> Record | None:
        """Everything kept of a call; None when nothing is."""
        return await self._records.record(call_id)

    async def seal_anew(self, flow: str) -> bool:
        """A flow's trail is sealed from its next line on, with the key of today; False when it has none."""
        return await self._accesses.seal_anew(flow)

    async def vanished(self, flow: str | None = None) -> Sequence[str]:
        """Calls that ended, says the register, and of which nothing is kept."""
        return await self._records.vanished(flow)

    async def trail(self, flow: str) -> Trail:
        """A flow's accesses as a chain."""
        return await self._records.trail(flow)
