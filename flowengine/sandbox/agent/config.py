"""What `session.update` may say, refused as the service refuses it (assemblyai.md 1.5, 1.6, 1.8), and its echo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["VOICES", "Config", "Refused", "echo", "first", "later"]

VOICES = frozenset({
    "alba", "anna", "charles", "estelle", "eve", "george", "giovanni", "iris", "jane",
    "jean", "juergen", "lola", "mary", "michael", "paul", "rafael", "reid", "vera",
})  # fmt: skip

Config = dict[str, Any]  # the merged `session` object; only what was sent
Check = Callable[[object], str | None]  # what is wrong with a value, if anything is


class Refused(Exception):
    """An update that is not taken. `close` is the close code when the socket goes with it."""

    def __init__(self, code: str, message: str, param: str | None = None, close: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.close = code, message, param, close


def first(session: object) -> Config:
    """The configuration of a first update. Raises Refused; a bad value closes the socket with 1008."""
    try:
        config = _checked(session)
        _consistent(config)
    except Refused as refused:
        raise _fatal(refused) from None
    if not _rate_fits(config):
        raise Refused("internal_error", "agent worker failed", "input.format.sample_rate", 1011)
    return config


def later(session: object, current: Config) -> Config:
    """The configuration after a later update. Raises Refused; the socket stays open and nothing changes."""
    if isinstance(session, dict) and "agent_id" in session:
        raise Refused("agent_id_not_first", "agent_id is only allowed in the first session.update", "agent_id")
    update = _checked(session)
    for path in ("greeting", "output.voice", "output.format"):
        if _lookup(update, path) is not None:
            raise Refused("immutable_field", f"{path} cannot change during a session", path)
    merged = _merge(current, update)
    _consistent(merged)
    return merged


def _fatal(refused: Refused) -> Refused:
    closes = refused.code in ("invalid_value", "invalid_config", "invalid_webhook")
    return Refused(refused.code, refused.message, refused.param, 1008) if closes else refused


# --- values ---------------------------------------------------------------------------------------------------------


def _text(longest: int | None = None) -> Check:
    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        return f"must be at most {longest} characters" if longest and len(value) > longest else None

    return check


def _one_of(*values: str) -> Check:
    return lambda value: None if value in values else f"must be one of {', '.join(sorted(values))}"


def _number(low: float, high: float, whole: bool = False) -> Check:
    def check(value: object) -> str | None:
        kind = int if whole else (int, float)
        fits = isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be {'an integer' if whole else 'a number'} from {low:g} to {high:g}"

    return check


def _texts(most: int | None = None) -> Check:
    def check(value: object) -> str | None:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return "must be a list of strings"
        return f"at most {most} items" if most and len(value) > most else None

    return check


def _flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


_FORMAT: dict[str, Any] = {
    "encoding": _one_of("audio/pcm", "audio/pcmu"),  # the service takes audio/pcma as well; nobody here speaks it
    "sample_rate": _number(8000, 48000, whole=True),
}
_TURN_DETECTION: dict[str, Any] = {
    "type": _one_of("server_vad", "semantic_vad"),
    "vad_threshold": _number(0, 1),
    "min_silence": _number(50, 10000, whole=True),
    "max_silence": _number(50, 10000, whole=True),
    "interrupt_response": _flag,
    "interruption_delay": _number(0, 1000, whole=True),
    "uninterruptible_turns": _texts(),
}
_SESSION: dict[str, Any] = {  # the keys there are; extra=forbid
    "agent_id": _text(),
    "system_prompt": _text(),
    "greeting": _text(),
    "tools": lambda value: None,  # checked one by one
    "input": {
        "type": _one_of("audio"),
        "format": _FORMAT,
        "keyterms": _texts(most=100),
        "transcription_mode": _one_of("balanced", "min_latency", "max_accuracy"),
        "transcription_prompt": _text(longest=1750),
        "language_codes": _texts(),
        "voice_focus": _one_of("near-field", "far-field"),
        "voice_focus_threshold": _number(0, 1),
        "continuous_partials": _flag,
        "turn_detection": _TURN_DETECTION,
    },
    "output": {
        "type": _one_of("audio"),
        "voice": _one_of(*VOICES),
        "format": _FORMAT,
        "volume": _number(0, 100),
    },
    "webhook": {"url": _text(), "events": _texts(), "secret": _text()},
}
_TOOL: dict[str, Check] = {
    "type": _one_of("function"),
    "name": lambda value: None if isinstance(value, str) and value else "must be a name",
    "description": _text(),
    "parameters": lambda value: None if isinstance(value, dict) else "must be an object",
    "execution_mode": _one_of("interactive", "hold"),
    "timeout_seconds": _number(1, 300, whole=True),
    "response_instructions": lambda value: None if isinstance(value, dict) else "must be an object",
}


def _checked(session: object) -> Config:
    if not isinstance(session, dict):
        raise Refused("invalid_format", "session must be an object", "session")
    if "greeting" in session and session["greeting"] is None:
        raise Refused("invalid_format", "greeting must be a string", "greeting")
    if "llm" in session:
        raise Refused("invalid_value", "llm is only allowed on stored agents", "llm")
    if "agent_id" in session and len(session) > 1:
        raise Refused("invalid_value", "agent_id cannot be combined with other fields", "agent_id")
    _check_object(session, _SESSION, "")
    for at, tool in enumerate(_check_tools(session.get("tools"))):
        _check_tool(tool, f"tools.{at}")
    return session


def _check_object(value: Mapping[str, object], fields: Mapping[str, Any], path: str) -> None:
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if key not in fields:
            raise Refused("invalid_value", "extra fields are not permitted", where)
        if item is None:  # an unset option
            continue
        if isinstance(fields[key], dict):
            if not isinstance(item, dict):
                raise Refused("invalid_value", "must be an object", where)
            _check_object(item, fields[key], where)
        elif wrong := fields[key](item):
            raise Refused("invalid_value", wrong, where)


def _check_tools(tools: object) -> list[object]:
    if tools is not None and not isinstance(tools, list):
        raise Refused("invalid_value", "must be a list", "tools")
    return tools or []


def _check_tool(tool: object, path: str) -> None:
    if not isinstance(tool, dict):
        raise Refused("invalid_value", "must be an object", path)
    _check_object(tool, _TOOL, path)
    for key in ("type", "name", "description", "parameters"):
        if tool.get(key) is None:
            raise Refused("invalid_value", "field required", f"{path}.{key}")
    if not isinstance(tool["parameters"].get("properties", {}), dict):
        raise Refused("invalid_value", "must be an object", f"{path}.parameters.properties")
    for key, text in (tool.get("response_instructions") or {}).items():
        if key not in ("success", "error") or not isinstance(text, str) or len(text) > 500:
            raise Refused("invalid_value", "must be at most 500 characters", f"{path}.response_instructions.{key}")


def _consistent(config: Config) -> None:
    low, high = (_lookup(config, f"input.turn_detection.{key}") for key in ("min_silence", "max_silence"))
    if (low if low is not None else 1000) >= (high if high is not None else 3000):
        raise Refused("invalid_value", "min_silence must be less than max_silence", "input.turn_detection.min_silence")


def _rate_fits(config: Config) -> bool:
    """Another rate than the encoding's own kills the worker (1.5, measured)."""
    encoding = _lookup(config, "input.format.encoding") or "audio/pcm"
    rate = _lookup(config, "input.format.sample_rate")
    return rate is None or rate == (24000 if encoding == "audio/pcm" else 8000)


