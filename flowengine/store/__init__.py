"""What must last, behind one address: `open_store`."""

from __future__ import annotations

from flowengine.store.sql import SqlStore
from flowengine.store.vault import Vault

__all__ = ["SqlStore", "open_store"]


def open_store(url: str, *, encryption_key: str = "", secret_key: str = "") -> SqlStore:
    """The store at `sqlite:///path` or `postgresql://…`, started by `await start()`.

    `encryption_key` is one Fernet key or several joined by commas (`Vault`); `secret_key` marks callers where there is
    none, and must stay the same from start to start for `called_before` to remember. Raises `ValueError` for an address
    or a key that cannot be used, without repeating it.
    """
    return SqlStore(url, Vault(encryption_key, secret_key))
