"""What people of one call say while nobody of ours talks with them: a transcript a leg, as long as it is streamed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from flowengine.call import events as e
from flowengine.runtime.ports import Heard, LegAudio, Post, Transcriber

Speaker = Literal["caller", "staff"]


class Transcripts:
    """`partial` gets words that still change, `post` the finished ones as events."""

    def __init__(
        self,
        transcriber: Transcriber,
        partial: Callable[[Speaker, str], None],
        post: Post,
        seconds: Callable[[], float],
    ) -> None:
        self._transcriber = transcriber
        self._partial, self._post, self._seconds = partial, post, seconds
        self._running: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def run(self, leg: str, speaker: Speaker, audio: LegAudio) -> None:
        """One leg's transcript until its stream ends; a newer stream of the leg replaces an older one."""
        self.end(leg)
        if self._closed:
            return
        task = asyncio.ensure_future(self._transcribe(leg, speaker, audio))
        self._running[leg] = task
        await asyncio.wait([task])

    def end(self, leg: str) -> None:
        """Does not wait. Safe to repeat."""
        if (transcript := self._running.pop(leg, None)) is not None:
            transcript.cancel()

    def close(self) -> None:
        """All of them, and none begins after."""
        self._closed = True
        for leg in list(self._running):
            self.end(leg)

    async def _transcribe(self, leg: str, speaker: Speaker, audio: LegAudio) -> None:
        transcript = await self._transcriber.open(
            lambda heard: self._heard(speaker, heard),
            lambda broken: self._post(e.TranscriptGap(self._seconds(), leg, broken)),
        )
        try:
            await audio(transcript.hear)
            if speaker == "caller":
                self._post(e.CallerUnheard(self._seconds()))
        finally:
            await transcript.close()

    def _heard(self, speaker: Speaker, heard: Heard) -> None:
        if not heard.final:
            self._partial(speaker, heard.text)
        elif speaker == "caller":
            self._post(e.CallerSaid(self._seconds(), heard.text))
        else:
            self._post(e.StaffSaid(self._seconds(), heard.text))
