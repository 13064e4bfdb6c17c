"""Links: an address that lets one browser in, once and for a while, and can be taken back."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer

from flowengine.runtime.ports import Bus, Clock, Store

SLACK = 60.0  # seconds a clock may be off (reliability.md F31)

Purpose = Literal["office", "handoff"]
Why = Literal["altered", "expired", "used", "revoked"]


@dataclass(frozen=True, slots=True)
class Link:
    """What a signed link says. `expires` is epoch seconds; `id` is what the link is called when it is taken back."""

    purpose: Purpose
    flow: str
    handoff: str
    expires: float
    id: str

    @property
    def path(self) -> str:
        return f"/desk/handoffs/{self.handoff}" if self.purpose == "handoff" else "/desk/"

    @property
    def call_id(self) -> str:
        """A hand-off's id grows from its call's (`c1-h2`)."""
        return self.handoff.rpartition("-h")[0]


@dataclass(frozen=True, slots=True)
class Refused:
    """A link that opens nothing, and why. `link` is None when its signature is not ours."""

    why: Why
    link: Link | None = None


class Links:
    """Makes links, reads them, and sees to it that each is used once, in all processes and after a restart too."""

    def __init__(self, secret_key: str, clock: Clock, bus: Bus, store: Store) -> None:
        self._clock, self._bus, self._store = clock, bus, store
        self._signer = signer(secret_key, "flowengine.desk.link")

    def make(self, purpose: Purpose, flow: str, handoff: str, seconds: float) -> tuple[Link, str]:
        """A new link and its token."""
        expires = round(self._clock.now().timestamp() + seconds, 3)
        link = Link(purpose, flow, handoff, expires, secrets.token_urlsafe(12))
        return link, self._signer.dumps([purpose, flow, handoff, expires, link.id])

    async def read(self, token: str) -> Link | Refused:
        """A link that would still open something, or why not. Reading does not use it up."""
        link = self._read(token)
        if link is None:
            return Refused("altered")
        if self._clock.now().timestamp() > link.expires + SLACK:
            return Refused("expired", link)
        if await self._store.revoked(revocation(link.id)):
            return Refused("revoked", link)
        return Refused("used", link) if await self._store.revoked(f"used:{link.id}") else link

    async def use(self, link: Link) -> Refused | None:
        """Uses it up; `Refused` when somebody was quicker. The claim decides, the store remembers after a restart."""
        until = link.expires + SLACK
        if not await self._bus.claim(f"desk-link:{link.id}", until - self._clock.now().timestamp()):
            return Refused("used", link)
        await self._store.revoke(f"used:{link.id}", datetime.fromtimestamp(until, UTC).isoformat())
        return None

    def _read(self, token: str) -> Link | None:
        match loads(self._signer, token):
            case [("office" | "handoff") as purpose, str(flow), str(handoff), float(expires), str(id_)]:
                return Link(purpose, flow, handoff, expires, id_)
        return None


def revocation(id: str) -> str:
    """The name under which the store keeps that a link or a session was taken back."""
    return f"pass:{id}"


def signer(secret_key: str, purpose: str) -> URLSafeSerializer:
    """Its own key for each purpose: what is signed for one is nothing for another."""
    return URLSafeSerializer(
        secret_key, salt=purpose, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


def loads(signer: URLSafeSerializer, token: str) -> Any:
    """What was signed; None for anything else."""
    try:
        return signer.loads(token) if token else None
    except BadData:
        return None
