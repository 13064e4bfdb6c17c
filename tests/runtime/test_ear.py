"""Of two sessions of the agent only the present one is heard, and their replies are told apart."""

from __future__ import annotations

from flowengine.call.events import AgentReady, AgentSaid, Event
from flowengine.runtime.ear import AgentEar


class Page:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def agent_audio(self, reply: str, audio: bytes) -> None:
        self.heard.append((reply, audio))

    def agent_reply_done(self, reply: str, interrupted: bool) -> None:
        self.heard.append((reply, interrupted))

    def agent_event(self, event: Event) -> None:
        self.heard.append(event)

    def agent_partial(self, text: str) -> None:
        self.heard.append(text)

    def call_seconds(self) -> float:
        return 7.0


def test_a_later_session_gives_its_replies_other_names() -> None:
    page = Page()
    for number in (1, 2):
        ear = AgentEar(page, number)
        ear.agent_audio("r1", b"x")
        ear.agent_reply_done("r1", False)
    assert page.heard == [("r1", b"x"), ("r1", False), ("2-r1", b"x"), ("2-r1", False)]


def test_an_earlier_session_is_not_heard_any_more() -> None:
    page = Page()
    ear = AgentEar(page, 1)
    ear.agent_event(AgentReady(1.0))
    ear.heard = False
    ear.agent_event(AgentSaid(2.0, "Goodbye"))
    ear.agent_audio("r1", b"x")
    ear.agent_reply_done("r1", True)
    ear.agent_partial("so")
    assert page.heard == [AgentReady(1.0)]
    assert ear.call_seconds() == 7.0