def _lookup(config: Config, path: str) -> Any:
    value: Any = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _merge(old: Config, new: Config) -> Config:
    """Objects are merged, everything else (lists too) is replaced."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


# --- the echo -------------------------------------------------------------------------------------------------------


def echo(config: Config, session_id: str) -> Config:
    """The resolved configuration as `config` of session.ready and session.updated: more fields, unset ones null."""
    full: Config = {"id": session_id, **_filled(_SESSION, config), "llm": [], "pre_connect_requests": []}
    for side in ("input", "output"):
        full[side]["type"] = "audio"
        form = full[side]["format"]
        form["encoding"] = form["encoding"] or "audio/pcm"
        form["sample_rate"] = 24000 if form["encoding"] == "audio/pcm" else 8000
    full["output"]["voice"] = full["output"]["voice"] or "anna"
    full["system_prompt"] = full["system_prompt"] or ""
    full["tools"] = [_TOOL_ECHO | tool for tool in config.get("tools") or []]
    return full | {"deployment_id": None, "session_update": None, "image_tag": None}


_TOOL_ECHO = {"execution_mode": "interactive", "timeout_seconds": 120, "http": None, "response_instructions": None}


def _filled(fields: Mapping[str, Any], config: Config) -> Config:
    return {
        key: _filled(inner, config.get(key) or {}) if isinstance(inner, dict) else config.get(key)
        for key, inner in fields.items()
    }
