"""Checks of files a flow names: the hold music is there, can be played, and is long enough to repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.wav_header import UnusableSound, wav_seconds

SHORTEST_LOOP = 4.0  # seconds; what repeats sooner drives callers mad
ReadBytes = Callable[[str], bytes]


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
