"""The doors of the desk: a link, opened by a tap; a sign-in with an office's passphrase; and the way out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from flowengine.desk import keys, tries
from flowengine.desk.access import Entered, Session
from flowengine.desk.frame import LOAD_SECONDS, Form, Frame
from flowengine.desk.links import Refused

MOST_WAITING = 20  # sign-ins that wait for their turn; the rest is asked to come again
_THEN = re.compile(r"/desk/(handoffs/[A-Za-z0-9._-]{1,80})?")


def routes(frame: Frame) -> list[BaseRoute]:
    """`/enter/…`, `/sign-in`, `/sign-out`."""
    links, sign_in = LinkDoor(frame), SignInDoor(frame, tries.Tries(frame.clock))
    return [
        Route("/enter/{token}", links.look, methods=["GET"]),
        Route("/enter/{token}", links.enter, methods=["POST"]),
        Route("/sign-in", sign_in.ask, methods=["GET"]),
        Route("/sign-in", sign_in.enter, methods=["POST"]),
        Route("/sign-out", sign_in.leave, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class LinkDoor:
    """A link is used up by a tap, not by being fetched.

    Previews of messages and scanners of mail fetch links before people do, some of them in a real browser that runs
    scripts, and nothing in a request tells them from a person. A link used up by one of those would greet somebody
    whose phone is ringing with "needs a fresh link"; so fetching shows one large button, and only pressing it (or
    Enter: it has the focus) uses the link. Who may see the call already, a signed-in desk or the same browser again,
    is led on at once.
    """

    frame: Frame

    async def look(self, request: Request) -> Response:
        async with asyncio.timeout(LOAD_SECONDS):
            found = await self.frame.access.look(request.path_params["token"], request.cookies)
        if isinstance(found, Refused):
            return await self._refused(found)
        if isinstance(found, Entered):
            return self._entered(found)
        return _asking(self.frame, request, "enter.html", 200, {"purpose": found.purpose})

    async def enter(self, request: Request) -> Response:
        if await self.frame.form(request, None) is None:
            return self.frame.plain(403)
        async with asyncio.timeout(LOAD_SECONDS):
            found = await self.frame.access.enter(request.path_params["token"], request.cookies)
        if isinstance(found, Refused):
            return await self._refused(found)
        await self.frame.note(found.session, "link used", found.link.call_id, found.link.handoff)
        return self._entered(found)

    def _entered(self, entered: Entered) -> Response:
        response = RedirectResponse(entered.path, status_code=303)
        self.frame.access.grant(response, entered.session)
        return response

    async def _refused(self, refused: Refused) -> Response:
        link = refused.link
        if link is None:
            await self.frame.note_stranger("", "link refused", detail=refused.why)
            return self.frame.plain(403)
        detail = f"{refused.why}: link {link.id}"
        await self.frame.note_stranger(link.flow, "link refused", link.call_id, link.handoff, detail)
        return self.frame.plain(403, then=link.path)


@dataclass(frozen=True, slots=True)
class SignInDoor:
    """`/desk/sign-in`: the office's key and a passphrase. One passphrase is checked at a time: it costs processor time
    that calls need."""

    frame: Frame
    tries: tries.Tries
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    waiting: list[str] = field(default_factory=list)

    async def ask(self, request: Request) -> Response:
        office, then = request.query_params.get("office", "")[:80], _then(request.query_params.get("then", ""))
        return self._page(request, 200, office, then)

    async def enter(self, request: Request) -> Response:
        form = await self.frame.form(request, None)
        if form is None:
            return self._page(request, 403, problem="again")
        office, then = _office_key(form.get("office", "")), _then(form.get("then", ""))
        address = request.client.host if request.client else ""
        if len(self.waiting) >= MOST_WAITING:
            return self._page(request, 503, office, then, problem="busy")
        self.waiting.append(address)
        try:
            async with self.turn:
                return await self._checked(request, office, form, then, address)
        finally:
            self.waiting.remove(address)

    async def _checked(self, request: Request, office: str, form: Form, then: str, address: str) -> Response:
        counted = tries.names(address, office)
        if self.tries.wait(counted) > 0:
            return await self._refused(request, office, then, "too often", 429)
        async with asyncio.timeout(LOAD_SECONDS):
            found = await self.frame.store.desk_keys(office)
        key = await keys.matching(form.get("passphrase", ""), found)
        if key is None:
            self.tries.wrong(counted)
            return await self._refused(request, office, then, "wrong", 403)
        session = self.frame.access.admit(key)
        await self.frame.note(session, "signed in", detail=f"key {key.id}")
        response = RedirectResponse(then or "/desk/", status_code=303)
        self.frame.access.grant(response, session)
        return response

    async def _refused(self, request: Request, office: str, then: str, why: str, status: int) -> Response:
        """What was typed as an office we do not know may be a passphrase: it is neither kept nor shown."""
        known = office if self.frame.flows(office) else ""
        await self.frame.note_stranger(known, "sign-in refused", detail=why)
        return self._page(request, status, known, then, problem=why)

    async def leave(self, request: Request) -> Response:
        session = await self.frame.session(request)
        if session is None:
            return RedirectResponse("/desk/sign-in", status_code=303)
        if await self.frame.form(request, session) is None:
            return self.frame.plain(403)
        await self._left(session)
        response = self._page(request, 200, session.flow if session.key else "", problem="left")
        self.frame.access.forget(response)
        return response

    async def _left(self, session: Session) -> None:
        async with asyncio.timeout(LOAD_SECONDS):
            await self.frame.access.end(session)
        await self.frame.note(session, "signed out")

    def _page(self, request: Request, status: int, office: str = "", then: str = "", *, problem: str = "") -> Response:
        values = {"office": office, "then": then, "problem": problem}
        return _asking(self.frame, request, "sign_in.html", status, values)


def _asking(frame: Frame, request: Request, template: str, status: int, values: Mapping[str, object]) -> Response:
    """A page with a form for who has no session: the form belongs to a visitor's id, which the browser keeps."""
    visitor, fresh = frame.access.visitor(request.cookies), Response()
    if not visitor:
        visitor = frame.access.welcome(fresh)
    response = frame.html(template, status, {**values, "csrf": frame.access.form_token(visitor)})
    response.raw_headers.extend(header for header in fresh.raw_headers if header[0] == b"set-cookie")
    return response


def _office_key(typed: str) -> str:
    """`Dental office ` → `dental_office`, which is the flow's key."""
    return re.sub(r"[\s-]+", "_", typed.strip().casefold())[:80]


def _then(path: str) -> str:
    """Where to after signing in: the list or a hand-off's page, nowhere else."""
    return path if _THEN.fullmatch(path) else ""
