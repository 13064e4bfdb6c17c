"""Which of the agent's sessions a call listens to, when one has followed another."""

from __future__ import annotations

from flowengine.call.events import Event
from flowengine.runtime.ports import AgentListener


class AgentEar:
    """What one session of the agent says, until another takes its place. Replies of later sessions get names of their
    own: a service may count them anew in each."""

    def __init__(self, listener: AgentListener, number: int) -> None:
        self._listener, self._prefix = listener, f"{number}-" if number > 1 else ""
        self.heard = True

    def agent_audio(self, reply: str, audio: bytes) -> None:
        if self.heard:
            self._listener.agent_audio(f"{self._prefix}{reply}", audio)

    def agent_reply_done(self, reply: str, interrupted: bool) -> None:
        if self.heard:
            self._listener.agent_reply_done(f"{self._prefix}{reply}", interrupted)

    def agent_event(self, event: Event) -> None:
        if self.heard:
            self._listener.agent_event(event)

    def agent_partial(self, text: str) -> None:
        if self.heard:
            self._listener.agent_partial(text)

    def call_seconds(self) -> float:
        return self._listener.call_seconds()
