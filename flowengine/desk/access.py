"""Who may look: signed, expiring links that are swapped once for a cookie, and the session in that cookie."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer
from starlette.responses import Response

from flowengine.runtime.ports import Bus, Clock

SLACK = 60.0  # seconds a clock may be off (reliability.md F31)
ABSOLUTE = 12 * 3600.0  # seconds a session lives at most (OWASP ASVS 7.3.2)
IDLE = 15 * 60.0  # seconds it lives unused (7.3.1); an open live page counts as use
REISSUE_AFTER = 60.0  # seconds after which a used session gets a fresh cookie
MOST_HANDOFFS = 40  # a cookie has 4 KB

Purpose = Literal["office", "handoff"]


@dataclass(frozen=True, slots=True)
class Session:
    """What one browser may see of one office: all (`office`) or the hand-offs it was sent. Times are epoch seconds."""

    id: str
    flow: str
    office: bool
    handoffs: tuple[str, ...]
    born: float
    seen: float

    def may_see(self, handoff: str, flow: str) -> bool:
        return self.flow == flow and (self.office or handoff in self.handoffs)


@dataclass(frozen=True, slots=True)
class Entered:
    """A link that held: where it leads and the session it was swapped for."""

    path: str
    session: Session


@dataclass(frozen=True, slots=True)
class _Link:
    purpose: Purpose
    flow: str
    handoff: str
    expires: float
    nonce: str


class Access:
    """Makes links, swaps them for sessions, reads and renews sessions. What a browser brings counts only if signed."""

    def __init__(self, secret_key: str, clock: Clock, bus: Bus, desk_url: str) -> None:
        self._clock, self._bus, self._desk_url = clock, bus, desk_url.rstrip("/")
        self._links = _signer(secret_key, "flowengine.desk.link")
        self._sessions = _signer(secret_key, "flowengine.desk.session")
        # Without TLS a browser would not keep a Secure cookie; that is right anywhere but on this very machine.
        self._plain = _on_this_machine(desk_url)
        self._cookie = "flowengine" if self._plain else "__Host-flowengine"

    # ---- links -------------------------------------------------------------------------------------------------------

    def office_link(self, flow: str, seconds: float) -> str:
        """An address that shows the list of one office, once, within `seconds`."""
        return self._link("office", flow, "", seconds)

    def handoff_link(self, handoff: str, flow: str, seconds: float) -> str:
        """An address that shows one hand-off, once, within `seconds`."""
        return self._link("handoff", flow, handoff, seconds)

    def _link(self, purpose: Purpose, flow: str, handoff: str, seconds: float) -> str:
        expires = round(self._now() + seconds, 3)
        token = self._links.dumps([purpose, flow, handoff, expires, secrets.token_urlsafe(12)])
        return f"{self._desk_url}/desk/enter/{token}"

    async def enter(self, token: str, cookies: Mapping[str, str]) -> Entered | None:
        """What a link is swapped for; None when it is altered, expired, or was used by another browser."""
        link = self._read_link(token)
        if link is None:
            return None
        now, held = self._now(), self.session(cookies)
        path = f"/desk/handoffs/{link.handoff}" if link.purpose == "handoff" else "/desk/"
        if held and held.flow == link.flow and (held.office or (link.handoff in held.handoffs)):
            return Entered(path, replace(held, seen=now))
        if not await self._bus.claim(f"desk-link:{link.nonce}", link.expires + SLACK - now):
            return None
        return Entered(path, _admit(held, link, now))

    def _read_link(self, token: str) -> _Link | None:
        match _loads(self._links, token):
            case [("office" | "handoff") as purpose, str(flow), str(handoff), float(expires), str(nonce)]:
                return _Link(purpose, flow, handoff, expires, nonce) if self._now() <= expires + SLACK else None
        return None

    # ---- sessions ----------------------------------------------------------------------------------------------------

    def session(self, cookies: Mapping[str, str]) -> Session | None:
        """The session a browser holds, or None when there is none, it is altered, idle or too old."""
        match _loads(self._sessions, cookies.get(self._cookie, "")):
            case [str(id_), str(flow), bool(office), list(handoffs), float(born), float(seen)]:
                held = Session(id_, flow, office, tuple(map(str, handoffs)), born, seen)
                return held if self.seconds_left(held) > 0 and self._now() - seen <= IDLE else None
        return None

    def seconds_left(self, session: Session) -> float:
        """Until the session ends however much it is used."""
        return session.born + ABSOLUTE - self._now()

    def grant(self, response: Response, session: Session) -> None:
        """Puts the session into the browser."""
        value = [session.id, session.flow, session.office, list(session.handoffs), session.born, session.seen]
        response.set_cookie(
            self._cookie,
            self._sessions.dumps(value),
            max_age=max(0, int(self.seconds_left(session))),
            path="/",
            secure=not self._plain,
            httponly=True,
            samesite="lax" if self._plain else "strict",
        )

    def renew(self, response: Response, session: Session) -> None:
        """A used session goes on: the cookie is issued again when it is older than a minute."""
        now = self._now()
        if now - session.seen >= REISSUE_AFTER:
            self.grant(response, replace(session, seen=now))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _admit(held: Session | None, link: _Link, now: float) -> Session:
    """The session after a link: a new one, or the held one of the same office with one hand-off more."""
    office = link.purpose == "office"
    if held is None or held.flow != link.flow or office:
        return Session(secrets.token_urlsafe(9), link.flow, office, () if office else (link.handoff,), now, now)
    return replace(held, handoffs=(*held.handoffs, link.handoff)[-MOST_HANDOFFS:], seen=now)


def _signer(secret_key: str, purpose: str) -> URLSafeSerializer:
    """Its own key for each purpose: what is signed for one is nothing for another."""
    return URLSafeSerializer(
        secret_key, salt=purpose, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


def _loads(signer: URLSafeSerializer, token: str) -> Any:
    try:
        return signer.loads(token) if token else None
    except BadData:
        return None


def _on_this_machine(address: str) -> bool:
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return parts.scheme == "http" and loopback
