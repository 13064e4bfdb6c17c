"""The frame path of one call: carrier socket ↔ agent socket, fixed
sentences and hold music. A frame is never an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import assert_never

from flowengine.call import events as e
from flowengine.call.commands import (
    ClearAudio,
    LetAgentHear,
    LetAgentSpeak,
    MediaCommand,
    PlayLine,
    PlayMusic,
    PrepareLine,
    StopMusic,
)
from flowengine.runtime.mulaw import RATE, is_voiced
from flowengine.runtime.music import Feed
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import AgentSession, CallerLine, SpeakerFailed

FRAME = 160  # bytes
FILLER_SECONDS = 2.8  # of nothing heard after the caller's last voiced frame (design.md section 2, step 3)
FILLER_VOICED = 8  # voiced frames that make up speech worth an answer
LINE_WAIT = 1.5  # seconds a fixed sentence may take to be had before the carrier speaks it
LINE_SLACK = 2.0  # seconds past its length before a sentence without an echoed mark counts as heard
CUSHION = b"\xff" * 480  # 60 ms before a reply: it comes no faster than it is played, and jitter would tear its words
MUSIC_AHEAD = 0.4  # seconds of music the carrier holds: little, so that stopping is cheap
MUSIC_TICK = 0.1
MUSIC_PAUSE = 0.6  # seconds without the caller's voice before music goes on
MUSIC_YIELDS = (
    15.0  # seconds at most: what is loud for longer than that is a noise, and whoever is in it waits like others
)


@dataclass(slots=True)
class Counts:
    """What was left out on the way, for metrics."""

    muted: int = 0  # agent audio not let through
    late: int = 0  # agent audio of an interrupted reply


class CallAudio:
    """Listens to the caller's line and the agent, and plays what the call
    asks for. One per call; streams come and go.
    """

    def __init__(
        self,
        *,
        voice: str,
        phrasebook: Phrasebook,
        music: Callable[[str], bytes],
        post: Callable[[e.Event], None],
        seconds: Callable[[], float],
        filler: str,
    ) -> None:
        self._voice, self._phrasebook, self._music_of = voice, phrasebook, music
        self._post, self._seconds = post, seconds
        self.filler = filler
        self.tap: Callable[[bytes], None] | None = None  # who else hears the caller, and must not block
        self._loop = asyncio.get_running_loop()
        self._line: CallerLine | None = None
        self._agent: AgentSession | None = None
        self._speaks, self._hears = True, True
        self._generation = 0
        self._busy_until = 0.0  # loop time at which the carrier's buffer runs dry, as far as we know
        self._sound_until = 0.0  # the same for what can be heard of it
        self._reply = ""  # the reply whose audio the carrier may still hold
        self._over: set[str] = set()  # replies that were interrupted
        self._pending = ""  # the fixed sentence being played
        self._text = ""  # its words
        self._ceiling: asyncio.TimerHandle | None = None
        self._feed: Feed | None = None
        self._feeder: asyncio.Task[None] | None = None
        self._last_voiced = self._voice_began = -1e9
        self._voiced = 0  # voiced frames since the caller was last answered
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = Counts()

    # ---- streams and the agent -----------------------------------------------------------------------------------

    async def run(self, line: CallerLine) -> None:
        """The caller is on this line until it ends."""
        self._line, self._pending, self._reply = line, "", ""
        self._busy_until = self._sound_until = 0.0
        self._generation += 1
        if self._feed is not None:
            self._feed.cut()
        try:
            await line.run(self)
        finally:
            if self._line is line:
                self._line = None

    def use_agent(self, agent: AgentSession | None) -> None:
        self._agent = agent

    async def close(self) -> None:
        self._stop_music()
        for task in self._tasks:
            task.cancel()
        if self._line is not None:
            await self._line.close()

    # ---- from the caller -------------------------------------------------------------------------------------------

    def caller_audio(self, audio: bytes) -> None:
        if self._agent is not None and self._hears:
            self._agent.hear(audio)
        if self.tap is not None:
            self.tap(audio)
        now = self._loop.time()
        if is_voiced(audio):
            if now - self._last_voiced > MUSIC_PAUSE:
                self._voice_began = now
            self._last_voiced = now
            self._voiced += 1
        elif self._voiced >= FILLER_VOICED and now - self._last_voiced >= FILLER_SECONDS:
            self._fill_silence(now)

    def _fill_silence(self, now: float) -> None:
        """A short fixed filler, once a reply, when the caller waits and nothing at all is to be heard."""
        if now < self._sound_until or self._pending or self._feed or not self._speaks or self._agent is None:
            return
        self._voiced = 0
        self._start(self._play_filler())

    async def _play_filler(self) -> None:
        try:
            audio = await self._phrasebook.get(self.filler, self._voice)
        except SpeakerFailed:
            return
        if self._loop.time() < self._sound_until or self._pending or not self._speaks:
            return
        self._skip_silence()
        self._play(audio)

    def caller_key(self, key: str) -> None:
        self._post(e.KeyPressed(self._seconds(), key))

    def caller_mark(self, name: str) -> None:
        generation, _, rest = name.partition(":")
        if generation != str(self._generation):
            return  # echoed because of a clear, not because it was played
        kind, _, what = rest.partition(":")
        if kind == "line" and what == self._pending:
            self._line_over()
        elif kind == "reply":
            self._post(e.ReplyHeard(self._seconds(), what))

    # ---- from the agent --------------------------------------------------------------------------------------------

    def agent_audio(self, reply: str, audio: bytes) -> None:
        if reply in self._over:
            self.counts.late += 1
            return
        if not self._speaks or self._line is None:
            self.counts.muted += 1
            return
        if self._loop.time() >= self._busy_until:
            self._play(CUSHION)
        voiced = is_voiced(audio)
        self._play(audio, voiced)
        if voiced:
            self._voiced = 0
            if self._reply != reply:
                self._reply = reply
                self._post(e.ReplyStarted(self._seconds(), reply))

    def agent_reply_done(self, reply: str, interrupted: bool) -> None:
        if reply != self._reply:
            return
        if interrupted:
            self._over.add(reply)
            self._reply = ""
            if not self._pending:
                self._clear()
        elif self._line is not None:
            self._line.mark(f"{self._generation}:reply:{reply}")

    # ---- what the call asks for ------------------------------------------------------------------------------------

    def perform(self, command: MediaCommand) -> None:
        match command:
            case PlayLine():
                self._start(self._play_line(command))
            case PrepareLine(text, keep):
                self._phrasebook.prepare(text, self._voice, keep)
            case PlayMusic(music):
                self._start_music(music)
            case StopMusic():
                self._stop_music()
            case ClearAudio():
                self._clear()
            case LetAgentSpeak(allowed):
                self._speaks = allowed
            case LetAgentHear(allowed):
                self._hears = allowed
            case _:
                assert_never(command)

    async def _play_line(self, command: PlayLine) -> None:
        self._pending, self._text = command.line, command.text
        try:
            async with asyncio.timeout(LINE_WAIT):
                audio = await self._phrasebook.get(command.text, self._voice, command.keep)
        except (SpeakerFailed, TimeoutError):
            if self._pending == command.line:
                self._pending = ""
            self._post(e.LineFailed(self._seconds(), command.line))
            return
        if self._pending != command.line or self._line is None:
            return  # a newer sentence, or the caller is elsewhere: the call knows
        if self._reply:  # what is left of her answer does not follow the sentence
            self._over.add(self._reply)
            self._reply = ""
        self._skip_silence()
        self._play(audio)
        self._line.mark(f"{self._generation}:line:{command.line}")
        self._ceiling = self._loop.call_at(self._busy_until + LINE_SLACK, self._line_overdue, command.line)

    def _line_overdue(self, line: str) -> None:
        if line == self._pending:
            self._line_over()

    def _line_over(self) -> None:
        line, self._pending, self._voiced = self._pending, "", 0
        if self._ceiling is not None:
            self._ceiling.cancel()
        self._post(e.LinePlayed(self._seconds(), line, self._text))

    def _play(self, audio: bytes, voiced: bool | None = None) -> None:
        """Something said; music that is playing dies away before it."""
        if self._feed is not None:
            self._send(self._feed.fade())
        self._send(audio, voiced)

    def _send(self, audio: bytes, voiced: bool | None = None) -> None:
        """`voiced` is whether it can be heard, where that is known."""
        if self._line is None or not audio:
            return
        self._line.play(audio)
        self._busy_until = max(self._loop.time(), self._busy_until) + len(audio) / RATE
        if is_voiced(audio) if voiced is None else voiced:
            self._sound_until = self._busy_until

    def _skip_silence(self) -> None:
        """What is said next need not wait behind the silence a reply begins with (assemblyai.md 1.7)."""
        if self._sound_until <= self._loop.time() < self._busy_until:
            pending = self._pending
            self._clear()
            self._pending = pending

    def _clear(self) -> None:
        """Forget what the caller has not heard; marks sent before are echoed at once and mean nothing any more."""
        self._generation += 1
        self._busy_until, self._sound_until, self._pending = 0.0, 0.0, ""
        if self._feed is not None:
            self._feed.cut()
        if self._line is not None:
            self._line.clear()

    # ---- hold music ------------------------------------------------------------------------------------------------

    def _start_music(self, music: str) -> None:
        if self._feed is None:
            self._feed = Feed(self._music_of(music))
        if self._feeder is None or self._feeder.done():
            self._feeder = self._start(self._feed_music())

    def _stop_music(self) -> None:
        if self._feed is not None:
            self._send(self._feed.fade())
        self._feed = None

    async def _feed_music(self) -> None:
        """Keeps the carrier a little ahead; pauses under the caller's voice and behind anything spoken."""
        while (feed := self._feed) is not None:
            now = self._loop.time()
            if not self._music_may_play(now):
                self._send(feed.fade())
            elif (ahead := MUSIC_AHEAD - max(0.0, self._busy_until - now)) > 0:
                self._send(feed.next(int(ahead * RATE) // FRAME * FRAME))
            await asyncio.sleep(MUSIC_TICK)

    def _music_may_play(self, now: float) -> bool:
        speaks = now - self._last_voiced <= MUSIC_PAUSE and now - self._voice_began < MUSIC_YIELDS
        return self._line is not None and not self._pending and not speaks

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
