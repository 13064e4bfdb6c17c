"""Recording a leg by REST: what both sides say from the order on, paused and stopped, and who is told of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from flowengine.sandbox.carrier.records import Recording
from flowengine.sandbox.carrier.sids import rfc2822
from flowengine.sandbox.speech import FRAME, SILENCE

if TYPE_CHECKING:
    from flowengine.sandbox.carrier.leg import Leg

__all__ = ["Recorder"]

Track = Literal["inbound", "outbound", "both"]


class Recorder:
    """One running recording. Channel 1 is what the party says, channel 2 what it hears (twilio.md 2.2)."""

    def __init__(
        self, leg: Leg, recording: Recording, track: Track, callback: tuple[str, str], events: tuple[str, ...]
    ) -> None:
        self.recording = recording
        self._leg, self._track, self._callback, self._events = leg, track, callback, events
        self._skips = False  # what is paused is left out, rather than silent
        self._over = asyncio.Event()
        leg.recorders.append(self)
        self._tell("in-progress")
        leg.exchange.spawn(self._until_over())

    @property
    def running(self) -> bool:
        return not self._over.is_set()

    def take(self, said: bytes, heard: bytes) -> None:
        """The 20 ms that have just passed."""
        if not self.running or (self.recording.status == "paused" and self._skips):
            return
        paused, now = self.recording.status == "paused", self._leg.exchange.loop.time()
        if not paused:
            self.recording.kept(now - FRAME / 8000, now)
        self.recording.audio += SILENCE if paused or self._track == "outbound" else said
        self.recording.heard += SILENCE if paused or self._track == "inbound" else heard

    def pause(self, *, skips: bool) -> None:
        self.recording.status, self._skips = "paused", skips

    def go_on(self) -> None:
        self.recording.status = "in-progress"

    def stop(self) -> None:
        self._over.set()
        self.recording.status = "stopped"

    async def _until_over(self) -> None:
        """The leg ends or somebody stops it; a while later there is a recording, or nothing worth keeping."""
        leg = self._leg
        waits = [asyncio.ensure_future(event.wait()) for event in (leg.finished, self._over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._over.set()
        leg.recorders.remove(self)
        await asyncio.sleep(leg.exchange.behaviour.recording_ready_seconds)
        self.recording.status = "completed" if self.recording.seconds else "absent"
        self._tell(self.recording.status)

    def _tell(self, status: str) -> None:
        """A recording status callback (twilio.md 1.4)."""
        (url, method), exchange, of = self._callback, self._leg.exchange, self.recording
        if not url or status not in self._events:
            return
        pairs = [
            ("AccountSid", exchange.account_sid),
            ("CallSid", of.call_sid),
            ("RecordingSid", of.sid),
            ("RecordingStatus", status),
            ("RecordingChannels", str(of.channels)),
            ("RecordingStartTime", rfc2822(of.created) or ""),
            ("RecordingSource", of.source),
            ("RecordingTrack", self._track),
            ("ErrorCode", "0"),
        ]
        if status == "completed":
            address = f"{exchange.api_url}/2010-04-01/Accounts/{exchange.account_sid}/Recordings/{of.sid}"
            pairs += [("RecordingUrl", address), ("RecordingDuration", str(of.seconds))]
        exchange.callbacks.send(of.sid, method, url, pairs, of.call_sid)
