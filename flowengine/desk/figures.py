"""The manager's page: the figures of the office, and the alerts that the list shows too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flowengine.call.figures_told import alert
from flowengine.call.measures import CallMeasures
from flowengine.call.metrics import begins, summary
from flowengine.desk.access import Session
from flowengine.desk.figures_view import period_words, report_view
from flowengine.desk.frame import Frame
from flowengine.flow.model import Flow
from flowengine.runtime.measuring import Alerts, measurer

PERIODS = {"today": ("Today", 1), "7d": ("7 days", 7), "30d": ("30 days", 30)}  # by calendar days of the office
USUAL = "7d"
LOAD_SECONDS = 20.0  # the first look at a month reads thousands of journals; the next finds them read


def routes(frame: Frame) -> list[BaseRoute]:
    """The page of the figures."""
    return [Route("/figures", _Pages(frame).page)]


async def alerts(frame: Frame, flow: str) -> Sequence[str]:
    """The limits of a flow that are passed, one sentence each; at most a minute old."""
    known = frame.flows(flow)
    if known is None:
        return ()
    return _sentences(known, await measurer(frame.store, frame.settings.secret_key).alerts(known, frame.clock.now()))


def _sentences(flow: Flow, found: Alerts) -> Sequence[str]:
    passed = (name for name, is_ in found.raised.items() if is_ and name in flow.alert_when)
    return [alert(found.figures[name], flow.alert_when[name]) for name in passed]


@dataclass(frozen=True, slots=True)
class _Pages:
    frame: Frame

    async def page(self, request: Request) -> Response:
        """The figures of a period, for those who manage the office. To everybody else there is no such page."""
        session = await self.frame.manager(request, "figures")
        if isinstance(session, Response):
            return session
        async with asyncio.timeout(LOAD_SECONDS):
            values = await self._values(session, request.query_params.get("period", USUAL))
        await self.frame.note(session, "report opened", detail=str(values["period"]))
        return self.frame.page(session, "figures.html", values)

    async def _values(self, session: Session, wanted: str) -> dict[str, object]:
        frame, period = self.frame, wanted if wanted in PERIODS else USUAL
        office, flow = await frame.office(session.flow), frame.flows(session.flow)
        now, measures = frame.clock.now(), measurer(frame.store, frame.settings.secret_key)
        since = begins(now, PERIODS[period][1], office.where)
        calls = [_seen_by(session, call) for call in await measures.calls(session.flow, since, flow)]
        found = summary(session.flow, calls, since, now, office.where)
        limits = await measures.alerts(flow, now, patience=None) if flow else Alerts({}, {})
        return {
            "office": office,
            "period": period,
            "periods": [(key, label) for key, (label, _) in PERIODS.items()],
            "when": period_words(found),
            "alerts": _sentences(flow, limits) if flow else (),
            "view": report_view(found, flow.alert_when if flow else {}, limits.raised),
        }


def _seen_by(session: Session, call: CallMeasures) -> CallMeasures:
    """The call with the hand-overs of the departments somebody manages."""
    if not session.departments:
        return call
    return replace(call, handovers=tuple(h for h in call.handovers if session.may_see_department(h.department)))
