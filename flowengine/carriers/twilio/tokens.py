"""One-time passes for media streams, whose addresses carry no query and no secret (twilio.md section 0, row 1)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from flowengine.runtime.ports import Bus, Clock

VALID_FOR = 60.0  # seconds from the document to the stream's first message (reliability.md section 1, 4.4.1)
KEPT_FOR = 600.0  # seconds a used pass is remembered; longer than any pass lives


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token stands for. `stream` is a socket and what of it (`links.subject`)."""

    call_id: str
    stream: str
    until: float  # seconds since the epoch
    nonce: str


class StreamTokens:
    """Issues and redeems the tokens of `<Parameter name="token">`."""

    def __init__(self, secret_key: str, clock: Clock) -> None:
        self._signer = URLSafeSerializer(secret_key, salt="flowengine.twilio.stream")
        self._clock = clock

    def issue(self, call_id: str, stream: str, after: float = 0.0) -> str:
        """A token valid for 60 s, and `after` seconds more when something is spoken before the stream opens."""
        until = self._clock.now().timestamp() + VALID_FOR + after
        return str(self._signer.dumps([call_id, stream, until, secrets.token_urlsafe(9)]))

    async def redeem(self, token: str, call_id: str, stream: str, bus: Bus) -> bool:
        """True for the first who shows a token of exactly this stream in time."""
        held = self._read(token)
        if held is None or (held.call_id, held.stream) != (call_id, stream):
            return False
        if held.until < self._clock.now().timestamp():
            return False
        return await bus.claim(f"twilio-stream:{held.nonce}", KEPT_FOR)

    def _read(self, token: str) -> Pass | None:
        try:
            held: Any = self._signer.loads(token)
            return Pass(*held)
        except (BadData, TypeError):
            return None
