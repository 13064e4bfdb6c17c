"""Twilio Voice: webhooks and Media Streams in, TwiML and REST out."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute

from flowengine.carriers.twilio.client import TwilioCarrier
from flowengine.carriers.twilio.reports import report_route
from flowengine.carriers.twilio.routes import twilio_routes
from flowengine.carriers.twilio.texts import TwilioTexts
from flowengine.runtime.ports import Bus, Calls, Clock
from flowengine.runtime.senders import Report
from flowengine.settings import Settings


class Twilio:
    """One account: orders go through `client`, texts through `texts`, questions and news come in through `routes`, and
    what became of a text among them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self.client = TwilioCarrier(settings, clock)
        self.texts = TwilioTexts(settings)

    def routes(self, calls: Calls, bus: Bus, clock: Clock, report: Report) -> Sequence[BaseRoute]:
        return [*twilio_routes(self._settings, calls, bus, clock, self.client), report_route(self._settings, report)]
