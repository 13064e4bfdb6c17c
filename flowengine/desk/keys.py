"""Passphrases of a desk: made of words people can type, kept as a salted hash, checked at the same cost for anybody."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from flowengine.runtime.rows import DeskKey

WORDS = 5  # of 256: 40 bits, against five tries in a quarter of an hour
COST, BLOCK, PARALLEL = 2**14, 8, 5  # scrypt as OWASP's password storage page has it for 16 MiB
SALT_BYTES = 16
LONGEST = 200  # characters of a passphrase that are looked at


@cache
def words() -> tuple[str, ...]:
    """The 256 words."""
    text = (files("flowengine.desk") / "data" / "passphrase_words.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def passphrase() -> str:
    """A new one."""
    return "-".join(secrets.choice(words()) for _ in range(WORDS))


def secret(passphrase: str, others: Sequence[DeskKey]) -> str:
    """What is kept of a passphrase. The keys of one office share a salt, so that a sign-in costs one hash."""
    salts = [_salt(key) for key in others]
    salt = salts[0] if salts else secrets.token_bytes(SALT_BYTES)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${salt.hex()}${_hashed(passphrase, salt).hex()}"


async def matching(passphrase: str, keys: Sequence[DeskKey]) -> DeskKey | None:
    """The key this opens. An office without keys costs the same; hashing happens beside the loop that carries audio."""
    live = [key for key in keys if not key.revoked]
    found = None
    for salt in {_salt(key) for key in keys} or {b"an office without keys"}:
        hashed = await asyncio.to_thread(_hashed, passphrase, salt)
        for key in live:
            if _salt(key) == salt and hmac.compare_digest(hashed, bytes.fromhex(key.secret.rpartition("$")[2])):
                found = key
    return found


def _salt(key: DeskKey) -> bytes:
    return bytes.fromhex(key.secret.split("$")[4])


def _hashed(passphrase: str, salt: bytes) -> bytes:
    """However it was typed: any case, any marks or spaces between the words."""
    typed = "-".join(re.findall(r"[^\W_]+", passphrase[:LONGEST].casefold()))
    return hashlib.scrypt(typed.encode("utf-8", "replace"), salt=salt, n=COST, r=BLOCK, p=PARALLEL)
