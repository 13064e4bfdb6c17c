"""Names and dates as the carrier writes them: SIDs that are the same in every run of a seed, RFC 2822 dates."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from email.utils import format_datetime

__all__ = ["Sids", "formatted", "is_phone", "is_sip", "rfc2822"]

_PHONE = re.compile(r"\+[1-9]\d{6,14}")


class Sids:
    """Makes SIDs: two letters and 32 lower-case hex digits (twilio.md, head)."""

    def __init__(self, seed: int, run: str = "") -> None:
        """Another `run` gives other SIDs: the carrier never gives one twice."""
        self._random = random.Random(f"sids {seed} {run}")

    def new(self, prefix: str) -> str:
        return f"{prefix}{self._random.getrandbits(128):032x}"

    def token(self) -> str:
        """An opaque value, such as `CallToken`."""
        return f"{self._random.getrandbits(256):064x}"


def rfc2822(moment: datetime | None) -> str | None:
    """`Tue, 31 Aug 2010 20:36:28 +0000`."""
    return None if moment is None else format_datetime(moment.astimezone(UTC))


def is_phone(address: str) -> bool:
    """Whether this is an E.164 number."""
    return bool(_PHONE.fullmatch(address))


def is_sip(address: str) -> bool:
    return address.startswith(("sip:", "sips:"))


def formatted(address: str) -> str:
    """A North American number as the API shows it, `(312) 555-0111`; anything else as it is."""
    if len(address) == 12 and address.startswith("+1"):
        return f"({address[2:5]}) {address[5:8]}-{address[8:]}"
    return address
