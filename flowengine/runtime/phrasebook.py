"""The fixed sentences of a flow as ready mu-law, so that what must be said word for word can be said at once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import structlog

from flowengine.runtime.mulaw import RATE
from flowengine.runtime.ports import Speaker, SpeakerFailed

log = structlog.get_logger("flowengine.phrasebook")

LONGEST = 60 * RATE  # bytes of one sentence
MOST_KEPT = 48 * 2**20  # bytes of kept sentences in memory: a hundred minutes
MOST_RENDERINGS = 64  # under way at a time; more are refused, not queued
WARMING = 2  # at a time: calls find a free speaker while a flow is being warmed
UNUSED = 900.0  # seconds a prepared sentence with a caller's words is held for its only use


class Phrasebook:
    """Sentences by voice and text. Neither a log nor a file name ever shows one; only kept ones reach `folder`."""

    def __init__(self, speaker: Speaker, folder: Path | None) -> None:
        self._speaker, self._folder = speaker, folder
        self._kept: OrderedDict[str, bytes] = OrderedDict()  # the least recently used first
        self._kept_bytes = 0
        self._renderings: dict[tuple[str, bool], asyncio.Task[bytes]] = {}  # under way, and prepared ones not kept

    async def get(self, text: str, voice: str, keep: bool = True) -> bytes:
        """Mu-law 8 kHz. Raises `SpeakerFailed`. A sentence that is not `keep` is forgotten when it has been fetched."""
        key = _key(text, voice)
        if (audio := self._known(key, keep)) is not None:
            return audio
        rendering = self._rendering(key, text, voice, keep)
        try:
            return await asyncio.shield(rendering)  # who waits may give up; who else waits does not
        except asyncio.CancelledError:
            if rendering.cancelled():
                raise SpeakerFailed("closed") from None
            raise
        finally:
            if rendering.done():
                self._forget((key, keep), rendering)

    def prepare(self, text: str, voice: str, keep: bool = True) -> None:
        """Starts to render a sentence ahead of need; a failure is left for `get` to find out."""
        key = _key(text, voice)
        if self._known(key, keep) is None:
            try:
                self._rendering(key, text, voice, keep)
            except SpeakerFailed:
                log.warning("too_many_renderings")

    async def warm(self, sentences: Iterable[tuple[str, str]]) -> None:
        """Renders these (text, voice) and keeps them; what fails is tried again when it is needed."""
        waiting = iter(list(dict.fromkeys(sentences)))
        async with asyncio.TaskGroup() as group:
            for _ in range(WARMING):
                group.create_task(self._warm(waiting))

    async def _warm(self, waiting: Iterable[tuple[str, str]]) -> None:
        for text, voice in waiting:
            try:
                await self.get(text, voice)
            except SpeakerFailed:
                log.warning("not_warmed")

    async def close(self) -> None:
        tasks = list(self._renderings.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._renderings.clear()

    # ---- rendering ---------------------------------------------------------------------------------------------------

    def _rendering(self, key: str, text: str, voice: str, keep: bool) -> asyncio.Task[bytes]:
        """The rendering under way, or a new one. Raises `SpeakerFailed` when there are too many."""
        if (known := self._renderings.get((key, keep))) is not None:
            return known
        if sum(not task.done() for task in self._renderings.values()) >= MOST_RENDERINGS:
            raise SpeakerFailed("too many at once")
        task = asyncio.create_task(self._render(key, text, voice, keep))
        self._renderings[key, keep] = task
        task.add_done_callback(lambda _: self._rendered((key, keep), task))
        return task

    async def _render(self, key: str, text: str, voice: str, keep: bool) -> bytes:
        try:
            audio = await self._speaker.render(text, voice)
        except SpeakerFailed:
            raise
        except Exception as mistake:  # of ours; who waits for the sentence knows what to do without it
            log.error("speaker_broke", error=type(mistake).__name__)
            raise SpeakerFailed("internal") from None
        if not 0 < len(audio) <= LONGEST:
            raise SpeakerFailed("no sound" if not audio else "too long")
        if keep:
            self._remember(key, audio)
            _write(self._file(key), audio)
        return audio

    def _rendered(self, name: tuple[str, bool], task: asyncio.Task[bytes]) -> None:
        """Kept sentences and failures leave at once; a sentence for one use stays until it is used, or too old."""
        failed = task.cancelled() or task.exception() is not None
        if failed or name[1]:
            self._forget(name, task)
        else:
            asyncio.get_running_loop().call_later(UNUSED, self._forget, name, task)

    def _forget(self, name: tuple[str, bool], task: asyncio.Task[bytes]) -> None:
        if self._renderings.get(name) is task:
            del self._renderings[name]

    # ---- what is known -----------------------------------------------------------------------------------------------

    def _known(self, key: str, keep: bool) -> bytes | None:
        """From memory, else from disk. What is not to be kept is not even looked for there."""
        if (audio := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        elif keep and (audio := _read(self._file(key))) is not None:
            self._remember(key, audio)
        return audio

    def _remember(self, key: str, audio: bytes) -> None:
        self._kept_bytes += len(audio) - len(self._kept.pop(key, b""))
        self._kept[key] = audio
        while self._kept_bytes > MOST_KEPT:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def _file(self, key: str) -> Path | None:
        return self._folder / f"{key}.mulaw" if self._folder is not None else None


def _key(text: str, voice: str) -> str:
    return hashlib.sha256(f"{voice}\0{text}".encode()).hexdigest()


# ---- files: a checksum, then the sound -------------------------------------------------------------------------------


def _read(file: Path | None) -> bytes | None:
    """The sound in a file of ours; None when it is not there or not as we wrote it."""
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST + 33)
    except OSError:
        return None
    digest, audio = content[:32], content[32:]
    return audio if 0 < len(audio) <= LONGEST and hashlib.sha256(audio).digest() == digest else None


def _write(file: Path | None, audio: bytes) -> None:
    """All of it or nothing; a disk that does not take it costs only a rendering next time."""
    if file is None:
        return
    temporary = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as opened:
            opened.write(hashlib.sha256(audio).digest() + audio)
        os.replace(temporary, file)
    except OSError as error:
        log.warning("sentence_not_stored", error=type(error).__name__)
        Path(temporary).unlink(missing_ok=True) if temporary else None
