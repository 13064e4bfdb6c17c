"""Who may look: signed, expiring links that are swapped once for a cookie, sign-ins, and the session in that cookie."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from starlette.responses import Response

from flowengine.desk import words
from flowengine.desk.links import Link, Links, Purpose, Refused, loads, revocation, signer
from flowengine.desk.trail import Trail
from flowengine.runtime import rows
from flowengine.runtime.ports import Bus, Clock, Store
from flowengine.runtime.rows import DeskKey

ABSOLUTE = 12 * 3600.0  # seconds a session lives at most (OWASP ASVS 7.3.2)
IDLE = 15 * 60.0  # seconds it lives unused (7.3.1); an open live page counts as use
REISSUE_AFTER = 60.0  # seconds after which a used session gets a fresh cookie
KNOWN_SECONDS = 8.0  # for so long it is believed that nothing was taken back
SAME_SECONDS = 1.0
MOST_KNOWN = 10_000
MOST_HANDOFFS = 40  # a cookie has 4 KB

Role = Literal["staff", "manager"]


@dataclass(frozen=True, slots=True)
class Session:
    """What one browser may see of one office: its departments (`office`), and the hand-offs it was sent.

    `who` is how the trail of accesses names it; `departments` empty is all of them; `key` is the id of the desk key
    it signed in with, `links` the ids of the links it came by; a session that began with a link has the link's id.
    Times are epoch seconds.
    """

    id: str
    flow: str
    office: bool
    handoffs: tuple[str, ...]
    born: float
    seen: float
    who: str
    role: Role = "staff"
    departments: tuple[str, ...] = ()
    key: str = ""
    links: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Who it is, for a page; "" for whoever holds a link."""
        return words.named(self.who)

    @property
    def manages(self) -> bool:
        """Whether it may see the figures and what did not arrive."""
        return self.office and self.role == "manager"

    def may_see_department(self, key: str) -> bool:
        """What belongs to no department ("") is for those who see all."""
        return self.office and (not self.departments or key in self.departments)

    def may_see(self, handoff: str, flow: str, department: str) -> bool:
        """A link shows its hand-off wherever it went since; everybody else sees what their departments have now."""
        return self.flow == flow and (handoff in self.handoffs or self.may_see_department(department))


@dataclass(frozen=True, slots=True)
class Entered:
    """Where a link leads and the session it was swapped for."""

    link: Link
    session: Session

    @property
    def path(self) -> str:
        return self.link.path


