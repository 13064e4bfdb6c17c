"""The addresses Twilio calls back, on one page: `routes.py` serves them, documents and orders name them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flowengine.carriers.twilio.tokens import StreamTokens


def call_of(leg: str) -> str:
    """The call a leg belongs to: its id up to the last `-staff-` or `-caller`."""
    return leg.rpartition("-staff-")[0] or leg.removesuffix("-caller")


def caller_leg(call_id: str) -> str:
    return f"{call_id}-caller"


@dataclass(frozen=True, slots=True)
class Links:
    """Everything a document of one call can point at: absolute, because inline TwiML has no base (twilio.md 2)."""

    public_url: str
    call_id: str
    tokens: StreamTokens

    def of_call(self, what: str, *more: str) -> str:
        """`what` is recovery, room, recorded, refer, dial or conference."""
        return self._at("calls", self.call_id, what, *more)

    def of_leg(self, leg: str, what: str) -> str:
        """`what` is answer, key, room, status or machine."""
        return self._at("legs", leg, what)

    @property
    def recovery(self) -> str:
        return self.of_call("recovery")

    def socket(self, name: str) -> str:
        """A stream's address: always wss (31922), never with a query (31920)."""
        return f"wss://{urlsplit(self.public_url).netloc}{urlsplit(self.public_url).path}/twilio/{name}"

    def _at(self, *parts: str) -> str:
        return "/".join((self.public_url, "twilio", *(quote(part, safe="") for part in parts)))
