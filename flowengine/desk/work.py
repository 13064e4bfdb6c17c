"""Puts messages, promised calls and what tools ask for on a department's desk: the outbox's channel in the house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import structlog

from flowengine.runtime.ports import Bus, Store
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Failed, Taken

log = structlog.get_logger("flowengine.desk")


class DeskWork:
    """`senders.Sender`. The parcel's id names the work and its address the department; a second try changes nothing."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store, self._bus = store, bus

    async def send(self, parcel: Parcel) -> Taken | Failed:
        kind, fields = str(parcel.data["kind"]), cast(Mapping[str, str], parcel.data["fields"])
        call, flow, department = parcel.call_id, parcel.flow, parcel.address
        try:
            await self._store.save_work(parcel.id, call, flow, kind, department, fields, parcel.made)
        except Exception as mistake:  # whatever is wrong with a store, its list may be there again later
            log.error("work_not_kept", work=parcel.id, error=type(mistake).__name__)
            return Failed("the list of work could not be written")
        item = {"work": parcel.id, "call_id": call, "kind": kind, "department": department, "fields": fields}
        work = {**item, "at": parcel.made, "done_at": "", "done_by": ""}
        await self._bus.publish(f"office:{flow}", {"type": "work", "work": work})
        return Taken()

    async def close(self) -> None:
        """Nothing is kept open."""
