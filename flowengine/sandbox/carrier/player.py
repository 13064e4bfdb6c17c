"""What a leg's ear is connected to: something that gives a frame every 20 ms."""

from __future__ import annotations

import asyncio
from typing import Protocol

from flowengine.sandbox.carrier.tones import loop
from flowengine.sandbox.speech import FRAME, SILENCE

__all__ = ["Looped", "Player", "Source"]


class Source(Protocol):
    @property
    def joined(self) -> bool:
        """Whether another party is at the other end."""

    def frame(self) -> bytes:
        """The next 20 ms. Called once a tick."""


class Player:
    """Plays one piece of audio at a time and is silent in between."""

    joined = False

    def __init__(self) -> None:
        self._audio = b""
        self._at = 0
        self._over: asyncio.Future[None] | None = None

    async def play(self, audio: bytes) -> None:
        """Returns when the last frame has been heard; cancelled, the sound stops at once."""
        if not audio:
            return
        if self._over is not None and not self._over.done():
            self._over.set_result(None)  # what was playing gives way
        self._audio, self._at = audio, 0
        self._over = over = asyncio.get_running_loop().create_future()
        try:
            await over
        finally:
            if self._over is over:
                self._over, self._audio = None, b""

    def frame(self) -> bytes:
        if self._at >= len(self._audio):
            if self._over is not None and not self._over.done():
                self._over.set_result(None)
            return SILENCE
        frame = self._audio[self._at : self._at + FRAME]
        self._at += FRAME
        return frame.ljust(FRAME, b"\xff")


class Looped:
    """The same sound for ever."""

    joined = False

    def __init__(self, audio: bytes) -> None:
        self._audio, self._at = audio, 0

    def frame(self) -> bytes:
        self._at += FRAME
        return loop(self._audio, self._at - FRAME)
