"""What must last, behind one address: `open_store`."""

from __future__ import annotations

from flowengine.store.sql import SqlStore

__all__ = ["SqlStore", "open_store"]


def open_store(url: str) -> SqlStore:
    """The store at `sqlite:///path` or `postgresql://…`, started by `await start()`. Raises `ValueError` for others."""
    return SqlStore(url)
