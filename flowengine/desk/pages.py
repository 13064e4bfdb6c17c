"""The desk's addresses: the way in by a signed link, the list, the hand-offs, the static files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from flowengine.desk.access import Access
from flowengine.desk.frame import Frame, templates
from flowengine.desk.handoff import HandoffPages
from flowengine.desk.listing import ListPages
from flowengine.desk.shield import Shield
from flowengine.flow import model
from flowengine.resources import template_dir
from flowengine.runtime.ports import Bus, Calls, Clock, Store
from flowengine.settings import Settings


def desk_routes(
    settings: Settings,
    store: Store,
    bus: Bus,
    calls: Calls,
    clock: Clock,
    access: Access,
    *,
    offices: Callable[[str], model.Office | None] = lambda flow: None,
) -> list[BaseRoute]:
    """Everything under `/desk`. `offices` gives the office of a flow key; without it the newest card names it."""
    frame = Frame(store, bus, calls, clock, access, offices, templates())
    listing, handoffs, doors = ListPages(frame), HandoffPages(frame), _Doors(frame)
    shield = [Middleware(Shield, plain=frame.plain)]
    routes: list[BaseRoute] = [
        Route("/", listing.page),
        Route("/events", listing.events),
        Route("/enter/{token}", doors.enter),
        Route("/handoffs/{handoff}", handoffs.page),
        Route("/handoffs/{handoff}/events", handoffs.events),
        Mount("/static", StaticFiles(directory=template_dir("desk") / "static")),
        Route("/{rest:path}", doors.nothing_here),
    ]
    return [Route("/desk", doors.slash, middleware=shield), Mount("/desk", routes=routes, middleware=shield)]


@dataclass(frozen=True, slots=True)
class _Doors:
    """The way in, and what those find who try others."""

    frame: Frame

    async def enter(self, request: Request) -> Response:
        if request.method != "GET":  # a preview that only asks for headers must not use the link up
            return self.frame.plain(403)
        entered = await self.frame.access.enter(request.path_params["token"], request.cookies)
        if entered is None:
            return self.frame.plain(403)
        response = RedirectResponse(entered.path, status_code=303)
        self.frame.access.grant(response, entered.session)
        return response

    async def slash(self, request: Request) -> Response:
        return RedirectResponse("/desk/", status_code=308)

    async def nothing_here(self, request: Request) -> Response:
        known = self.frame.access.session(request.cookies)
        return self.frame.plain(404) if known else self.frame.refuse(request)
