"""REST: Calls and their Streams (twilio.md 4.1, 4.3)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from flowengine.sandbox.carrier import shapes
from flowengine.sandbox.carrier.amd import detect, tell_verdict
from flowengine.sandbox.carrier.exchange import Exchange
from flowengine.sandbox.carrier.interpreter import Goto, Inline, Interpreter
from flowengine.sandbox.carrier.leg import Leg, Orders
from flowengine.sandbox.carrier.media import StreamInfo
from flowengine.sandbox.carrier.rest import ApiError, Form, created, ok
from flowengine.sandbox.carrier.sids import is_phone, is_sip
from flowengine.sandbox.carrier.twiml import Document, Verb
from flowengine.sandbox.carrier.verbs import HANDLERS

__all__ = ["Calls", "check_numbers", "decide_orders"]

INLINE_LIMIT = 4000  # characters of `Twiml` (4.1)
_OVERTAKEN = 4.0  # seconds at most that the answer to a creation is held back for its callbacks
_OVERTAKING = 0.5  # seconds a redirect is later than our close, when the close is processed first
_SENDABLE = re.compile(r"[0-9*#A-DwW]{0,32}").fullmatch
_NOT_FOUND = "The requested resource {} was not found"


class Calls:
    """The handlers of `/Calls`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    # ---- create

    async def create(self, request: web.Request, form: Form) -> web.Response:
        exchange = self.exchange
        check_numbers(exchange, form)
        if not _SENDABLE(form.get("SendDigits", "")):
            raise ApiError(400, 20422, "SendDigits takes up to 32 of 0-9, *, #, w and W")
        start = self._start(form)
        if start is None:
            raise ApiError(400, 21205, "Url parameter is required.")
        leg = exchange.new_leg(
            direction="outbound-api",
            from_=form["From"],
            to=form["To"],
            orders=decide_orders(form),
            sip=is_sip(form["To"]),
        )
        queued = exchange.reserve()
        leg.record.queue_time = round(queued * 1000)
        answer = shapes.call(leg)
        leg.run(self._life(leg, form, start, queued))
        if exchange.behaviour.answer_before_rest_reply:
            await _overtaken(leg)
        return created(answer)

    def _start(self, form: Form) -> Goto | Inline | None:
        """What to run: `Url` beats `Twiml` (warning 32019). None when neither was given."""
        url, twiml = form.get("Url"), form.get("Twiml")
        if url and twiml:
            self.exchange.warn(32019, "", "Url and Twiml were both given")
        if url:
            if not url.startswith(("http://", "https://")):
                raise ApiError(400, 21205, f"Url is not a valid URL: {url}")
            return Goto(url, form.get("Method", "POST"))
        if twiml and len(twiml) > INLINE_LIMIT:
            raise ApiError(400, 20422, f"Twiml must not be longer than {INLINE_LIMIT} characters")
        return Inline(twiml) if twiml else None

    async def _life(self, leg: Leg, form: Form, start: Goto | Inline, queued: float) -> None:
        if not await self.exchange.ring(leg, float(form.get("Timeout", 60)), queued):
            return
        if digits := form.get("SendDigits"):
            await HANDLERS["Play"](Interpreter(leg, HANDLERS), Verb("Play", {"digits": digits}), Document(()))
        elif form.get("MachineDetection"):
            start = await self._detected(leg, form, start)
        await Interpreter(leg, HANDLERS).main(start)

    async def _detected(self, leg: Leg, form: Form, start: Goto | Inline) -> Goto | Inline:
        """Asynchronous detection goes on beside the call; the other kind holds the document back (1.6)."""
        mode, within = form["MachineDetection"], float(form.get("MachineDetectionTimeout", 30))
        if form.get("AsyncAmd") == "true":
            if url := form.get("AsyncAmdStatusCallback"):
                method = form.get("AsyncAmdStatusCallbackMethod", "POST")
                self.exchange.spawn(tell_verdict(leg, mode, url, method, within))
            return start
        by, took = await detect(leg, mode, within)
        more = (("AnsweredBy", by), ("MachineDetectionDuration", str(took)))
        return Goto(start.url, start.method, more) if isinstance(start, Goto) else start

    # ---- read

    async def fetch(self, request: web.Request, form: Form) -> web.Response:
        return ok(shapes.call(self._leg(request)))

    async def list(self, request: web.Request, form: Form) -> web.Response:
        query = dict(request.query)
        shown = [shapes.call(leg) for leg in reversed(self.exchange.legs.values())]
        for name, field in (("To", "to"), ("From", "from"), ("Status", "status"), ("ParentCallSid", "parent_call_sid")):
            if name in query:
                shown = [call for call in shown if call[field] == query[name]]
        return ok(shapes.page("calls", shown, request.path, query))

    def _leg(self, request: web.Request) -> Leg:
        leg = self.exchange.legs.get(request.match_info["call"])
        if leg is None:
            raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
        return leg

    # ---- update

    async def update(self, request: web.Request, form: Form) -> web.Response:
        leg = self._leg(request)
        if leg.record.over:
            raise ApiError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if limit := form.get("TimeLimit"):
            self._limit(leg, float(limit))
        if status := form.get("Status"):
            self._end(leg, status)
        elif form.get("Url") or form.get("Twiml"):
            self._redirect(leg, form)
        return ok(shapes.call(leg))

    def _limit(self, leg: Leg, seconds: float) -> None:
        """Counted from the start of the call (4.1)."""
        if leg.record.answered_at is not None and seconds < self.exchange.loop.time() - leg.record.answered_at:
            raise ApiError(400, 13216, "TimeLimit is lower than the time elapsed")
        leg.set_limit(seconds)

    def _end(self, leg: Leg, status: str) -> None:
        waiting = not leg.answered.is_set()
        match status:
            case "canceled" if waiting:
                self._cancel(leg)
            case "canceled":
                pass  # does nothing to a leg that was answered a moment earlier
            case "completed" if not waiting:
                leg.end("completed", cause="api")
            case "completed":
                if self.exchange.behaviour.completed_cancels_ringing:
                    self._cancel(leg)
            case _:
                raise ApiError(400, 20001, f"Status {status!r} is not valid")

    def _cancel(self, leg: Leg) -> None:
        if leg.record.status == "queued":  # a call cancelled while still queued fires no callbacks (1.3)
            leg.orders = Orders()
        leg.end("canceled", 487, cause="api")

    def _redirect(self, leg: Leg, form: Form) -> None:
        """Executed after the answer to this request (4.1)."""
        if not leg.answered.is_set() and self.exchange.behaviour.redirect_ringing_refused and not leg.inbound:
            raise ApiError(400, 21220, "Call is not in-progress. Cannot redirect.")
        start = self._start(form)
        assert start is not None
        if form.get("FallbackUrl"):
            leg.orders = replace(
                leg.orders, fallback_url=form["FallbackUrl"], fallback_method=form.get("FallbackMethod", "POST")
            )
        behaviour = self.exchange.behaviour
        delay = behaviour.rest_seconds + behaviour.redirect_seconds
        if behaviour.close_processed_before_redirect:
            delay += _OVERTAKING
        leg.redirect_pending = True
        self.exchange.loop.call_later(delay, self._moved, leg, start)

    def _moved(self, leg: Leg, start: Goto | Inline) -> None:
        if not leg.record.over:
            for recorder in list(leg.recorders) if self.exchange.behaviour.redirect_ends_recording else ():
                recorder.stop()
            leg.run(Interpreter(leg, HANDLERS).main(start))

    # ---- streams

    async def create_stream(self, request: web.Request, form: Form) -> web.Response:
        """One-way only; answered with 200, not 201 (4.3)."""
        leg = self._leg(request)
        if not leg.live:
            raise ApiError(400, 21220, "Call is not in-progress.")
        if not form.get("Url"):
            raise ApiError(400, 21205, "Url parameter is required.")
        track = form.get("Track", "inbound_track")
        if track not in ("inbound_track", "outbound_track", "both_tracks"):
            raise ApiError(400, 20422, f"Track {track!r} is not valid")
        info = StreamInfo(
            sid=self.exchange.sids.new("MZ"),
            account_sid=self.exchange.account_sid,
            call_sid=leg.sid,
            url=form["Url"],
            name=form.get("Name", ""),
            track=track,  # type: ignore[arg-type]  # checked above
            parameters=_parameters(form),
            two_way=False,
        )
        callback = form.get("StatusCallback", ""), form.get("StatusCallbackMethod", "POST")
        stream = self.exchange.open_stream(leg, info, callback)
        return ok(shapes.stream(stream, self.exchange.now()))

    async def update_stream(self, request: web.Request, form: Form) -> web.Response:
        leg, key = self._leg(request), request.match_info["stream"]
        stream = next((s for s in leg.streams if key in (s.info.sid, s.info.name)), None)
        if stream is None:
            raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
        if form.get("Status") != "stopped":
            raise ApiError(400, 20001, "Status must be stopped")
        if not stream.info.two_way:
            stream.stop()
        return ok(shapes.stream(stream, self.exchange.now()))


