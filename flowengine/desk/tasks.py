"""Work to do is done, or not done after all: by one tap, seen on every screen of the office."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.views import work_view


def routes(frame: Frame) -> list[BaseRoute]:
    return [Route("/work/{work}", WorkPages(frame).mark, methods=["POST"])]


@dataclass(frozen=True, slots=True)
class WorkPages:
    """`POST /desk/work/{work}` with `done` 1 or 0. What a session may not see does not exist."""

    frame: Frame

    async def mark(self, request: Request) -> Response:
        session = await self.frame.session(request)
        if session is None or not session.office:
            return self.frame.refuse(request)
        form = await self.frame.form(request, session)
        if form is None:
            return self.frame.plain(403)
        async with asyncio.timeout(LOAD_SECONDS):
            work = await self._seen(session, request.path_params["work"])
            if work is None:
                return self.frame.plain(404)
            work = await self._mark(session, work, form.get("done") == "1")
            view = work_view(work, await self.frame.office(session.flow))
        if "application/json" in request.headers.get("accept", ""):
            return Response(json.dumps(view), media_type="application/json")  # to a live page
        return RedirectResponse("/desk/#work-title", status_code=303)

    async def _seen(self, session: Session, name: str) -> Mapping[str, Any] | None:
        work = await self.frame.store.work_item(name)
        if work is None or work["flow"] != session.flow or not session.may_see_department(str(work["department"])):
            return None
        return work

    async def _mark(self, session: Session, work: Mapping[str, Any], done: bool) -> Mapping[str, Any]:
        """Who was first has done it; who is second changes nothing, and sees so."""
        name, at = str(work["work"]), self.frame.clock.now().isoformat()
        if await self.frame.store.set_work_done(name, session.who if done else "", at if done else ""):
            await self.frame.note(session, "work done" if done else "work undone", str(work["call_id"]), detail=name)
        fresh = await self.frame.store.work_item(name) or work
        await self.frame.bus.publish(f"office:{session.flow}", {"type": "work", "work": dict(fresh)})
        return fresh
