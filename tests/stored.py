"""A store of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from flowengine.store import SqlStore, open_store


@asynccontextmanager
async def stored(folder: Path) -> AsyncIterator[SqlStore]:
    """In this folder, where what it holds stays: opened again it is there."""
    store = open_store(f"sqlite:///{folder}/calls.db")
    await store.start()
    try:
        yield store
    finally:
        await store.close()
