"""What `/metrics` shows: counters of calls and hand-overs, gauges of what is going on. Labels are keys of flows and our
own words, never anything of a caller."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from flowengine.call.measures import CallMeasures, HandOver
from flowengine.flow.model import Flow

_WAITS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
_TALKS = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600)
NOBODY = "none"  # the department of a hand-over that never had one


class Meters:
    """The meters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        self._calls = Counter("flowengine_calls", "Calls that are over.", ("flow", "outcome"), registry=r)
        self._handovers = Counter(
            "flowengine_handovers", "Hand-overs that are over.", ("flow", "department", "outcome"), registry=r
        )
        self._attempts = Counter(
            "flowengine_attempts", "Phones rung, by what came of it.", ("flow", "department", "outcome"), registry=r
        )
        self._abandoned = Counter(
            "flowengine_abandoned", "Hand-overs whose caller hung up while waiting.", ("flow", "department"), registry=r
        )
        self._answer = Histogram(
            "flowengine_time_to_answer_seconds",
            "From the decision until caller and person are connected.",
            ("flow", "department"),
            buckets=_WAITS,
            registry=r,
        )
        self._talk = Histogram(
            "flowengine_handle_time_seconds",
            "From the connection until one of the two leaves.",
            ("flow", "department"),
            buckets=_TALKS,
            registry=r,
        )
        self._running = Gauge("flowengine_running_calls", "Calls going on in this process.", registry=r)
        self._parcels = Gauge(
            "flowengine_outbox_parcels", "Parcels of the outbox that are not sent.", ("state",), registry=r
        )
        self._ignored = Counter("flowengine_ignored_news", "News of calls that are over or unknown.", registry=r)
        self._alerts = Gauge(
            "flowengine_alert", "1 while a limit of alert_when is passed.", ("flow", "figure"), registry=r
        )
        self._ignored_before = 0
        self._backlog = Gauge(
            "flowengine_store_backlog",
            "How full the spool is that bridges an outage of the database; at 1 new calls go to people.",
            registry=r,
        )

    def call_over(self, flow: Flow, call: CallMeasures) -> None:
        """A call of this process has ended."""
        self._calls.labels(flow.key, call.outcome).inc()
        for handover in call.handovers:
            self._handover(flow, handover)

    def _handover(self, flow: Flow, handover: HandOver) -> None:
        department = handover.department if handover.department in flow.departments else NOBODY
        self._handovers.labels(flow.key, department, handover.outcome).inc()
        for outcome in handover.attempts:
            self._attempts.labels(flow.key, department, outcome).inc()
        if handover.outcome == "abandoned":
            self._abandoned.labels(flow.key, department).inc()
        if handover.time_to_answer is not None:
            self._answer.labels(flow.key, department).observe(handover.time_to_answer)
        if handover.handle_time is not None:
            self._talk.labels(flow.key, department).observe(handover.handle_time)

    def now(self, *, running: int, ignored: int) -> None:
        """How things stand, told before each reading. `ignored` is a sum since the start of the process."""
        self._running.set(running)
        self._ignored.inc(max(0, ignored - self._ignored_before))
        self._ignored_before = max(ignored, self._ignored_before)

    def backlog(self, share: float) -> None:
        """What waits for the database, from 0 (nothing) to 1 (no more can be kept)."""
        self._backlog.set(share)

    def parcels(self, *, waiting: int, dead: int) -> None:
        """What the outbox still holds."""
        self._parcels.labels("waiting").set(waiting)
        self._parcels.labels("dead").set(dead)

    def alerts(self, flow: str, raised: Mapping[str, bool]) -> None:
        """The limits of a flow and whether each is passed."""
        for figure, is_ in raised.items():
            self._alerts.labels(flow, figure).set(1 if is_ else 0)

    def page(self) -> bytes:
        """The text of `/metrics`."""
        return generate_latest(self.registry)
