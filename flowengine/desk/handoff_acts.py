"""What staff do on the page of a hand-off: take or decline the call, say how it went, leave a note."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from flowengine.call.events import StaffDecided
from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Form, Frame
from flowengine.desk.handoff_live import Seen
from flowengine.desk.handoff_view import deciders
from flowengine.runtime.rows import Note, WrapUp

LONGEST_REASON, LONGEST_NOTE, MOST_NOTES = 80, 2_000, 200

Find = Callable[[Session, str], Awaitable[Seen | None]]
Act = Callable[[Session, Seen, Form], Awaitable[None]]


def routes(frame: Frame, find: Find) -> list[BaseRoute]:
    """`find` gives the hand-off a session may see, None for any other."""
    acts = Acts(frame, find)
    return [
        Route("/handoffs/{handoff}/decide", acts.decide, methods=["POST"]),
        Route("/handoffs/{handoff}/wrap-up", acts.wrap_up, methods=["POST"]),
        Route("/handoffs/{handoff}/notes", acts.add_note, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class Acts:
    """Each answers with the page again: what came of it shows there when the call or the store says so."""

    frame: Frame
    find: Find

    async def decide(self, request: Request) -> Response:
        return await self._act(request, self._decided)

    async def wrap_up(self, request: Request) -> Response:
        return await self._act(request, self._wrapped_up)

    async def add_note(self, request: Request) -> Response:
        return await self._act(request, self._noted)

    async def _act(self, request: Request, act: Act) -> Response:
        session = await self.frame.session(request)
        if session is None:
            return self.frame.refuse(request)
        form = await self.frame.form(request, session)
        if form is None:
            return self.frame.plain(403)
        async with asyncio.timeout(LOAD_SECONDS):
            seen = await self.find(session, request.path_params["handoff"])
            if seen is None:
                return self.frame.plain(404)
            await act(session, seen, form)
        return RedirectResponse(f"/desk/handoffs/{seen.handoff}", status_code=303)

    async def _decided(self, session: Session, seen: Seen, form: Form) -> None:
        """A tap that comes too late asks for nothing: the page it leads back to says how things stand."""
        person, accepts = form.get("person", ""), form.get("accepts") == "yes"
        why = "" if accepts else " ".join((form.get("why") or form.get("words", "")).split())[:LONGEST_REASON]
        mine = [each for each in deciders(seen.card) if each["person"] == person and (each["answered"] or not accepts)]
        if not mine or seen.over:
            return
        await self._note(session, seen, "accepted" if accepts else "declined", f"for {person}")
        self.frame.calls.tell(
            seen.call_id, lambda at: StaffDecided(at, seen.handoff, person, accepts, why, session.who)
        )

    async def _wrapped_up(self, session: Session, seen: Seen, form: Form) -> None:
        said = {name: form[name] == "yes" for name in ("resolved", "needed_person") if form.get(name) in ("yes", "no")}
        if not said:
            return
        wrap = WrapUp(seen.handoff, said.get("resolved"), said.get("needed_person"), session.who, self._now())
        await self.frame.store.wrap_up(wrap, seen.call_id, seen.flow)
        detail = ", ".join(f"{name.replace('_', ' ')}: {'yes' if yes else 'no'}" for name, yes in said.items())
        await self._note(session, seen, "wrapped up", detail)
        await self._publish(seen, {"type": "wrap-up", **said})

    async def _noted(self, session: Session, seen: Seen, form: Form) -> None:
        text = form.get("text", "").replace("\r\n", "\n").strip()[:LONGEST_NOTE]
        if not text or len(seen.notes) >= MOST_NOTES:
            return
        await self.frame.store.add_note(Note(seen.handoff, text, session.who, self._now()), seen.call_id, seen.flow)
        await self._note(session, seen, "noted")
        await self._publish(seen, {"type": "note"})

    async def _note(self, session: Session, seen: Seen, what: str, detail: str = "") -> None:
        await self.frame.note(session, what, seen.call_id, seen.handoff, detail)

    async def _publish(self, seen: Seen, news: dict[str, object]) -> None:
        """For the other screens; what staff wrote is not in it, they read it from the store."""
        about = {**news, "handoff": seen.handoff, "call_id": seen.call_id}
        for topic in (f"call:{seen.call_id}", f"office:{seen.flow}"):
            await self.frame.bus.publish(topic, about)

    def _now(self) -> str:
        return self.frame.clock.now().isoformat()
