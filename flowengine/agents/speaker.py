"""Fixed sentences in the receptionist's voice, each spoken as a greeting: that is word for word (assemblyai.md 1.5)."""

from __future__ import annotations

import asyncio
from typing import Any

from flowengine.agents import protocol as p
from flowengine.agents.link import Link, LinkFailed
from flowengine.call.commands import StartAgent
from flowengine.runtime.mulaw import trimmed
from flowengine.runtime.phrasebook import LONGEST
from flowengine.runtime.ports import SpeakerFailed
from flowengine.settings import Settings

PROMPT = "Speak the greeting. After that say nothing at all, whatever happens."
PATIENCE = 8.0  # seconds without a sound before the sentence is given up; it may come no faster than it is spoken
AT_ONCE = 3  # sessions, so that warming a flow leaves the account room for calls


class AssemblySpeaker:
    """Implements `ports.Speaker`: a short session of its own for each sentence."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def render(self, text: str, voice: str) -> bytes:
        """Raises `SpeakerFailed`, with a reason in one word, never the sentence."""
        async with self._slots:
            sentence = _Sentence(self._settings, text, voice)
            try:
                return trimmed(await sentence.spoken())
            except LinkFailed as failure:
                raise SpeakerFailed(failure.reason) from None
            finally:  # nobody waits for the farewell
                goodbye = asyncio.create_task(sentence.link.close())
                self._goodbyes.add(goodbye)
                goodbye.add_done_callback(self._goodbyes.discard)


class _Sentence:
    """One session that says one thing."""

    def __init__(self, settings: Settings, text: str, voice: str) -> None:
        self.link = Link(settings, p.begin(StartAgent(PROMPT, text, voice, ())), self._take)
        self._audio = bytearray()
        self._reply = ""
        self._done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()  # whether to its end
        self._patience: asyncio.Timeout | None = None

    async def spoken(self) -> bytes:
        """Raises `LinkFailed` or `SpeakerFailed`."""
        await self.link.open()
        try:
            async with asyncio.timeout(PATIENCE) as self._patience:
                waiting: list[asyncio.Future[Any]] = [self._done, self.link.over]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise SpeakerFailed("not spoken") from None
        finally:
            self._patience = None
        if not self._done.done():
            raise SpeakerFailed(self.link.over.result())
        if not self._done.result():
            raise SpeakerFailed("cut short")
        return bytes(self._audio)

    def _take(self, message: p.Message) -> None:
        if self._done.done():
            return
        match message:
            case p.ReplyBegan(reply):
                self._reply = self._reply or reply
            case p.ReplyAudio(reply, audio) if self._is_ours(reply):
                self._collect(audio)
            case p.ReplyDone(reply, interrupted) if self._is_ours(reply):
                self._done.set_result(not interrupted)

    def _is_ours(self, reply: str) -> bool:
        """The first reply is the greeting; another would be the model's own idea."""
        self._reply = self._reply or reply
        return reply in ("", self._reply)

    def _collect(self, audio: bytes) -> None:
        self._audio += audio
        if len(self._audio) > LONGEST:
            self._done.set_result(False)
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
