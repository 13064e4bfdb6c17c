"""The Voice Agent API in our words: what we send as text, what we get as small values. Pure; assemblyai.md 1."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from flowengine.call.commands import AgentTool, StartAgent

TOOL_SECONDS = 120  # how long the service waits for a tool's result; the service's own default (1.6)
MOST_KEYTERMS = 100  # (1.5)
_FORMAT = {"encoding": "audio/pcmu"}  # mu-law 8 kHz, what the telephone has: nothing is ever transcoded
_OUTPUT_SETTINGS = ("volume",)

# ---- what we send ----------------------------------------------------------------------------------------------------


def begin(opening: StartAgent) -> str:
    """The first message. `opening.settings` are options of `input`, and `volume`; the format is not for choosing."""
    session: dict[str, object] = {
        "system_prompt": opening.prompt,
        "input": {
            "transcription_mode": "min_latency",
            **({"keyterms": list(opening.keyterms[:MOST_KEYTERMS])} if opening.keyterms else {}),
            **{key: value for key, value in opening.settings.items() if key not in _OUTPUT_SETTINGS},
            "format": _FORMAT,
        },
        "output": {
            **{key: value for key, value in opening.settings.items() if key in _OUTPUT_SETTINGS},
            "voice": opening.voice,
            "format": _FORMAT,
        },
    }
    if opening.greeting:  # null is refused (1.5)
        session["greeting"] = opening.greeting
    if opening.tools:
        session["tools"] = [_tool(tool) for tool in opening.tools]
    return _update(session)


def _tool(tool: AgentTool) -> dict[str, object]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "execution_mode": "interactive",
        "timeout_seconds": TOOL_SECONDS,
    }


def _update(session: Mapping[str, object]) -> str:
    return json.dumps({"type": "session.update", "session": session})


def resume(session_id: str) -> str:
    return json.dumps({"type": "session.resume", "session_id": session_id})


def tell(prompt: str) -> str:
    return _update({"system_prompt": prompt})


def ask(instructions: str) -> str:
    return json.dumps({"type": "reply.create", "instructions": instructions})


def answer(call_id: str, result: str, is_error: bool) -> str:
    return json.dumps({"type": "tool.result", "call_id": call_id, "result": result, "is_error": is_error})


def audio_in(audio: bytes) -> str:
    return f'{{"type":"input.audio","audio":"{binascii.b2a_base64(audio, newline=False).decode()}"}}'


END = json.dumps({"type": "session.end"})

# ---- what we get -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """`own_tools` are those the service calls by HTTP itself (1.6): their calls are not ours to answer."""

    session: str
    expires_at: float | None = None  # epoch seconds
    own_tools: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Updated:
    """The service took a `session.update`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The farewell: the session is over in good order."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A `session.error`; `code` in lower case (1.8)."""

    code: str


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    reply: str


class ReplyAudio(msgspec.Struct, tag_field="type", tag="reply.audio", frozen=True, gc=False):
    """As it comes: it is read 25 times a second and call."""

    reply: str = msgspec.field(name="reply_id")  # "" where the service does not say
    audio: bytes = msgspec.field(name="data")  # mu-law 8 kHz, any length; msgspec reads base64


@dataclass(frozen=True, slots=True)
class ReplyDone:
    reply: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    pass


@dataclass(frozen=True, slots=True)
class SpeechOver:
    pass


@dataclass(frozen=True, slots=True)
class CallerPartial:
    text: str  # the whole turn so far


@dataclass(frozen=True, slots=True)
class CallerFinal:
    text: str


@dataclass(frozen=True, slots=True)
class AgentFinal:
    text: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class ToolWanted:
    call_id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something new or broken; survived and counted."""


Message = (
    Ready
    | Updated
    | Ended
    | Complaint
    | ReplyBegan
    | ReplyAudio
    | ReplyDone
    | SpeechBegan
    | SpeechOver
    | CallerPartial
    | CallerFinal
    | AgentFinal
    | ToolWanted
    | Unknown
)
_UNKNOWN = Unknown()


class _Event(msgspec.Struct, gc=False):
    """The fields of all messages that mean something to us; what else a message holds is not even read. Each may be
    missing, and of a type that no document has: the readers look."""

    type: str
    reply_id: Any = None
    data: Any = None
    text: Any = None
    status: Any = None
    interrupted: Any = None
    session_id: Any = None
    config: Any = None
    expires_at: Any = None
    code: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None


_decode_audio = msgspec.json.Decoder(ReplyAudio).decode
_decode_any = msgspec.json.Decoder(_Event).decode


def decode(raw: str | bytes) -> Message:
    """Any message of the service; never raises."""
    try:
        return _decode_audio(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _decode_other(raw)


def _decode_other(raw: str | bytes) -> Message:
    try:
        event = _decode_any(raw)
        reader = _READERS.get(event.type)
        return reader(event) if reader else _UNKNOWN
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return _UNKNOWN


def _ready(event: _Event) -> Message:
    if not isinstance(event.session_id, str):
        return _UNKNOWN
    tools = event.config.get("tools") if isinstance(event.config, dict) else None
    own = frozenset(str(tool.get("name")) for tool in tools or () if isinstance(tool, dict) and tool.get("http"))
    return Ready(event.session_id, event.expires_at if isinstance(event.expires_at, int | float) else None, own)


def _complaint(event: _Event) -> Message:
    code = str(event.code or "").lower()
    return Complaint(code if re.fullmatch(r"[a-z0-9_]{1,40}", code) else "unknown")  # it is logged: no free text


def _plain_error(event: _Event) -> Message:
    """`error` is in no document, but official examples treat it as fatal (1.4)."""
    return Complaint("error")


def _reply_audio(event: _Event) -> Message:
    return ReplyAudio(_text(event.reply_id), binascii.a2b_base64(event.data))


def _reply_done(event: _Event) -> Message:
    return ReplyDone(_text(event.reply_id), event.status == "interrupted")


def _tool_wanted(event: _Event) -> Message:
    if event.call_id is None or event.name is None:
        return _UNKNOWN
    return ToolWanted(str(event.call_id), str(event.name), _arguments(event.arguments))


def _arguments(value: object) -> Mapping[str, object]:
    """An object, or an object as JSON text; anything else is no arguments (1.4)."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_READERS: dict[str, Callable[[_Event], Message]] = {
    "session.ready": _ready,
    "session.updated": lambda event: Updated(),
    "session.ended": lambda event: Ended(),
    "session.error": _complaint,
    "error": _plain_error,
    "reply.started": lambda event: ReplyBegan(_text(event.reply_id)),
    "reply.audio": _reply_audio,
    "reply.done": _reply_done,
    "input.speech.started": lambda event: SpeechBegan(),
    "input.speech.stopped": lambda event: SpeechOver(),
    "transcript.user.delta": lambda event: CallerPartial(_text(event.text)),
    "transcript.user": lambda event: CallerFinal(_text(event.text)),
    "transcript.agent": lambda event: AgentFinal(_text(event.text), event.interrupted is True),
    "tool.call": _tool_wanted,
}

_FATAL = frozenset(
    {
        "error",
        "unauthorized",
        "forbidden",
        "session_not_found",
        "session_expired",
        "session_forbidden",
        "agent_not_found",
        "agent_init_failed",
        "agent_timeout",
        "at_capacity",
        "concurrency_exceeded",
        "server_error",
        "internal_error",
    }
)


def is_fatal(code: str, *, first: bool) -> bool:
    """Whether the session is lost. While it is not ready (`first`) a value that is refused ends it too (1.8)."""
    return code in _FATAL or (first and code.startswith("invalid_"))