class Access:
    """Makes links, swaps them for sessions, reads and renews sessions. What a browser brings counts only if signed."""

    def __init__(self, secret_key: str, clock: Clock, bus: Bus, desk_url: str, store: Store) -> None:
        self._clock, self._store, self.desk_url = clock, store, desk_url.rstrip("/")
        self.trail = Trail(store, clock)
        self._links = Links(secret_key, clock, bus, store)
        self._sessions = signer(secret_key, "flowengine.desk.session")
        self._forms = signer(secret_key, "flowengine.desk.form")
        self._known: dict[str, tuple[float, bool]] = {}
        # Without TLS a browser would not keep a Secure cookie; that is right anywhere but on this very machine.
        self._plain = _on_this_machine(desk_url)
        self._cookie = "flowengine" if self._plain else "__Host-flowengine"

    async def close(self) -> None:
        """Writes down what is still to be written about accesses."""
        await self.trail.close()

    # ---- links -------------------------------------------------------------------------------------------------------

    def office_link(self, flow: str, seconds: float, by: str = "flowengine") -> str:
        """An address that shows the list of one office, once, within `seconds`. Needs a running loop."""
        return self._link("office", flow, "", seconds, by)

    def handoff_link(self, handoff: str, flow: str, seconds: float, by: str = "flowengine") -> str:
        """An address that shows one hand-off, once, within `seconds`. Needs a running loop."""
        return self._link("handoff", flow, handoff, seconds, by)

    def sign_in(self, flow: str) -> str:
        """The address of the sign-in of one office, for a text to people who may or may not be let in."""
        return f"{self.desk_url}/desk/sign-in?office={quote(flow)}"

    def _link(self, purpose: Purpose, flow: str, handoff: str, seconds: float, by: str) -> str:
        link, token = self._links.make(purpose, flow, handoff, seconds)
        made = self.access(flow, by, "link made", link.call_id, handoff, f"link {link.id}, holds {seconds:.0f} s")
        self.trail.note_later(made)
        return f"{self.desk_url}/desk/enter/{token}"

    async def look(self, token: str, cookies: Mapping[str, str]) -> Entered | Link | Refused:
        """What a link is, without using it up; `Entered` for a browser that may see what it leads to already."""
        found = await self._links.read(token)
        link = found.link if isinstance(found, Refused) else found
        held = await self.session(cookies)
        if link and held and _leads_nowhere_new(link, held):
            return Entered(link, replace(held, seen=self._now()))
        return found

    async def enter(self, token: str, cookies: Mapping[str, str]) -> Entered | Refused:
        """Swaps a link for a session; the link is used up."""
        found = await self.look(token, cookies)
        if not isinstance(found, Link):
            return found
        if refused := await self._links.use(found):
            return refused
        return Entered(found, _admit(await self.session(cookies), found, self._now()))

    # ---- sessions ----------------------------------------------------------------------------------------------------

    def admit(self, key: DeskKey) -> Session:
        """The session of somebody who signed in with this key."""
        now, id_ = self._now(), secrets.token_urlsafe(12)
        return Session(id_, key.flow, True, (), now, now, key.name, key.role, key.departments, key.id)

    async def session(self, cookies: Mapping[str, str]) -> Session | None:
        """The session a browser holds; None when there is none, it is altered, idle, too old or taken back."""
        held = _session_of(loads(self._sessions, cookies.get(self._cookie, "")))
        if held is None or self.seconds_left(held) <= 0 or self._now() - held.seen > IDLE:
            return None
        return held if await self.holds(held) else None

    async def holds(self, session: Session, *, now: bool = False) -> bool:
        """Whether nothing it rests on was taken back; `now` does not believe what was asked more than a second ago."""
        for name in dict.fromkeys(map(revocation, (session.id, *session.links))):
            if await self._is_so(name, now, partial(self._store.revoked, name)):
                return False
        key_holds = partial(self._key_holds, session.flow, session.key)
        return not session.key or await self._is_so(f"key:{session.key}", now, key_holds)

    async def _key_holds(self, flow: str, key: str) -> bool:
        return any(each.id == key and not each.revoked for each in await self._store.desk_keys(flow))

    async def _is_so(self, name: str, now: bool, ask: Callable[[], Awaitable[bool]]) -> bool:
        """The answer to a question about `name`, asked again when it is older than a few seconds. With `now` a second
        is believed too: all viewers of one key ask the same."""
        asked, answer = self._known.get(name, (-inf, False))
        at = self._clock.monotonic()
        if at - asked >= (SAME_SECONDS if now else KNOWN_SECONDS):
            answer = await ask()
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[name] = at, answer
        return answer

    async def end(self, session: Session) -> None:
        """Somebody signs out: the cookie opens nothing any more, wherever it was copied to."""
        until = datetime.fromtimestamp(session.born + ABSOLUTE, UTC).isoformat()
        await self._store.revoke(revocation(session.id), until)
        self._known.pop(revocation(session.id), None)

    def seconds_left(self, session: Session) -> float:
        """Until the session ends however much it is used."""
        return session.born + ABSOLUTE - self._now()

    def grant(self, response: Response, session: Session) -> None:
        """Puts the session into the browser."""
        left = max(0, int(self.seconds_left(session)))
        self._set(response, self._cookie, self._sessions.dumps(_value(session)), left)

    def forget(self, response: Response) -> None:
        """Takes the session out of the browser."""
        self._set(response, self._cookie, "", 0)

    def renew(self, response: Response, session: Session) -> None:
        """A used session goes on: the cookie is issued again when it is older than a minute."""
        now = self._now()
        if now - session.seen >= REISSUE_AFTER:
            self.grant(response, replace(session, seen=now))

    def _set(self, response: Response, name: str, value: str, max_age: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=not self._plain,
            httponly=True,
            samesite="lax" if self._plain else "strict",
        )

    # ---- forms -------------------------------------------------------------------------------------------------------

    def form_token(self, owner: str) -> str:
        """What a form of ours carries; `owner` is the session's id, or the visitor's before there is a session."""
        return str(self._forms.dumps(owner))

    def form_holds(self, token: str, owner: str) -> bool:
        """Whether a form was made for this session or visitor."""
        return owner != "" and loads(self._forms, token) == owner

    def visitor(self, cookies: Mapping[str, str]) -> str:
        """Who fills in a form before there is a session; "" when nobody was given one."""
        return cookies.get(f"{self._cookie}-form", "")[:40]

    def welcome(self, response: Response) -> str:
        """Gives the browser a visitor's id for its next form."""
        visitor = secrets.token_urlsafe(12)
        self._set(response, f"{self._cookie}-form", visitor, 3600)
        return visitor

    # ---- the trail ---------------------------------------------------------------------------------------------------

    def access(
        self, flow: str, who: str, what: str, call_id: str = "", handoff: str = "", detail: str = ""
    ) -> rows.Access:
        """A line of the trail, as of now."""
        return rows.Access(flow, self._clock.now().isoformat(), who, what, call_id, handoff, detail)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _leads_nowhere_new(link: Link, held: Session) -> bool:
    everything = held.office and not held.departments
    if link.purpose == "office":
        return held.flow == link.flow and everything and held.manages
    return held.flow == link.flow and (everything or link.handoff in held.handoffs)


def _admit(held: Session | None, link: Link, now: float) -> Session:
    """The session after a link: a new one, or the held one of the same office with one hand-off more."""
    if link.purpose == "office":
        who = "office link"
        return Session(link.id, link.flow, True, (), now, now, who, "manager", links=(link.id,))
    if held is None or held.flow != link.flow:
        who = f"link of {link.handoff}"
        return Session(link.id, link.flow, False, (link.handoff,), now, now, who, links=(link.id,))
    who = held.who if held.office else f"link of {link.handoff}"
    handoffs, links = (*held.handoffs, link.handoff)[-MOST_HANDOFFS:], (*held.links, link.id)[-MOST_HANDOFFS:]
    return replace(held, handoffs=handoffs, links=links, seen=now, who=who)


def _value(session: Session) -> list[object]:
    s = session
    return [s.id, s.flow, s.office, s.handoffs, s.born, s.seen, s.who, s.role, s.departments, s.key, s.links]


def _session_of(value: Any) -> Session | None:
    match value:
        case [
            str(id_), str(flow), bool(office), list(handoffs), float(born), float(seen), str(who),
            ("staff" | "manager") as role, list(departments), str(key), list(links),
        ]:  # fmt: skip
            seen_by = tuple(map(str, handoffs)), born, seen, who, role, tuple(map(str, departments))
            return Session(id_, flow, office, *seen_by, key, tuple(map(str, links)))
    return None


def _on_this_machine(address: str) -> bool:
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return parts.scheme == "http" and loopback
