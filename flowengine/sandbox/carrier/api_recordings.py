"""REST: recordings, of a leg while it lasts and of the account afterwards (twilio.md 4.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import get_args

from aiohttp import web

from flowengine.sandbox.carrier import shapes
from flowengine.sandbox.carrier.exchange import Exchange
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.recorder import Recorder, Track
from flowengine.sandbox.carrier.records import Recording
from flowengine.sandbox.carrier.rest import ApiError, Form, created, ok
from flowengine.sandbox.speech import SILENCE

__all__ = ["Recordings"]

CURRENT = "Twilio.CURRENT"
_NOT_FOUND = "The requested resource {} was not found"
_EVENTS = ("in-progress", "completed", "absent")


class Recordings:
    """The handlers of `/Calls/{call}/Recordings` and `/Recordings`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    # ---- of a leg

    async def create(self, request: web.Request, form: Form) -> web.Response:
        exchange, leg = self.exchange, self._leg(request)
        if not leg.live or leg.record.status != "in-progress":
            raise ApiError(400, 21220, "Requested resource is not eligible for recording")
        channels = _one_of(form, "RecordingChannels", ("mono", "dual"), "mono")
        track = _one_of(form, "RecordingTrack", get_args(Track), "both")
        _one_of(form, "Trim", ("trim-silence", "do-not-trim"), "do-not-trim")
        callback = form.get("RecordingStatusCallback", "")
        if callback and not callback.startswith(("http://", "https://")):
            raise ApiError(400, 21601, f"RecordingStatusCallback is not a valid URL: {callback}")
        events = _events(form)
        recording = Recording(
            exchange.sids.new("RE"), leg.sid, exchange.now(), source="StartCallRecordingAPI",
            channels=2 if channels == "dual" else 1,
        )  # fmt: skip
        exchange.recordings[recording.sid] = recording
        method = form.get("RecordingStatusCallbackMethod", "POST")
        Recorder(leg, recording, track, (callback, method), events)  # type: ignore[arg-type]  # one of its values
        return created(self._shape(recording, of_call=True))

    async def update(self, request: web.Request, form: Form) -> web.Response:
        leg, name = self._leg(request), request.match_info["recording"].removesuffix(".json")
        running = [r for r in leg.recorders if r.running and name in (CURRENT, r.recording.sid)]
        if not running:
            known = self.exchange.recordings.get(name)
            if known is None or known.call_sid != leg.sid:
                raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
            raise ApiError(400, 21220, "The recording is not in progress")
        recorder = running[-1]
        match _one_of(form, "Status", ("in-progress", "paused", "stopped"), ""):
            case "paused":
                recorder.pause(skips=_one_of(form, "PauseBehavior", ("skip", "silence"), "silence") == "skip")
            case "in-progress":
                recorder.go_on()
            case _:
                recorder.stop()
        return ok(self._shape(recorder.recording, of_call=True))

    async def list(self, request: web.Request, form: Form) -> web.Response:
        leg, query = self._leg(request), dict(request.query)
        mine = [r for r in self.exchange.recordings.values() if r.call_sid == leg.sid]
        shown = [self._shape(recording, of_call=True) for recording in reversed(mine)]
        return ok(shapes.page("recordings", shown, request.path, query))

    def _leg(self, request: web.Request) -> Leg:
        leg = self.exchange.legs.get(request.match_info["call"])
        if leg is None:
            raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
        return leg

    # ---- of the account

    async def fetch(self, request: web.Request, form: Form) -> web.Response:
        """The resource, or with no suffix or `.wav` its sound."""
        found, suffix = self._found(request)
        if suffix == "json":
            return ok(self._shape(found, of_call="call" in request.match_info))
        return web.Response(body=_wav(found), content_type="audio/x-wav")

    async def delete(self, request: web.Request, form: Form) -> web.Response:
        """It is gone, its sound with it. One that is not finished cannot be deleted."""
        found, _ = self._found(request)
        if found.status not in ("completed", "absent"):
            raise ApiError(400, 21220, "The recording is not complete")
        del self.exchange.recordings[found.sid]
        self.exchange.deleted.append(found.sid)
        return web.Response(status=204)

    def _found(self, request: web.Request) -> tuple[Recording, str]:
        sid, _, suffix = request.match_info["recording"].partition(".")
        found = self.exchange.recordings.get(sid)
        if found is None or request.match_info.get("call", found.call_sid) != found.call_sid:
            raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
        return found, suffix

    def _shape(self, recording: Recording, *, of_call: bool) -> dict[str, object]:
        return shapes.recording(recording, self.exchange.account_sid, self.exchange.api_url, of_call=of_call)


def _one_of(form: Form, name: str, values: Sequence[str], usual: str) -> str:
    value = form.get(name, usual)
    if value not in values:
        raise ApiError(400, 20001, f"{name} {value!r} is not valid")
    return value


def _events(form: Form) -> tuple[str, ...]:
    """Repeated `RecordingStatusCallbackEvent`s, or one of several words."""
    given = tuple(word for value in form.getall("RecordingStatusCallbackEvent", []) for word in value.split())
    if not set(given) <= set(_EVENTS):
        raise ApiError(400, 20001, f"RecordingStatusCallbackEvent {given!r} is not valid")
    return given or ("completed",)


def _wav(of: Recording) -> bytes:
    """Mu-law in a container: format tag 7, one channel or two side by side."""
    audio = bytes(of.audio) if of.channels == 1 else _side_by_side(bytes(of.audio), bytes(of.heard))
    header = struct.pack(
        "<4sI4s4sIHHIIHHH",
        b"RIFF", 38 + len(audio), b"WAVE", b"fmt ", 18, 7, of.channels, 8000, 8000 * of.channels, of.channels, 8, 0,
    )  # fmt: skip
    return header + struct.pack("<4sI", b"data", len(audio)) + audio


def _side_by_side(left: bytes, right: bytes) -> bytes:
    both = bytearray(2 * len(left))
    both[0::2], both[1::2] = left, right.ljust(len(left), SILENCE[:1])
    return bytes(both)
