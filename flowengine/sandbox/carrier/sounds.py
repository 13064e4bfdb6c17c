"""Where the sound of `<Say>` and `<Play>` comes from."""

from __future__ import annotations

import tempfile

from flowengine.sandbox.carrier.twiml import TwimlError
from flowengine.sandbox.carrier.webhooks import Webhooks
from flowengine.sandbox.speech import FRAME, read_wav, speak

__all__ = ["fetch_sound", "say"]

_WAV = frozenset({"audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave"})
_RAW = frozenset({"audio/ulaw", "audio/basic", "audio/x-mulaw"})


def say(text: str, utterance: int) -> bytes:
    """The carrier's own voice; its words carry the speaker "notice"."""
    return speak(text, "notice", utterance)


async def fetch_sound(webhooks: Webhooks, url: str) -> bytes:
    """A media file as mu-law in whole frames; standard parameters are not sent (twilio.md 2.6).

    Raises `Unreachable`, and `TwimlError` 12300 for a type that cannot be played.
    """
    answer = await webhooks.download(url)
    if answer.content_type in _RAW:
        return answer.body + b"\xff" * (-len(answer.body) % FRAME)
    if answer.content_type not in _WAV:
        raise TwimlError(12300, f"cannot play {answer.content_type!r}")
    return _decoded(answer.body)


def _decoded(wav: bytes) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(wav)
        file.flush()
        try:
            return read_wav(file.name)
        except (ValueError, EOFError) as mistake:
            raise TwimlError(12300, f"cannot play this file: {mistake}") from mistake
