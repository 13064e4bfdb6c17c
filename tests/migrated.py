"""A database whose tables are there already: what makes them has tests of its own, in tests/store."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from flowengine.store import open_store


def migrated(file: Path) -> Path:
    """Writes an empty SQLite database there."""
    file.write_bytes(_empty())
    return file


@cache
def _empty() -> bytes:
    with TemporaryDirectory(prefix="flowengine-") as folder, ThreadPoolExecutor(1) as beside_the_loop:
        file = Path(folder, "empty.db")
        beside_the_loop.submit(asyncio.run, _make(file)).result()
        return file.read_bytes()


async def _make(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    await store.start()
    await store.close()
