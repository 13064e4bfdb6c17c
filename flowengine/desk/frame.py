"""What every page of the desk needs: the ports, the templates, checked forms, answers for those who may not look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import jinja2
import structlog
from starlette.requests import Request
from starlette.responses import Response

from flowengine.desk import words
from flowengine.desk.access import Access, Session
from flowengine.desk.stream import LONGEST_SECONDS, EventStream, Viewers, message
from flowengine.desk.views import Office
from flowengine.flow import model
from flowengine.resources import template_dir
from flowengine.runtime.ports import Bus, Calls, Clock, Outbox, Store
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.desk")

LOAD_SECONDS = 5.0  # a page waits so long for the store, and for a form
FORM_BYTES, FORM_FIELDS = 65_536, 20

Form = Mapping[str, str]


def templates() -> jinja2.Environment:
    """Caller's words are only ever values here, and always escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir("desk")),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """The desk's surroundings. `flows` gives the flow of a key; where it cannot, the newest card names the office."""

    settings: Settings
    store: Store
    bus: Bus
    calls: Calls
    clock: Clock
    access: Access
    flows: Callable[[str], model.Flow | None]
    outbox: Outbox | None
    templates: jinja2.Environment
    viewers: Viewers = field(default_factory=Viewers)

    # ---- answers -----------------------------------------------------------------------------------------------------

    def html(self, template: str, status: int, values: Mapping[str, object]) -> Response:
        return Response(self.templates.get_template(template).render(values), status, media_type="text/html")

    def plain(self, status: int, *, again: bool = False, then: str = "") -> Response:
        """A page that says what to do next and nothing about what exists; `then` is where a sign-in leads. With `again`
        it asks for itself once more."""
        sign_in = "/desk/sign-in" + (f"?then={quote(then, safe='')}" if then else "")
        return self.html("plain.html", status, {"status": status, "again": again, "sign_in": sign_in})

    def refuse(self, request: Request) -> Response:
        """No session. After a link in web mail the first request comes without the strict cookie: it is tried again."""
        again = request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site"
        return self.plain(403, again=again, then=request.url.path if request.method == "GET" else "")

    def page(self, session: Session, template: str, values: Mapping[str, object]) -> Response:
        """A page for who may look. Its template knows `session` too, `csrf` for its forms (see forms.html), and whether
        saving is `delayed`."""
        about = {"session": session, "csrf": self.access.form_token(session.id), "delayed": self.store.backlog() > 0}
        response = self.html(template, 200, {**about, **values})
        self.access.renew(response, session)
        return response

    # ---- who asks ----------------------------------------------------------------------------------------------------

    async def session(self, request: Request) -> Session | None:
        """The session of a visitor, None without one or when it was taken back."""
        async with asyncio.timeout(LOAD_SECONDS):
            return await self.access.session(request.cookies)

    async def manager(self, request: Request, page: str) -> Session | Response:
        """Who manages the office; the answer for anybody else, for whom there is no such page (and that is noted)."""
        session = await self.session(request)
        if session is None:
            return self.refuse(request)
        if not session.manages:
            await self.note(session, "refused", detail=page)
            return self.plain(404)
        return session

    async def form(self, request: Request, session: Session | None) -> Form | None:
        """What a form of ours brought; None (refused, and noted) when it comes from another site, was made for another
        session, or is no form. Without a session it must have been made for this visitor."""
        owner = session.id if session else self.access.visitor(request.cookies)
        if from_here(request, self.access.desk_url):
            fields = await posted(request)
            if fields is not None and self.access.form_holds(fields.get("csrf", ""), owner):
                return fields
        if session:
            await self.note(session, "refused", detail="a form that was not ours")
        else:
            await self.note_stranger("", "refused", detail="a form that was not ours")
        return None

    # ---- the trail ---------------------------------------------------------------------------------------------------

    async def note(self, session: Session, what: str, call_id: str = "", handoff: str = "", detail: str = "") -> None:
        """Who looked at or did what, in the trail of the session's office."""
        access = self.access.access(session.flow, session.who, what, call_id, handoff, detail)
        await self.access.trail.note(access)

    async def note_view(self, session: Session, call_id: str = "", handoff: str = "") -> None:
        """A live view, once however often its browser reconnects."""
        access = self.access.access(session.flow, session.who, "live view", call_id, handoff)
        await self.access.trail.note_view(session.id, access)

    async def note_stranger(
        self, flow: str, what: str, call_id: str = "", handoff: str = "", detail: str = "", who: str = "unknown"
    ) -> None:
        """The same for who has no session."""
        await self.access.trail.note_stranger(self.access.access(flow, who, what, call_id, handoff, detail))

    # ---- live news ---------------------------------------------------------------------------------------------------

    def news(self, request: Request, session: Session, events: AsyncGenerator[str, None]) -> Response:
        """A live stream for a page of ours; other sites' pages get none, whatever the browser sends along."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return self.plain(403)
        if request.method != "GET":
            return Response(media_type=EventStream.media_type)
        if self.viewers.full:
            return self.plain(503)  # the page asks again every few seconds
        response = EventStream(self.viewers.counted(self._telling(events)), lambda: self._still_holds(session))
        self.access.renew(response, session)
        return response

    async def _telling(self, events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """The same events, and between them whether saving is delayed: the database is away, what calls need is kept
        beside it, and what staff do is refused until it is back. Unsaid, it is not."""
        said = False
        async with aclosing(events):
            async for piece in events:
                delayed = not self.viewers.store_answers or self.store.backlog() > 0
                if delayed != said:
                    said = delayed
                    yield message({"type": "saving", "delayed": delayed})
                yield piece

    async def _still_holds(self, session: Session) -> bool:
        """A store that cannot say does not take the page from somebody who is talking with the caller: it held seconds
        ago, and a stream ends by itself."""
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                holds = await self.access.holds(session, now=True)
        except Exception as mistake:  # whatever a store's library raises
            log.warning("session_unchecked", error=type(mistake).__name__)
            holds, self.viewers.store_answers = True, False
        else:
            self.viewers.store_answers = True
        return holds

    def longest(self, session: Session) -> float:
        """How long a live stream of this session may last, in seconds."""
        return min(LONGEST_SECONDS, self.access.seconds_left(session))

    # ---- the office --------------------------------------------------------------------------------------------------

    async def office(self, flow: str, newest: Mapping[str, Any] | None = None) -> Office:
        if known := self.flows(flow):
            says = {key: department.say_as for key, department in known.departments.items()}
            return Office(known.office.name, words.zone(known.office.timezone), self.clock.now(), says)
        card = newest or next(iter(await self.store.cards(flow, 1)), None)
        return self.office_of(card) if card else Office(words.sentence(flow), words.zone("UTC"), self.clock.now())

    def office_of(self, card: Mapping[str, Any]) -> Office:
        return Office(str(card.get("office", "")), words.zone(str(card.get("timezone", ""))), self.clock.now())


def from_here(request: Request, desk_url: str) -> bool:
    """Whether a page of ours sent this. Browsers without Sec-Fetch-Site say `Origin: null` under no-referrer; then the
    form's token alone decides."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
    if site is not None:
        return site == "same-origin"
    return origin == "null" or urlsplit(origin).netloc in (urlsplit(desk_url).netloc, request.headers.get("host"))


async def posted(request: Request) -> Form | None:
    """The fields of a small form, the last of each name; None for anything else. Read once and remembered."""
    if not hasattr(request.state, "form"):
        request.state.form = None  # a body that did not come whole is not waited for twice
        async with asyncio.timeout(LOAD_SECONDS):
            request.state.form = await _fields(request)
    form: Form | None = request.state.form
    return form


async def _fields(request: Request) -> Form | None:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            return None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS))
    except ValueError:
        return None
