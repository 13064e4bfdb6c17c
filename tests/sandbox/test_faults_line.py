"""The line between carrier and engine at its worst (reliability.md F36, F37): what is said arrives, late and whole."""

from __future__ import annotations

from collections import deque

import pytest

from flowengine.sandbox.carrier.media import MediaStream
from flowengine.sandbox.world import Options
from tests.sandbox.network import Network
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.wire import ASKS, DANA, GOES, Watch, call, heard_by, holds, outcomes

SPOKEN = "Thank you for taking my call, the bill is from March and I paid it twice."
TALK = [ASKS, {"hears": "speaking"}, {"says": SPOKEN}, {"hears": "paid twice"}, {"waits": "3s"}, GOES]
DANA_SAYS = "I see the bill from March here and it was indeed paid twice."
STAFF = {
    "Dana": [
        "accepts",
        {"rings": "2s"},
        {"says": "Front desk, Dana speaking."},
        {"hears": "paid it twice"},
        {"says": DANA_SAYS},
    ]
}


def talk(watch: Watch) -> Played:
    return played("crown", Options(speed=SPEED), scenario=call(caller=TALK, staff=STAFF), watch=watch)


def whole(made: Played, most_silence: float) -> None:
    """They met and understood each other, and it was all written down."""
    holds(made, most_silence)
    assert outcomes(made) == [("Dana", "accepted")]
    assert "I'm connecting you." in made.heard("agent")
    assert SPOKEN in heard_by(made, DANA)
    written = {(turn["speaker"], turn["text"]) for turn in made.report["transcript"] if turn["final"]}
    assert {("caller", "I need a refund."), ("caller", SPOKEN), ("staff", DANA_SAYS)} <= written


def test_a_carrier_that_sends_nothing_and_then_twice_as_fast_loses_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """F36: a second of nothing, then a second in which everything comes that was held up, again and again."""
    push, held, ticks = MediaStream.push, dict[str, deque[tuple[bytes, bytes]]](), dict[str, int]()

    def uneven(stream: MediaStream, inbound: bytes, outbound: bytes) -> None:
        sid = stream.info.sid
        waiting, tick = held.setdefault(sid, deque()), ticks.get(sid, 0)
        ticks[sid] = tick + 1
        waiting.append((inbound, outbound))
        for _ in range(2 if tick % 100 >= 50 else 0):
            if waiting:
                push(stream, *waiting.popleft())

    monkeypatch.setattr(MediaStream, "push", uneven)
    made = talk(lambda world: None)
    whole(made, most_silence=5.0)
    assert made.times("TranscriptGap") == []
    assert not any(segment.get("clipped") for segment in made.report["caller_heard"])
    (line,) = (s for s in made.report["caller_heard"] if s["text"] == "I'm connecting you.")
    assert made.times("LinePlayed")[0] > line["at"] + line["seconds"] - 0.1  # it was over for her as well


def test_a_call_over_a_far_and_narrow_line_comes_off() -> None:
    """F37: 300 ms each way, uneven, one packet in twenty lost, 32 kB a second, pieces of seven bytes. What comes after
    its moment tears a word she hears; whatever she says is understood and written down."""
    network = Network()
    made = talk(network.lie_between)
    whole(made, most_silence=6.0)
    assert network.passed > 500


def test_a_network_that_stalls_for_a_moment_tears_no_word_in_the_transcript() -> None:
    """A second without a frame in the middle of what both say."""
    whole(talk(Network(seconds=0.0, jitter=0.0, loss=0.02, again=1.0).lie_between), most_silence=6.0)
