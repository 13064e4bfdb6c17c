"""Hold music for callers who wait without us in their ear: the carrier fetches it as a sound file, piece by piece."""

from __future__ import annotations

import struct

from starlette.requests import Request
from starlette.responses import Response

from flowengine.runtime.mulaw import RATE
from flowengine.runtime.music import Loop
from flowengine.runtime.ports import Calls

MOST_SECONDS = 60  # of one piece
_MULAW = 7  # the format tag
_CACHED = "public, max-age=3600"


class MusicRoute:
    """Serves the music of a call's flow. No signature is asked: the carrier's media fetch sends none of the standard
    parameters (twilio.md 2.6), and music holds nobody's words.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def serve(self, request: Request) -> Response:
        seconds = min(MOST_SECONDS, max(1, request.path_params["seconds"]))
        audio = piece(self._calls.music(request.path_params["call"]), seconds, whole(request.query_params.get("from")))
        return Response(wav(audio), media_type="audio/wav", headers={"Cache-Control": _CACHED})


def piece(music: bytes, seconds: int, begin: int) -> bytes:
    """`seconds` of an endless loop of `music`, from `begin` seconds after its beginning on."""
    at = begin * RATE % len(music)
    return Loop(music[at:] + music[:at]).next(seconds * RATE)


def wav(audio: bytes) -> bytes:
    """Mu-law, 8 kHz, one channel, in a container; a form that is not PCM needs a `fact`."""
    form = struct.pack("<4sIHHIIHHH", b"fmt ", 18, _MULAW, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, len(audio))
    data = struct.pack("<4sI", b"data", len(audio)) + audio + b"\0" * (len(audio) % 2)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(fact) + len(data), b"WAVE") + form + fact + data


def whole(text: str | None) -> int:
    """A count of seconds as an address has it; 0 for anything that is none, and at most a day."""
    return min(86_400, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
