"""Checks of files a flow names: the hold music is there, can be played, and is long enough to repeat."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from urllib.parse import urlsplit

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.wav_header import UnusableSound, wav_seconds

SHORTEST_LOOP = 4.0  # seconds; what repeats sooner drives callers mad
ReadBytes = Callable[[str], bytes]


def music_address(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Music from the web comes over https, from an address without a user, as a WAV file."""
    for path, name in doc.each("hold", "music"):
        if "://" in name and (problem := _unusable(name)):
            yield doc.diagnose(path, "music-file", *problem)


def _unusable(address: str) -> tuple[str, str] | None:
    """What is wrong with an address, and what would be right; a password in it is told as a secret."""
    scheme, _, rest = address.partition("://")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if scheme.lower() != "https":
        return "music comes from an https address, or from a file beside the flow", "an address begins with https://"
    if "@" in place and ":" not in place.rpartition("@")[0]:
        return "this address holds a name to log in with", "use an address that anybody may open"
    if not re.fullmatch(r"([^\s@]*@)?([\w-]+\.)*[\w-]+(:\d{1,5})?", place) or re.search(r"\s", address):
        return f"{address[:80]!r} is no address", "write it as in https://music.example.com/piano.wav"
    kind = urlsplit(f"https://{rest}").path.rpartition(".")[2].lower()
    if kind in _NOT_WAV:
        return f"this address leads to {kind.upper()}, which cannot be played; a WAV file can", "save it as WAV"
    return None


_NOT_WAV = frozenset({"mp3", "m4a", "aac", "ogg", "oga", "opus", "flac", "wma", "mp4", "webm"})


def music_file(doc: Document, read_bytes: ReadBytes) -> Iterator[Diagnostic]:
    """`hold.music` names a file beside the flow; `read_bytes` reads one by the name the flow gives it."""
    for path, name in doc.each("hold", "music"):
        if name == "built-in" or "://" in name:
            continue
        try:
            seconds = wav_seconds(read_bytes(name))
        except (OSError, ValueError) as error:  # ValueError: a name no file can have
            why = str(getattr(error, "strerror", None) or "no file can have this name")
            said = f"the music file {name[:80]!r} cannot be read: {why[:1].lower() + why[1:]}"
            help = "music files are named relative to the flow; or write  music: built-in"
            yield doc.diagnose(path, "music-file", said, help)
        except UnusableSound as problem:
            said = f"the music file {name[:80]!r} cannot be played: {problem}"
            yield doc.diagnose(path, "music-file", said, "a WAV file of 16-bit PCM works, at any rate")
        else:
            if seconds < SHORTEST_LOOP:
                said = f"the music file {name[:80]!r} lasts {seconds:.1f} s and would repeat all the time"
                help = f"use a piece of at least {SHORTEST_LOOP:.0f} s; half a minute is pleasant"
                yield doc.diagnose(path, "music-file", said, help)