# ---- parameters ------------------------------------------------------------------------------------------------------


def check_numbers(exchange: Exchange, form: Form) -> None:
    """`To` and `From` of a new leg (4.5)."""
    to, from_ = form.get("To", ""), form.get("From", "")
    if not to:
        raise ApiError(400, 21201, "No 'To' number is specified")
    if not (is_phone(to) or is_sip(to)):
        raise ApiError(400, 21211, f"The phone number you are attempting to call, {to}, is not valid.")
    if not from_:
        raise ApiError(400, 21213, "No 'From' number is specified")
    if is_phone(to):
        _check_shown(exchange, form.get("CallerId") or from_, form.get("CallToken", ""))


def _check_shown(exchange: Exchange, shown: str, token: str) -> None:
    """The number shown is ours, or that of the caller whose `CallToken` comes with it (1.1)."""
    if shown in exchange.numbers:
        return
    if not token:
        raise ApiError(400, 21210, f"The source phone number provided, {shown}, is not yet verified for your account.")
    if not exchange.takes_token(token, shown):
        raise ApiError(400, 21212, f"The source phone number provided, {shown}, is not valid with this CallToken.")


def decide_orders(form: Form) -> Orders:
    """Where a leg ordered by REST reports to. Repeated `StatusCallbackEvent`s, or one of several words."""
    events = tuple(word for value in form.getall("StatusCallbackEvent", []) for word in value.split())
    return Orders(
        url=form.get("Url", ""),
        fallback_url=form.get("FallbackUrl", ""),
        fallback_method=form.get("FallbackMethod", "POST"),
        status_callback=form.get("StatusCallback", ""),
        status_method=form.get("StatusCallbackMethod", "POST"),
        status_events=events or ("completed",),
        time_limit=float(form.get("TimeLimit", 14400)),
    )


def _parameters(form: Form) -> Mapping[str, str]:
    """`Parameter1.Name`, `Parameter1.Value`, ... (2.1)."""
    pairs = ((form.get(f"Parameter{n}.Name"), form.get(f"Parameter{n}.Value", "")) for n in range(1, 100))
    return {name: value for name, value in pairs if name}


async def _overtaken(leg: Leg) -> None:
    """Holds a creation's answer back until the leg has told of itself."""
    known = [asyncio.ensure_future(event.wait()) for event in (leg.answered, leg.finished)]
    await asyncio.wait(known, timeout=_OVERTAKEN, return_when=asyncio.FIRST_COMPLETED)
    for task in known:
        task.cancel()
