"""Transcript services, by the name an installation chooses one by."""

from __future__ import annotations

from collections.abc import Callable

from flowengine.runtime.ports import Clock, Transcriber
from flowengine.settings import Settings
from flowengine.transcription.assemblyai import AssemblyTranscriber

TRANSCRIBERS: dict[str, Callable[[Settings, Clock], Transcriber]] = {
    "assemblyai": AssemblyTranscriber,
}
