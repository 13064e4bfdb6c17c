"""What must last, behind one address: `open_store`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

from flowengine.store.bridged import BridgedStore
from flowengine.store.sql import SqlStore
from flowengine.store.vault import Vault

__all__ = ["SqlStore", "open_store", "spool_beside"]


def open_store(url: str, *, encryption_key: str = "", secret_key: str = "", spool: Path | None = None) -> SqlStore:
    """The store at `sqlite:///path` or `postgresql://…`, started by `await start()`.

    `encryption_key` is one Fernet key or several joined by commas (`Vault`); `secret_key` marks callers where there is
    none, and must stay the same from start to start for `called_before` to remember. With `spool`, a folder, an outage
    of the database is bridged there. Raises `ValueError` for an address or a key that cannot be used, without repeating
    it.
    """
    vault = Vault(encryption_key, secret_key)
    return SqlStore(url, vault) if spool is None else BridgedStore(url, vault, spool)


def spool_beside(url: str) -> Path:
    """Where an outage is bridged unless the installation says where: beside a SQLite file, else where we run."""
    where = make_url(url)
    beside = where.database if where.get_backend_name() == "sqlite" else None
    return Path(f"{beside or 'flowengine'}.spool")
