"""The addresses Twilio calls back, on one page: `routes.py` serves them, documents and orders name them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flowengine.carriers.twilio.tokens import StreamTokens

VOICE = "/twilio/voice"  # of every number: who rings gets a document here
STATUS = "/twilio/status"  # of every number: the end of a caller's leg
TEXTS = "/twilio/texts"  # and a letter: what became of it


def call_of(leg: str) -> str:
    """The call a leg belongs to: its id up to the last `-staff-` or `-caller`."""
    return leg.rpartition("-staff-")[0] or leg.removesuffix("-caller")


def caller_leg(call_id: str) -> str:
    return f"{call_id}-caller"


@dataclass(frozen=True, slots=True)
class Links:
    """Everything a document of one call can point at: absolute, because inline TwiML has no base (twilio.md 2).

    `room` is where a caller waits who asks what there is to hear, and `heard` how many seconds of music were heard.
    """

    public_url: str
    call_id: str
    tokens: StreamTokens
    room: str = ""
    heard: int = 0

    def of_call(self, what: str, *more: str) -> str:
        """`what` is recovery, room, wait, announce, recorded, refer, dial or conference."""
        return self._at("calls", self.call_id, what, *more)

    def of_leg(self, leg: str, what: str) -> str:
        """`what` is answer, key, why, returned, room, status or machine."""
        return self._at("legs", leg, what)

    @property
    def recovery(self) -> str:
        return self.of_call("recovery")

    @property
    def recording(self) -> str:
        """Where the carrier tells what became of a recording."""
        return self._at("recording", self.call_id)

    def recovery_of(self, stream: int) -> str:
        """Where to ask what follows this stream: its number tells a late question from a new one."""
        return f"{self.recovery}?stream={stream}"

    def music(self, seconds: int) -> str:
        """`seconds` of music that goes on where the caller last heard it."""
        return self.of_call("music", f"{seconds}.wav") + (f"?from={self.heard}" if self.heard else "")

    def wait_on(self, seconds: int) -> str:
        """Where to ask what comes after `seconds` more of music."""
        return f"{self.of_call('wait', self.room)}?heard={self.heard + seconds}"

    def socket(self, name: str) -> str:
        """A stream's address: always wss (31922), never with a query (31920)."""
        return f"wss://{urlsplit(self.public_url).netloc}{urlsplit(self.public_url).path}/twilio/{name}"

    def token(self, socket: str, name: str, after: float = 0.0) -> str:
        """A pass for one stream of `socket`: it opens no other socket."""
        return self.tokens.issue(self.call_id, subject(socket, name), after)

    def _at(self, *parts: str) -> str:
        return "/".join((self.public_url, "twilio", *(quote(part, safe="") for part in parts)))


def report_address(public_url: str, letter: str) -> str | None:
    """Where the carrier is to tell what became of a letter; None where it could not reach us."""
    return f"{public_url}{TEXTS}/{quote(letter, safe='')}" if public_url else None


def subject(socket: str, name: str) -> str:
    """What a stream's token stands for: the socket, and the stream's number or the leg."""
    return f"{socket}:{name}"
