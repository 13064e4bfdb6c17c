"""One session of the emulated Streaming v3: parameters, audio, turns (assemblyai.md 2.2 to 2.6)."""

from __future__ import annotations

import asyncio
import json
import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flowengine.sandbox.hearing import Hearing
from flowengine.sandbox.sockets import Socket
from flowengine.sandbox.sound import RATE, encode
from flowengine.sandbox.speech import Word

__all__ = ["Failed", "Settings", "StreamingBehaviour", "StreamingSession", "parse_query"]

MODELS = (
    "universal-3-6-pro",
    "universal-3-5-pro",
    "universal-streaming-english",
    "universal-streaming-multilingual",
    "u3-rt-pro",
    "whisper-rt",
)
_SHORTEST, _LONGEST = 0.05, 1.0  # seconds of audio in one message
_SHORT_ALLOWED = 49  # shorter messages that pass before the Error (2.6, measured)


class Failed(Exception):
    """The session is over: `code` is the error code and the close code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class StreamingBehaviour:
    """Durations in seconds; defaults as measured (2.3, 2.4)."""

    begin_after: float = 0.15
    final_after: float = 0.42  # from the last word to the final
    force_after: float = 0.27  # from ForceEndpoint to the final
    ahead: float = 2.0  # how much faster than real time audio may have come
    partials_formatted: bool = True  # turn_is_formatted on partials: measured true, documented false
    begin_has_configuration: bool = True
    confidence: float = 0.95
    doubts: Mapping[str, float] = field(default_factory=dict)  # other confidence of the words of these turns, 0 to 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The query parameters that change what the emulator does."""

    model: str = MODELS[0]
    encoding: str = "pcm_s16le"
    rate: int = 16000
    mode: str = "balanced"
    min_turn_silence: int | None = None
    speaker_labels: bool = False
    partials: bool = True
    heartbeat: bool = False
    language_detection: bool = False
    inactivity: int | None = None

    @property
    def bytes_per_second(self) -> int:
        return self.rate * (1 if self.encoding == "pcm_mulaw" else 2)


# --- parameters -----------------------------------------------------------------------------------------------------


def parse_query(query: dict[str, str]) -> Settings:
    """Text values, booleans in any case, unknown names ignored (2.2). Raises Failed 3006."""
    model = query.get("speech_model", MODELS[0])
    if model not in MODELS:
        raise Failed(3006, f"Invalid speech_model {model!r}. Accepted: {', '.join(MODELS)}")
    encoding = query.get("encoding", "pcm_s16le")
    if encoding not in ("pcm_s16le", "pcm_mulaw"):  # the service also takes opus, ogg_opus and aac
        raise Failed(3006, f"Invalid encoding {encoding!r}")
    mode = query.get("mode", "balanced")
    if mode not in ("min_latency", "balanced", "max_accuracy"):
        raise Failed(3006, f"Invalid mode {mode!r}")
    _check_others(query)
    labels = _truth(query, "speaker_labels", False)
    return Settings(
        model,
        encoding,
        _whole(query, "sample_rate", 8000, 96000) or 16000,
        mode,
        _whole(query, "min_turn_silence", 0, 1 << 31),
        labels,
        _truth(query, "continuous_partials", True),
        _truth(query, "session_heartbeat", False),
        _truth(query, "language_detection", False),
        _whole(query, "inactivity_timeout", 5, 3600),
    )


def _check_others(values: dict[str, Any]) -> None:
    """What is refused at the start and in UpdateConfiguration alike."""
    for name in ("prompt", "agent_context"):
        if len(str(values.get(name) or "")) > 1750:
            raise Failed(3006, f"{name} must be at most 1750 characters")
    for name, most in (("keyterms_prompt", 100), ("language_codes", 10)):
        items = _list(values.get(name), name)
        if len(items) > most:
            raise Failed(3006, f"{name} must have at most {most} items")
        if name == "language_codes" and "multi" in items and len(items) > 1:
            raise Failed(3006, "multi must stand alone")
    _whole(values, "max_speakers", 1, 10)
    if "voice_focus_threshold" in values and "voice_focus" not in values:
        raise Failed(3006, "voice_focus_threshold needs voice_focus")


def _list(value: Any, name: str) -> list[Any]:
    try:
        items = json.loads(value) if isinstance(value, str) else value or []
    except ValueError:
        items = None
    if not isinstance(items, list):
        raise Failed(3006, f"{name} must be a JSON list")
    return items


