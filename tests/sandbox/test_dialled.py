"""A cold dial goes on in writing: one stream of both tracks, and each line is whose it is (twilio.md 3.4)."""

from __future__ import annotations

import pytest

from flowengine.sandbox.carrier import Behaviour
from flowengine.sandbox.transcriber import RefusesStreams
from flowengine.sandbox.world import Options
from tests.sandbox.play import SPEED, Played, as_it_stands, known, played


def said(made: Played, speaker: str) -> list[str]:
    """What was written down of one speaker from the moment at which the caller was let go."""
    let_go = made.report["handoffs"][0]["first_ring_at"]
    return [t["text"] for t in made.report["transcript"] if t["speaker"] == speaker and t["at"] > let_go]


@pytest.mark.parametrize("behaviour", [Behaviour(), Behaviour(chunk_per_track=True)])
def test_what_both_say_to_each_other_is_written_down_under_their_own_names(behaviour: Behaviour) -> None:
    made = played("charge_dialled", Options(speed=SPEED, behaviour=behaviour))
    assert made.failures == []
    assert said(made, "staff") == list(known()["charge_dialled"].staff["Payments desk"].says)
    assert said(made, "caller") == ["Hello, I was charged twice."]
    assert said(made, "agent") == []
    streams = [s.info for s in made.world.carrier.streams.values() if not s.info.two_way]
    assert [info.track for info in streams] == ["both_tracks"]


def test_a_caller_who_comes_back_hears_us_and_nobody_writes_that_down_as_staff() -> None:
    """The first dial's stream outlives the dial, and what is played to her next is the receptionist again."""
    made = as_it_stands("dial_busy_comes_back")
    assert made.failures == []
    luis = list(known()["dial_busy_comes_back"].staff["Luis"].says)
    assert [t["text"] for t in made.report["transcript"] if t["speaker"] == "staff"] == luis


def test_a_dial_does_not_wait_for_the_transcript() -> None:
    made = played("charge_dialled", Options(speed=SPEED, transcripts=(RefusesStreams(1),)))
    assert made.failures == []
    assert made.report["outcome"] == "dialled"
