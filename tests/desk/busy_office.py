"""A month of calls in a store, as an office would have them: answered, waited for in vain, repeated, judged."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from flowengine.call import events as e
from flowengine.call.journal import encode
from flowengine.runtime.rows import CallRow, Entry, WrapUp
from flowengine.store import SqlStore
from tests.call.story import CALLER, Story, staff

from .house import FLOW

SAYS = (
    ("My crown just fell out", 1), ("Can I talk to a person?", 2), ("I have a question about my bill", 2),
    ("My tooth hurts a lot", 1),
)  # fmt: skip


async def kept(
    store: SqlStore, name: str, story: Story, started: datetime, source: str, wrap: WrapUp | None = None
) -> None:
    """A call in the store, as the engine would have left it, under a name and a time of its own."""
    await store.open_call(CallRow(name, f"REF-{name}", FLOW, "v1", source, started.isoformat(), None))
    lines = [pair for event in story.events for pair in (encode(event), ("Commands", "[]"))]
    bodies = [
        (kind, body.replace('"c1', f'"{name}').replace(story.call.now, started.isoformat())) for kind, body in lines
    ]
    await store.append(name, [Entry(i, *line) for i, line in enumerate(bodies, 1)])
    await store.close_call(name, story.call.outcome or "ended")
    if wrap is not None:
        await store.wrap_up(wrap, name, FLOW)


def talk(rolls: random.Random) -> Story:
    """A hand-over that came about: who is rung, when somebody answers, what is said."""
    story = Story(caller=f"+131255501{rolls.randrange(40):02d}").picked_up()
    story.happens(lambda at: e.CallerSaid(at, rolls.choice(SAYS)[0]), 5.0)
    if story.call.handoff is None:
        return story.hangs_up()
    if story.call.phase == "asking":
        story.notes("caller_name", "Maria Lopez")
    if story.call.phase == "asking":
        story.notes("reason", "A question about a bill")
    story.line_heard()
    if not story.call.handoff or not story.call.handoff.attempts:
        return story.hangs_up()
    waits = rolls.choice((2, 6, 9, 15, 15, 22, 40, 70))
    if rolls.random() < 0.12:
        return story.happens(lambda at: e.CallerHungUp(at), float(waits))
    number = story.call.phones_rung
    leg = staff(number)
    story.happens(lambda at: e.LegCreated(at, leg, "REF-1"))
    story.happens(lambda at, request: e.LegAnswered(at, leg, "REF-1", request), float(waits))
    story.happens(lambda at, request: e.StaffPressed(at, leg, "1", request), 6.0)
    story.joins(leg).joins(CALLER)
    greets = rolls.choice(("Hello Maria, I see why you call.", "Front desk, hello?"))
    story.happens(lambda at: e.StaffSaid(at, greets), 3.0)
    answers = rolls.choice(("Great, thank you.", "This is Maria Lopez, it is about my bill."))
    story.happens(lambda at: e.CallerSaid(at, answers), 4.0)
    return story.happens(lambda at: e.CallerHungUp(at), rolls.choice((1.0, 40.0, 90.0, 200.0, 400.0)))


async def busy_month(store: SqlStore, now: datetime, source: str, *, calls: int = 120, seed: int = 7) -> None:
    """So many calls in the opening hours of the forty days before `now`; half of them wrapped up."""
    rolls = random.Random(seed)  # the same month every time
    for i in range(calls):
        name, started = f"c{i + 100}", _opening_hour(rolls, now)
        said = rolls.random() < 0.5
        wrap = (
            WrapUp(f"{name}-h1", rolls.random() < 0.8, rolls.random() < 0.9, "Dana", now.isoformat()) if said else None
        )
        story = talk(rolls) if rolls.random() < 0.6 else Story().picked_up().says("What are your hours?").hangs_up()
        await kept(store, name, story, started, source, wrap)


def _opening_hour(rolls: random.Random, now: datetime) -> datetime:
    """A moment on a weekday morning, and before now."""
    while True:
        day = now - timedelta(days=rolls.randrange(40))
        moment = day.replace(hour=15, minute=0) + timedelta(minutes=rolls.randrange(120))
        if moment.weekday() < 5 and moment < now - timedelta(minutes=20):
            return moment
