"""Voice agents, by the name an installation chooses one by."""

from __future__ import annotations

from collections.abc import Callable

from flowengine.agents.assemblyai import AssemblyAgent
from flowengine.runtime.ports import Clock, VoiceAgent
from flowengine.settings import Settings

AGENTS: dict[str, Callable[[Settings, Clock], VoiceAgent]] = {
    "assemblyai": AssemblyAgent,
}
