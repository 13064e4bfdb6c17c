"""What every page of the desk needs: the ports, the templates, the answers for those who may not look."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from flowengine.desk import words
from flowengine.desk.access import Access, Session
from flowengine.desk.stream import LONGEST_SECONDS, EventStream
from flowengine.desk.views import Office
from flowengine.flow import model
from flowengine.resources import template_dir
from flowengine.runtime.ports import Bus, Calls, Clock, Store

LOAD_SECONDS = 5.0  # a page waits so long for the store


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
    """The desk's surroundings. `offices` names the office of a flow key; where it cannot, the newest card does."""

    store: Store
    bus: Bus
    calls: Calls
    clock: Clock
    access: Access
    offices: Callable[[str], model.Office | None]
    templates: jinja2.Environment

    def html(self, template: str, status: int, values: Mapping[str, object]) -> Response:
        return Response(self.templates.get_template(template).render(values), status, media_type="text/html")

    def plain(self, status: int, *, again: bool = False) -> Response:
        """A page that says what to do next and nothing about what exists."""
        return self.html("plain.html", status, {"status": status, "again": again})

    def refuse(self, request: Request) -> Response:
        """No session. After a link in web mail the first request comes without the strict cookie: it is tried again."""
        return self.plain(403, again=request.headers.get("sec-fetch-site") == "cross-site")

    def page(self, session: Session, template: str, values: Mapping[str, object]) -> Response:
        response = self.html(template, 200, values)
        self.access.renew(response, session)
        return response

    def news(self, request: Request, session: Session, events: AsyncGenerator[str, None]) -> Response:
        """A live stream for a page of ours; other sites' pages get none, whatever the browser sends along."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return self.plain(403)
        response = EventStream(events) if request.method == "GET" else Response(media_type=EventStream.media_type)
        self.access.renew(response, session)
        return response

    def longest(self, session: Session) -> float:
        """How long a live stream of this session may last, in seconds."""
        return min(LONGEST_SECONDS, self.access.seconds_left(session))

    async def office(self, flow: str, newest: Mapping[str, Any] | None = None) -> Office:
        if known := self.offices(flow):
            return Office(known.name, words.zone(known.timezone), self.clock.now())
        card = newest or next(iter(await self.store.cards(flow, 1)), None)
        return self.office_of(card) if card else Office(words.sentence(flow), words.zone("UTC"), self.clock.now())

    def office_of(self, card: Mapping[str, Any]) -> Office:
        return Office(str(card.get("office", "")), words.zone(str(card.get("timezone", ""))), self.clock.now())
