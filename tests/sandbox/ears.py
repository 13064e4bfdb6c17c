"""What the caller's ear and mouth were measured to have had, sentence by sentence and 20 ms by 20 ms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowengine.sandbox.carrier import CallRecord
from flowengine.sandbox.speech import FRAME, RATE, is_voiced
from tests.sandbox.play import Played

NUMBERS = {"Dana": "+13125550111", "Luis": "+13125550112", "Hygiene desk": "+13125550121", "Dr. Reed": "+13125550122"}


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence, or music, in the caller's ear; times on the loop's clock."""

    what: str
    text: str
    begin: float
    end: float
    clipped: bool


def caller_of(run: Played) -> CallRecord:
    (leg,) = (r for r in run.world.carrier.calls.values() if r.direction == "inbound")
    return leg


def phone(run: Played, name: str) -> CallRecord:
    """The one leg to somebody's phone: it was not rung twice."""
    (leg,) = (r for r in run.world.carrier.calls.values() if r.to == NUMBERS[name])
    return leg


def heard(run: Played) -> list[Heard]:
    caller = caller_of(run)
    assert caller.answered_at is not None
    return [
        Heard(s.what, s.text, caller.answered_at + s.at, caller.answered_at + s.at + s.seconds, s.clipped)
        for s in caller.heard
    ]


def sentence(run: Played, words: str) -> Heard:
    """The first with these words in it."""
    found = next((s for s in heard(run) if words.casefold() in s.text.casefold()), None)
    assert found is not None, f"the caller never heard {words!r}"
    return found


def said(run: Played, words: str) -> list[Heard]:
    """All sentences, or what was heard of them, with these words in them."""
    return [s for s in heard(run) if words in s.text]


def music(run: Played) -> list[Heard]:
    return [s for s in heard(run) if s.what == "music"]


def ear(run: Played) -> list[bool]:
    """For each 20 ms whether the caller heard anything."""
    return voiced(caller_of(run).heard_audio)


def mouth(run: Played) -> list[bool]:
    return voiced(caller_of(run).spoken_audio)


def voiced(audio: bytearray) -> list[bool]:
    return [is_voiced(bytes(audio[at : at + FRAME])) for at in range(0, len(audio), FRAME)]


def frame_at(run: Played, moment: float) -> int:
    began = caller_of(run).answered_at
    assert began is not None
    return round((moment - began) * RATE / FRAME)


def longest(frames: Sequence[bool]) -> float:
    """Seconds for which it is true without a break."""
    return max(len(run) for run in "".join(".#"[frame] for frame in frames).split(".")) * FRAME / RATE


def ended(leg: CallRecord) -> float:
    assert leg.ended_at is not None
    return leg.ended_at


def tried_at(run: Played, name: str, moment: float) -> bool:
    """Whether this person's phone was being rung, or asked, at that moment."""
    legs = [r for r in run.world.carrier.calls.values() if r.to == NUMBERS[name]]
    return any(leg.started_at <= moment < ended(leg) for leg in legs)
