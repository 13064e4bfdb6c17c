"""The Streaming API in our words: where it is, what we send, what we get. Pure; assemblyai.md section 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

TERMINATE = json.dumps({"type": "Terminate"})

# The flow's names of languages; without one of these the service finds out by itself (2.2).
_CODES = {
    "Spanish": "es", "French": "fr", "German": "de", "Italian": "it", "Portuguese": "pt", "Dutch": "nl",
}  # fmt: skip


def address(url: str, model: str, language: str) -> str:
    """Misspelt names are ignored by the service without a word (2.2), so they are all here."""
    query = {"speech_model": model, "sample_rate": "8000", "encoding": "pcm_mulaw"}
    if language in _CODES:
        query["language_codes"] = json.dumps([_CODES[language]])
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Begin:
    """The session takes audio."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The whole turn as heard so far; it replaces the earlier one of the same `order`."""

    order: int
    text: str
    final: bool
    confidence: float | None = None  # the mean over the words of a final, 0 to 1


@dataclass(frozen=True, slots=True)
class Refused:
    """An `Error`; the socket closes with the same code (2.6)."""

    code: int


@dataclass(frozen=True, slots=True)
class Terminated:
    """The farewell; nothing follows."""


@dataclass(frozen=True, slots=True)
class Other:
    """Of no use to us, new, or broken."""


Message = Begin | Turn | Refused | Terminated | Other
_OTHER = Other()


def decode(raw: str | bytes) -> Message:
    """Any message of the service; never raises."""
    try:
        message = json.loads(raw)
        reader = _READERS.get(message["type"])
        return reader(message) if reader else _OTHER
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError, RecursionError):  # 1e999 is a number
        return _OTHER


def _turn(turn: dict[str, Any]) -> Message:
    final = turn["end_of_turn"] is True
    return Turn(int(turn["turn_order"]), str(turn["transcript"]), final, _confidence(turn) if final else None)


def _confidence(turn: dict[str, Any]) -> float | None:
    """Words without a usable number are left out; without any the confidence is unknown (2.4)."""
    words = turn.get("words")
    each = [word.get("confidence") for word in words if isinstance(word, dict)] if isinstance(words, list) else []
    usable = [c for c in each if isinstance(c, int | float) and not isinstance(c, bool) and 0 <= c <= 1]
    return round(sum(usable) / len(usable), 4) if usable else None


_READERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "Begin": lambda message: Begin(),
    "Turn": _turn,
    "Error": lambda message: Refused(int(message.get("error_code") or 0)),
    "Termination": lambda message: Terminated(),
}
