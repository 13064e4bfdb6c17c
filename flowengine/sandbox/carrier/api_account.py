"""REST: the account and its own numbers (the SDK's account and incoming_phone_number resources)."""

from __future__ import annotations

from aiohttp import web

from flowengine.sandbox.carrier import shapes
from flowengine.sandbox.carrier.exchange import Exchange, Number
from flowengine.sandbox.carrier.rest import Form, ok

__all__ = ["Account"]


class Account:
    """The handlers of the account itself and of `/IncomingPhoneNumbers`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    async def fetch(self, request: web.Request, form: Form) -> web.Response:
        return ok({"sid": self.exchange.account_sid, "status": "active", "type": "Full", "friendly_name": "Office"})

    async def numbers(self, request: web.Request, form: Form) -> web.Response:
        query = dict(request.query)
        wanted = query.get("PhoneNumber")
        own = (number for number in self.exchange.numbers.values() if wanted in (None, number.number))
        return ok(shapes.page("incoming_phone_numbers", [*map(_shape, own)], request.path, query))


def _shape(number: Number) -> dict[str, object]:
    return {
        "phone_number": number.number,
        "voice_url": number.voice_url,
        "voice_method": number.method,
        "voice_fallback_url": number.fallback_url or None,
        "status_callback": number.status_callback,
        "voice_application_sid": None,
        "trunk_sid": None,
    }
