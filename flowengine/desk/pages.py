"""The desk's addresses: the doors, the list, the hand-offs, what the other modules add, the static files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from flowengine.desk import deliveries, figures, handoff, listing, sign_in, unsaved
from flowengine.desk.access import Access
from flowengine.desk.frame import Frame, templates
from flowengine.desk.shield import Shield
from flowengine.flow import model
from flowengine.resources import template_dir
from flowengine.runtime.ports import Bus, Calls, Clock, Outbox, Store
from flowengine.settings import Settings


def desk_routes(
    settings: Settings,
    store: Store,
    bus: Bus,
    calls: Calls,
    clock: Clock,
    access: Access,
    *,
    flows: Callable[[str], model.Flow | None],
    outbox: Outbox | None = None,
) -> list[BaseRoute]:
    """Everything under `/desk`. `flows` gives the flow of a key, None for one that is not served any more."""
    frame = Frame(settings, store, bus, calls, clock, access, flows, outbox, templates())
    doors = _Doors(frame)
    shield = [Middleware(Shield, plain=frame.plain, failed=partial(unsaved.answer, frame))]
    pages: list[BaseRoute] = [
        *(route for module in (listing, deliveries, figures, handoff, sign_in) for route in module.routes(frame)),
        Mount("/static", StaticFiles(directory=template_dir("desk") / "static")),
        Route("/{rest:path}", doors.nothing_here),
    ]
    return [Route("/desk", doors.slash, middleware=shield), Mount("/desk", routes=pages, middleware=shield)]


@dataclass(frozen=True, slots=True)
class _Doors:
    """What those find who try other addresses."""

    frame: Frame

    async def slash(self, request: Request) -> Response:
        return RedirectResponse("/desk/", status_code=308)

    async def nothing_here(self, request: Request) -> Response:
        known = await self.frame.session(request)
        return self.frame.plain(404) if known else self.frame.refuse(request)
