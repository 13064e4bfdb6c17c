"""What hash chain and encryption cost where it counts: lines of a journal written a second, with and without.

    python benchmarks/bench_store.py [--appends 2000] [--url postgresql://…] [--json]

Each append is what a session writes for one event: the event, and the commands it led to, in one transaction. `bare` is
the same insert of the same lines without salt, digest and hash, in a transaction of its own; the others are the store
itself. The kinds take turns, five rounds each, so that a busy machine slows all of them alike; printed are medians.
Without `--url` a SQLite file in a temporary folder is used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from cryptography.fernet import Fernet
from sqlalchemy import insert

from flowengine.runtime.rows import CallRow, Entry
from flowengine.store import SqlStore, open_store
from flowengine.store.tables import journal

ROUNDS = 5
CALL = CallRow("", "", "dental_office", "abc123", "", "2026-11-10T16:15:00+00:00", None)
SAID = '{"at":12.34,"text":"My crown fell out this morning and I would like to see somebody today"}'
LED_TO = json.dumps([{"command": "TellAgent", "prompt": "You are the receptionist of a dental office. " * 20}])
Append = Callable[[str, Sequence[Entry]], Awaitable[None]]


def bare(store: SqlStore) -> Append:
    """The insert alone."""

    async def append(call_id: str, entries: Sequence[Entry]) -> None:
        rows = [
            {"call_id": call_id, "sequence": e.sequence, "kind": e.kind, "body": e.body, "digest": "", "hash": ""}
            for e in entries
        ]
        await store._database.change(lambda connection: connection.execute(insert(journal), rows))

    return append


async def appends_a_second(store: SqlStore, append: Append, count: int) -> float:
    call_id = uuid4().hex
    await store.open_call(replace(CALL, call_id=call_id, ref=call_id))
    began = time.perf_counter()
    for number in range(1, 2 * count, 2):
        await append(call_id, [Entry(number, "CallerSaid", SAID), Entry(number + 1, "Commands", LED_TO)])
    return count / (time.perf_counter() - began)


async def measure(url: str, count: int) -> dict[str, float]:
    plain, sealed = open_store(url), open_store(url, encryption_key=Fernet.generate_key().decode())
    await plain.start()
    kinds: dict[str, tuple[SqlStore, Append]] = {
        "bare": (plain, bare(plain)),
        "chain": (plain, plain.append),
        "chain and encryption": (sealed, sealed.append),
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, (store, append) in kinds.items():
            found[kind].append(await appends_a_second(store, append, count // ROUNDS))
    await plain.close()
    await sealed.close()
    return {kind: statistics.median(values) for kind, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appends", type=int, default=2000, help="of each kind")
    parser.add_argument("--url", help="another database; its tables are made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(given.url or f"sqlite:///{folder}/bench.db", given.appends))
    ratios = {kind: rate / found["bare"] for kind, rate in found.items()}
    if given.json:
        print(json.dumps({"appends_a_second": found, "of_bare": ratios}))
        return
    for kind, rate in found.items():
        print(f"{kind:<22} {rate:8.0f} appends/s   {ratios[kind]:5.2f} of bare   {1e6 / rate:6.0f} µs each")


if __name__ == "__main__":
    main()
