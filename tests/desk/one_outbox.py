"""A process with an outbox, to be killed: `python -m tests.desk.one_outbox DATABASE_URL RECEIVER_URL SECRET`."""

from __future__ import annotations

import asyncio
import sys

from flowengine.bus.memory import MemoryBus
from flowengine.desk import webhooks
from flowengine.desk.outbox import Outbox
from flowengine.runtime.clock import LoopClock
from flowengine.store.sql import SqlStore
from tests.desk.parcels import parcel

LONGEST = 300.0  # seconds until it is killed; nothing else ends its try
webhooks.CONNECT_SECONDS = webhooks.TOTAL_SECONDS = LONGEST


async def main(database: str, receiver: str, secret: str) -> None:
    store, clock = SqlStore(database), LoopClock()
    await store.start()
    sender = webhooks.Webhooks([secret], link=lambda parcel: "https://desk.example.com/", allow_private=True)
    outbox = Outbox(store, clock, {"webhook": sender}, claim=MemoryBus().claim)
    await outbox.start()
    await outbox.put(parcel(address=receiver))
    await asyncio.sleep(LONGEST)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
