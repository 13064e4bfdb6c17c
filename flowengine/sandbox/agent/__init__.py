"""The emulated Voice Agent: a receptionist who knows only what the engine told her over her socket."""

from flowengine.sandbox.agent.behaviour import (
    AgentBehaviour,
    BreaksArguments,
    CallsTwice,
    DropsAfter,
    FailsAfter,
    HugeSummary,
    Misbehaviour,
    NamesUnknownRule,
    NeverDone,
    NeverReady,
    RefusesConnections,
    SpeaksOver,
)
from flowengine.sandbox.agent.service import VoiceAgent
from flowengine.sandbox.agent.session import Session

__all__ = [
    "AgentBehaviour",
    "BreaksArguments",
    "CallsTwice",
    "DropsAfter",
    "FailsAfter",
    "HugeSummary",
    "Misbehaviour",
    "NamesUnknownRule",
    "NeverDone",
    "NeverReady",
    "RefusesConnections",
    "Session",
    "SpeaksOver",
    "VoiceAgent",
]
