"""REST: Messages, the texts an account sends (specs/twilio-api-v2010.json; the vendor's error pages)."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aiohttp import web

from flowengine.sandbox.carrier import shapes
from flowengine.sandbox.carrier.behaviour import LoseText
from flowengine.sandbox.carrier.exchange import Exchange
from flowengine.sandbox.carrier.records import Message
from flowengine.sandbox.carrier.rest import ApiError, Form, created, ok
from flowengine.sandbox.carrier.sids import is_phone

__all__ = ["Messages"]

MOST_TEXT = 1600  # characters
_STEP = 0.3  # seconds between queued, sent and delivered


class Messages:
    """The handlers of `/Messages`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    async def create(self, request: web.Request, form: Form) -> web.Response:
        exchange = self.exchange
        _check(exchange, form)
        message = Message(exchange.sids.new("SM"), form["From"], form["To"], form["Body"], exchange.now())
        exchange.messages[message.sid] = message
        answer = shapes.message(message, exchange.account_sid)
        exchange.spawn(self._life(message, form.get("StatusCallback", "")))
        return created(answer)

    async def list(self, request: web.Request, form: Form) -> web.Response:
        """Newest first, filtered by `To` and `From`."""
        query = dict(request.query)
        shown = [shapes.message(m, self.exchange.account_sid) for m in reversed(self.exchange.messages.values())]
        for name, field in (("To", "to"), ("From", "from")):
            if name in query:
                shown = [message for message in shown if message[field] == query[name]]
        return ok(shapes.page("messages", shown, request.path, query))

    async def fetch(self, request: web.Request, form: Form) -> web.Response:
        found = self.exchange.messages.get(request.match_info["message"])
        if found is None:
            raise ApiError(404, 20404, f"The requested resource {request.path} was not found")
        return ok(shapes.message(found, self.exchange.account_sid))

    async def _life(self, message: Message, callback: str) -> None:
        """The callback hears each step but the first (the vendor's "Outbound message status in status callbacks")."""
        lost = self.exchange.faults.lost_text(message.to)
        for status in _steps(lost):
            await asyncio.sleep(_STEP)
            message.status, message.updated = status, self.exchange.now()
            if lost and status == lost.status:
                message.error = lost.code
            else:
                message.sent = message.sent or self.exchange.now()
            if callback:
                self.exchange.callbacks.send(message.sid, "POST", callback, _told(message, self.exchange), "")


def _steps(lost: LoseText | None) -> tuple[str, ...]:
    """What follows `queued`. One that failed was never sent."""
    if lost is None:
        return ("sent", "delivered")
    return ("sent", "undelivered") if lost.status == "undelivered" else ("failed",)


def _check(exchange: Exchange, form: Form) -> None:
    to, from_, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    if not to:
        raise ApiError(400, 21604, "A 'To' phone number is required.")
    if not from_:
        raise ApiError(400, 21603, "A 'From' or 'MessagingServiceSid' parameter is required to send a message")
    if not body:
        raise ApiError(400, 21602, "Message body is required.")
    if len(body) > MOST_TEXT:
        raise ApiError(400, 21658, "The message body exceeds the 1600 character limit.")
    if not is_phone(to):
        raise ApiError(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if from_ not in exchange.numbers:
        raise ApiError(400, 21659, f"'From' {from_} is not a Twilio phone number or Short Code country mismatch")
    callback = form.get("StatusCallback", "")
    if callback and not urlsplit(callback).scheme.startswith("http"):
        raise ApiError(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
    if to == from_:
        raise ApiError(400, 21266, "'To' and 'From' number cannot be the same")


def _told(message: Message, exchange: Exchange) -> list[tuple[str, str]]:
    """The form of a status callback; `ErrorCode` is there only when there is one."""
    told = [
        ("AccountSid", exchange.account_sid),
        ("MessageSid", message.sid),
        ("SmsSid", message.sid),
        ("MessageStatus", message.status),
        ("SmsStatus", message.status),
        ("From", message.from_),
        ("To", message.to),
        ("ApiVersion", shapes.VERSION),
    ]
    return [*told, ("ErrorCode", str(message.error))] if message.error is not None else told
