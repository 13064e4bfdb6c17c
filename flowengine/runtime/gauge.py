"""How sure a transcript is of the caller while the receptionist talks; of the words themselves nothing is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flowengine.runtime.ports import Heard, Transcriber, TranscriptSession


class Tapped(Protocol):
    """Where the caller's audio can be listened to (`audio.CallAudio`)."""

    tap: Callable[[bytes], None] | None


class Gauge:
    """A transcript session beside the agent's. Its failures are its own: without it, how sure one is stays unknown."""

    def __init__(self, transcriber: Transcriber, audio: Tapped, gauged: Callable[[float], None]) -> None:
        self._transcriber, self._audio, self._gauged = transcriber, audio, gauged
        self._session: TranscriptSession | None = None

    async def want(self, wanted: bool) -> None:
        """Opens the session or closes it. Safe to repeat."""
        session = self._session
        if wanted and session is None:
            self._session = await self._transcriber.open(self._heard, lambda broken: None)
            self._audio.tap = self._session.hear
        elif session is not None and not wanted:
            self._session, self._audio.tap = None, None
            await session.close()

    def _heard(self, heard: Heard) -> None:
        if heard.final and heard.confidence is not None:
            self._gauged(heard.confidence)
