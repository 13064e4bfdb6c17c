"""Phone companies, by the name an installation chooses one by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from flowengine.carriers.twilio import Twilio
from flowengine.runtime.ports import Bus, Calls, Carrier, Clock
from flowengine.runtime.senders import Postman, Report
from flowengine.settings import Settings


class PhoneCompany(Protocol):
    """What a phone company brings: who takes orders, who carries texts, and the addresses it calls."""

    @property
    def client(self) -> Carrier: ...

    @property
    def texts(self) -> Postman: ...

    def routes(self, calls: Calls, bus: Bus, clock: Clock, report: Report) -> Sequence[BaseRoute]:
        """`report` takes what became of a text that was taken."""


CARRIERS: dict[str, Callable[[Settings, Clock], PhoneCompany]] = {
    "twilio": Twilio,
}