def _truth(query: dict[str, str], name: str, default: bool) -> bool:
    value = query.get(name, str(default)).lower()
    if value not in ("true", "false"):
        raise Failed(3006, f"{name} must be true or false")
    return value == "true"


def _whole(query: dict[str, Any], name: str, low: int, high: int) -> int | None:
    if query.get(name) is None:
        return None
    try:
        value = int(query[name])
    except (TypeError, ValueError):
        raise Failed(3006, f"{name} must be an integer") from None
    if not low <= value <= high:
        raise Failed(3006, f"{name} must be from {low} to {high}")
    return value


# --- the session ----------------------------------------------------------------------------------------------------


class StreamingSession:
    """A session. For assertions: `settings`, `finals` (transcripts), `received` (control messages), `seconds` of audio,
    `closed` (close code, None while open)."""

    def __init__(
        self,
        settings: Settings,
        cap: float,
        behaviour: StreamingBehaviour,
        now: Callable[[], datetime],
        socket: Socket,
        fail: Callable[[Failed], None],
    ) -> None:
        self.settings = settings
        self.finals: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.closed: int | None = None
        self.fail = fail
        self.id = str(uuid.uuid4())
        self._behaviour, self._now, self._socket = behaviour, now, socket
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.time()
        self._first_audio: float | None = None
        self._short = 0
        self._hearing = Hearing()
        self._reported = 0  # words of the turn in the last partial
        self._turn = 0
        self._labels: list[str] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._inactive: asyncio.TimerHandle | None = None
        self.later(behaviour.begin_after, self._begin, cap)
        self.later(cap, fail, Failed(3008, "Session expired: maximum session duration exceeded"))
        if settings.heartbeat:
            self.later(5.0, self._beat)
        self._active()

    def later(self, seconds: float, do: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        """Do something in the life of this session."""
        timer = self._loop.call_later(seconds, do, *arguments)
        self._timers.append(timer)
        return timer

    def stop(self) -> None:
        """Nothing happens any more. Idempotent."""
        for timer in self._timers:
            timer.cancel()
        if self._inactive:
            self._inactive.cancel()

    # --- in ---------------------------------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> None:
        """Audio or a control message. Raises Failed."""
        if isinstance(message, bytes):
            self._active()
            self._hear(message)
        else:
            self._control(message)

    def _control(self, message: str) -> None:
        try:
            event = json.loads(message)
        except ValueError:
            raise Failed(3006, "Invalid JSON") from None
        if not isinstance(event, dict):
            raise Failed(3006, "Invalid message")
        self.received.append(event)
        match event.get("type"):
            case "Terminate":
                self._terminate()
            case "ForceEndpoint":
                self.later(self._behaviour.force_after, self._finish)
            case "KeepAlive":
                self._active()
            case "UpdateConfiguration":
                _check_others(event)
            case kind:
                raise Failed(3006, f"Invalid message type {kind!r}")

    def _active(self) -> None:
        if self._inactive:
            self._inactive.cancel()
        if (seconds := self.settings.inactivity) is not None:
            self._inactive = self._loop.call_later(seconds, self.fail, Failed(3006, "Session inactive for too long"))

    def _hear(self, audio: bytes) -> None:
        self._check_pace(len(audio) / self.settings.bytes_per_second)
        self._hearing.feed(self._as_mulaw(audio))
        if len(self._hearing.spoken) > self._reported:
            self._partial()
        if self._hearing.began is not None and self._hearing.quiet_for >= self._final_after():
            self._finish()

    def _check_pace(self, seconds: float) -> None:
        now = self._loop.time()
        self._first_audio = now if self._first_audio is None else self._first_audio
        self.seconds += seconds
        self._short += seconds < _SHORTEST
        if seconds > _LONGEST or self._short > _SHORT_ALLOWED:
            raise Failed(3007, f"Input duration violation: {seconds * 1000:.1f} ms. Expected between 50 and 1000 ms")
        if self.seconds - seconds > now - self._first_audio + self._behaviour.ahead:
            raise Failed(3007, "Audio transmission rate exceeds real time")

    def _as_mulaw(self, audio: bytes) -> bytes:
        """8 kHz mu-law. Of faster audio each n-th sample: words survive where the client repeated samples."""
        step = max(1, self.settings.rate // RATE)
        if self.settings.encoding == "pcm_mulaw":
            return audio[::step]
        return encode(struct.unpack(f"<{len(audio) // 2}h", audio[: len(audio) // 2 * 2])[::step])

    def _final_after(self) -> float:
        if self.settings.min_turn_silence is not None:
            return min(max(self.settings.min_turn_silence, 50), 10000) / 1000 + 0.29
        return self._behaviour.final_after + (0.38 if self.settings.mode == "max_accuracy" else 0.0)

    # --- out --------------------------------------------------------------------------------------------------------

    def _begin(self, cap: float) -> None:
        begin = {"type": "Begin", "id": self.id, "expires_at": int(self._now().timestamp() + cap)}
        off = {"redact_pii": False, "filter_profanity": False, "domain": None, "voice_focus": None}
        configuration = {"model": self.settings.model, "mode": self.settings.mode, "api_version": "2025-05-12"}
        if self._behaviour.begin_has_configuration:
            begin["configuration"] = configuration | off | {"speaker_labels": self.settings.speaker_labels}
        self._socket.send(begin)

    def _partial(self) -> None:
        if self._reported == 0 and self.settings.model.startswith(("universal-3", "u3")):
            started = int((self._hearing.began or 0.0) * 1000)
            self._socket.send({"type": "SpeechStarted", "timestamp": started, "confidence": self._behaviour.confidence})
        self._reported = len(self._hearing.spoken)
        if self.settings.partials and not self.settings.speaker_labels:
            self._socket.send(self._turn_event(self._hearing.spoken, final=False))

    def _finish(self) -> None:
        """The turn is over; one without a word that could be understood leaves no trace."""
        spoken = self._hearing.spoken
        self._hearing.forget()
        self._reported = 0
        if spoken:
            event = self._turn_event(spoken, final=True)
            self.finals.append(event["transcript"])
            self._socket.send(event)
            self._turn += 1

    def _turn_event(self, spoken: list[Word], *, final: bool) -> dict[str, Any]:
        text = " ".join(word.text for word in spoken)
        event: dict[str, Any] = {
            "type": "Turn",
            "turn_order": self._turn,
            "turn_is_formatted": final or self._behaviour.partials_formatted,
            "end_of_turn": final,
            "end_of_turn_confidence": 1.0 if final else 0.0,
            "transcript": text,
            "utterance": text if final else "",
            "words": [self._word(word, final, self._behaviour.doubts.get(text)) for word in spoken],
        }
        if final and self.settings.speaker_labels:
            event["speaker_label"] = self._label(spoken)
        if final and self.settings.language_detection:
            event |= {"language_code": "en", "language_confidence": 0.99}
        return event

    def _word(self, word: Word, final: bool, doubt: float | None) -> dict[str, Any]:
        start, end = word.start * 1000 // RATE, word.end * 1000 // RATE
        confidence = self._behaviour.confidence if doubt is None else doubt
        return {"text": word.text, "start": start, "end": end, "confidence": confidence, "word_is_final": final}

    def _label(self, spoken: list[Word]) -> str:
        """A, B, ... by first appearance; turns under a second are not told apart (2.5)."""
        if spoken[-1].end - spoken[0].start < RATE:
            return "PENDING"
        if spoken[0].speaker not in self._labels:
            self._labels.append(spoken[0].speaker)
        return "ABCD"[self._labels.index(spoken[0].speaker)]

    def _beat(self) -> None:
        elapsed = self._loop.time() - self._opened
        factor = self.seconds / elapsed
        times = {"total_audio_received_ms": int(self.seconds * 1000), "total_duration_ms": int(elapsed * 1000)}
        speech = 1.0 if self._hearing.began is not None else 0.0
        self._socket.send({"type": "Heartbeat", **times, "realtime_factor": factor, "max_speech_probability": speech})
        self.later(5.0, self._beat)

    def _terminate(self) -> None:
        self._finish()
        if self.settings.model.startswith("universal-streaming"):  # an extra empty final (2.4, measured)
            self._socket.send(self._turn_event([], final=True))
        spent = {"audio_duration_seconds": round(self.seconds)}
        elapsed = self._loop.time() - self._opened
        self._socket.send({"type": "Termination", **spent, "session_duration_seconds": round(elapsed)})
        self._socket.close(1000, "")
        self.closed = 1000
        self.stop()
