"""What became of a text after the carrier took it: the carrier tells that seconds or hours later."""

from __future__ import annotations

import asyncio

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flowengine.carriers.twilio.door import ANSWERS_WITHIN, IGNORED, Door, Refused
from flowengine.carriers.twilio.links import TEXTS
from flowengine.carriers.twilio.protocol import Form
from flowengine.runtime.senders import Arrived, Failed, Report
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.twilio")

_WHY = {  # of a text that was taken first; the vendor's error pages
    21610: "whoever has this phone has refused our texts",
    30001: "the carrier had too many texts to send",
    30002: "the carrier has suspended our account",
    30003: "the phone is off or out of reach",
    30004: "the phone or its company blocks our texts",
    30005: "nobody has that phone number any more",
    30006: "that phone takes no texts",
    30007: "the phone's company took it for spam",
    30008: "the phone's company does not say why",
    30032: "the office's toll-free number is not verified for texts",
    30034: "the office's number is not registered for texts",
}


def report_route(settings: Settings, report: Report) -> Route:
    """`settings` needs the public URL and the auth token."""
    door = Door(settings.public_url, settings.twilio_auth_token)

    async def endpoint(request: Request) -> Response:
        try:
            word = reported(await door.form(request))
        except Refused as refused:
            return PlainTextResponse("refused", refused.status)
        if word is None:
            IGNORED.labels("text").inc()
            return Response(status_code=204)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await report(request.path_params["letter"], word)
        except Exception as mistake:
            log.error("report_not_kept", error=type(mistake).__name__)
            return Response(status_code=503)
        return Response(status_code=204)

    return Route(f"{TEXTS}/{{letter}}", endpoint, methods=["POST"])


def reported(form: Form) -> Arrived | Failed | None:
    """A status callback of a message; steps in between are no news. Statuses come in any order, and a phone's company
    may never say how it ended.
    """
    match form.get("MessageStatus") or form.get("SmsStatus"):
        case "delivered" | "read":
            return Arrived()
        case "undelivered" | "failed" | "canceled":
            return Failed(_why(form.get("ErrorCode", "")), final=True)
        case _:
            return None


def _why(code: str) -> str:
    """In our words: the carrier's own may name numbers."""
    known = int(code) if code.isascii() and code.isdigit() and len(code) <= 6 else 0
    why = _WHY.get(known, "the text did not reach the phone")
    return f"{why} ({known})" if known else why
