"""Audio on the emulated agent's wire, and the words in it that mean no more than that somebody listens."""

from __future__ import annotations

import re
import struct

from flowengine.sandbox.sound import LINEAR, encode

__all__ = ["from_wire", "is_backchannel", "to_wire"]

_BACKCHANNEL = frozenset({"uhhuh", "mmhm", "mhm", "mm", "mmm", "hmm", "hm", "okay", "ok", "yeah", "right", "aha"})


def is_backchannel(words: list[str]) -> bool:
    """Whether somebody only showed that they listen (assemblyai.md 1.7)."""
    bare = [re.sub(r"[^a-z]", "", word.casefold()) for word in words]
    return bool(bare) and all(word in _BACKCHANNEL for word in bare)


def from_wire(audio: bytes, encoding: str) -> bytes:
    """Audio as received, as mu-law 8 kHz. PCM is 24 kHz, of which each third sample is taken.

    Raises ValueError for half a sample.
    """
    if encoding == "audio/pcmu":
        return audio
    if len(audio) % 2:
        raise ValueError("odd number of bytes in 16-bit PCM")
    return encode(struct.unpack(f"<{len(audio) // 2}h", audio)[::3])


def to_wire(audio: bytes, encoding: str) -> bytes:
    """Mu-law 8 kHz as it is sent: PCM says each sample three times, so that what the low bits carry survives."""
    if encoding == "audio/pcmu":
        return audio
    return b"".join(struct.pack("<h", LINEAR[code]) * 3 for code in audio)
