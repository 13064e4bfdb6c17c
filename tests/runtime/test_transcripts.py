"""The transcripts of a call's legs: whose words become what, which stream counts, and that none outlives the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from flowengine.call import events as e
from flowengine.runtime.ports import Heard
from flowengine.runtime.transcripts import Transcripts
from tests.runtime.parties import Transcript


@dataclass
class Service:
    """Opens transcripts, and hears what it is made to hear."""

    opened: list[Transcript] = field(default_factory=list)
    heard: list[Callable[[Heard], None]] = field(default_factory=list)
    gaps: list[Callable[[bool], None]] = field(default_factory=list)

    async def open(
        self, heard: Callable[[Heard], None], gap: Callable[[bool], None], *, language: str = "English"
    ) -> Transcript:
        self.heard.append(heard)
        self.gaps.append(gap)
        self.opened.append(Transcript())
        return self.opened[-1]


class Talk:
    """The two legs of a call, the caller's and one of staff, as long as they are streamed."""

    def __init__(self) -> None:
        self.service = Service()
        self.partials: list[tuple[str, str]] = []
        self.events: list[e.Event] = []
        self.over = asyncio.Event()
        self.transcripts = Transcripts(
            self.service, lambda speaker, text: self.partials.append((speaker, text)), self.events.append, lambda: 7.0
        )

    async def begins(self, leg: str) -> asyncio.Task[None]:
        running = asyncio.create_task(
            self.transcripts.run(leg, "caller" if leg == "c1-caller" else "staff", self._streamed)
        )
        for _ in range(5):
            await asyncio.sleep(0)
        return running

    async def _streamed(self, hear: Callable[[bytes], None]) -> None:
        await self.over.wait()

    def open(self) -> list[bool]:
        return [not transcript.closed for transcript in self.service.opened]


async def test_finished_words_are_events_of_whoever_said_them_and_others_are_only_shown() -> None:
    talk = Talk()
    running = [await talk.begins(leg) for leg in ("c1-caller", "c1-staff-1")]
    for heard, name in zip(talk.service.heard, ("caller", "staff"), strict=True):
        heard(Heard(0, "I am the", False))
        heard(Heard(0, f"I am the {name}.", True))
    talk.service.gaps[1](True)
    talk.over.set()
    await asyncio.gather(*running)
    assert talk.partials == [("caller", "I am the"), ("staff", "I am the")]
    assert talk.events == [
        e.CallerSaid(7.0, "I am the caller."),
        e.StaffSaid(7.0, "I am the staff."),
        e.TranscriptGap(7.0, "c1-staff-1", True),
        e.CallerUnheard(7.0),
    ]
    assert talk.open() == [False, False]


async def test_a_newer_stream_of_a_leg_takes_the_place_of_an_older_one() -> None:
    talk = Talk()
    first = await talk.begins("c1-caller")
    second = await talk.begins("c1-caller")
    assert (first.done(), second.done(), talk.open()) == (True, False, [False, True])
    assert talk.events == []  # nobody has left: the caller is still heard
    talk.over.set()
    await second
    assert talk.events == [e.CallerUnheard(7.0)]


async def test_none_outlives_the_call_and_none_begins_after_it() -> None:
    talk = Talk()
    running = await talk.begins("c1-staff-1")
    talk.transcripts.close()
    await running
    await (await talk.begins("c1-caller"))
    assert talk.open() == [False]
