"""Encrypts what callers and staff say before it is stored, when the installation has a key.

A sealed text begins with a mark, so rows written before there was a key stay readable beside it.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from flowengine.runtime.ports import CannotDecrypt

SEALED = "enc1:"  # no JSON begins like this


class Vault:
    """`keys` are Fernet keys joined by commas: the first encrypts, each decrypts. Without keys nothing is encrypted."""

    def __init__(self, keys: str = "", secret: str = "") -> None:
        """Raises `ValueError` for a bad key, without repeating it. `secret` marks callers where there is no key."""
        names = [key.strip() for key in keys.split(",") if key.strip()]
        fernets = [_fernet(number, key) for number, key in enumerate(names, 1)]
        self._fernet = MultiFernet(fernets) if fernets else None
        self._today = fernets[0] if fernets else None
        self._secrets = [name.encode() for name in names] or [secret.encode()]
        self._signers = [name.encode() for name in (secret, *names) if name]

    @property
    def locked(self) -> bool:
        """Whether what is stored from now on is encrypted."""
        return self._fernet is not None

    def seal(self, text: str) -> str:
        """The text as it is stored."""
        if self._fernet is not None:
            return SEALED + self._fernet.encrypt(text.encode()).decode()
        return f" {text}" if text.startswith(SEALED) else text  # words that only look sealed

    def open(self, stored: str) -> str:
        """The text again. Raises `CannotDecrypt` when it was sealed with none of the keys, or altered."""
        if not stored.startswith(SEALED):
            return stored
        if self._fernet is None:
            raise CannotDecrypt("a stored text is encrypted and there is no key (FLOWENGINE_ENCRYPTION_KEY)")
        try:
            return self._fernet.decrypt(stored.removeprefix(SEALED)).decode()
        except InvalidToken:
            raise CannotDecrypt("a stored text was encrypted with another key, or altered") from None

    def is_fresh(self, stored: str) -> bool:
        """Whether it is sealed with the key of today, the first."""
        if self._today is None or not stored.startswith(SEALED):
            return False
        try:
            self._today.decrypt(stored.removeprefix(SEALED))
        except InvalidToken:
            return False
        return True

    def mark(self, number: str) -> str:
        """A caller's number as a keyed hash, for comparing; "" stays ""."""
        return self.marks(number)[0] if number else ""

    def marks(self, number: str) -> tuple[str, ...]:
        """The same under every key that may have been the first once."""
        return tuple(
            hmac.new(secret, b"caller " + number.encode(), hashlib.sha256).hexdigest() for secret in self._secrets
        )

    # ---- what nobody can write who has the database but no key -------------------------------------------------------

    @property
    def signs(self) -> bool:
        """Whether there is a key to sign with."""
        return bool(self._signers)

    def sign(self, text: str) -> str:
        """A keyed hash of a text; "" where there is no key."""
        return _signed(self._signers[0], text) if self._signers else ""

    def signed(self, text: str, signature: str) -> bool:
        """Whether it was signed with one of our keys."""
        return any(hmac.compare_digest(_signed(key, text).encode(), signature.encode()) for key in self._signers)


def _signed(secret: bytes, text: str) -> str:
    key = hmac.new(secret, b"flowengine seals", hashlib.sha256).digest()  # the secret serves other purposes too
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _fernet(number: int, key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise ValueError(
            f"FLOWENGINE_ENCRYPTION_KEY: key {number} is no key; one is 32 random bytes as URL-safe base64 (44 "
            "characters that end in =), several are joined by commas"
        ) from None
