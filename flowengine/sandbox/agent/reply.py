"""What the emulated agent is saying, waits for and has yet to say, and how long it takes with each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flowengine.sandbox.agent.behaviour import AgentBehaviour
from flowengine.sandbox.agent.config import Config
from flowengine.sandbox.agent.mind import Action
from flowengine.sandbox.speech import Word

__all__ = ["PendingCall", "Reply", "Request", "Timing", "option"]


@dataclass(slots=True)
class Reply:
    """One reply while it is being sent. `sent` counts bytes of mu-law, the leading silence included."""

    number: int
    heard_at: float  # the ear's clock when it began
    greeting: bool = False
    words: list[Word] = field(default_factory=list)
    lead: int = 0
    sent: int = 0
    ghost: bool = False  # overtaken by the caller in its leading silence, so sent silent
    over: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ids(self) -> dict[str, str]:
        return {"reply_id": f"resp_{self.number:08x}", "item_id": f"item_a{self.number:07x}"}

    def spoken(self) -> str:
        """The words that have been sent whole."""
        return " ".join(word.text for word in self.words if word.end + self.lead <= self.sent)


@dataclass(slots=True)
class PendingCall:
    """A tool call without a result. `hold` keeps the agent quiet until there is one."""

    call_id: str
    name: str
    reply: Reply
    hold: bool
    expiry: asyncio.TimerHandle


@dataclass(frozen=True, slots=True)
class Request:
    """A reply to be made: when (loop time), and what it says, decided at that moment."""

    due: float
    compose: Callable[[], Action]
    greeting: bool = False


def option(config: Config, *path: str) -> Any:
    """A setting of the session, None when it is unset."""
    value: Any = config
    for key in path:
        value = (value or {}).get(key)
    return value


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that follow from the behaviour and the session's configuration (assemblyai.md 1.7)."""

    behaviour: AgentBehaviour
    config: Config

    @property
    def commit(self) -> float:
        """Silence that ends a turn; with a fixed min_silence the adaptive logic is off (1.5)."""
        fixed = option(self.config, "input", "turn_detection", "min_silence")
        if fixed is not None:
            return float(fixed) / 1000 + 0.4
        return min(self._audible - self.behaviour.leading_silence, self.behaviour.latest_commit)

    @property
    def lead(self) -> float:
        """Silent audio before a reply's first word."""
        return max(self.behaviour.leading_silence, self._audible - self.behaviour.latest_commit)

    @property
    def interruption(self) -> float:
        """From the start of speech to the decision to be interrupted."""
        delay = option(self.config, "input", "turn_detection", "interruption_delay")
        if delay is None:
            delay = 0 if self._mode == "min_latency" else 500
        return self.behaviour.interrupted_after + float(delay) / 1000

    @property
    def _mode(self) -> str:
        return option(self.config, "input", "transcription_mode") or "balanced"

    @property
    def _audible(self) -> float:
        return self.behaviour.audible_after[self._mode]
