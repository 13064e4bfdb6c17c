"""Whatever receivers do, parcels end as they must, in order, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.desk.schedule import MOST_TRIES
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Failed, Taken
from flowengine.sandbox.clock import PacedLoop

from .parcels import DOWN, Hand, Post, Shelf, parcel, posting

SPEED = 2_000_000.0
GONE = Failed("answered 410", final=True)
OUTCOMES: dict[str, Taken | Failed] = {
    "taken": Taken(),
    "down": DOWN,
    "busy": Failed("answered 429", after=300.0),
    "gone": GONE,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A parcel, and what its receiver does at each try; after the last it does the same again."""

    call: int
    host: int
    script: tuple[str, ...]
    seconds: float
    put_at: float


plans = st.lists(
    st.builds(
        Plan,
        call=st.integers(1, 2),
        host=st.integers(1, 2),
        script=st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=9).map(tuple),
        seconds=st.sampled_from([0.0, 1.0, 5.0]),
        put_at=st.sampled_from([0.0, 3.0, 4000.0]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(plans=plans, chance=st.floats(0, 1), breaks=st.lists(st.sampled_from([1.0, 30.0, 500.0]), max_size=2))
def test_each_parcel_ends_as_its_receiver_has_it_and_in_order(
    plans: list[Plan], chance: float, breaks: list[float]
) -> None:
    with asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED)) as runner:
        post, ended = runner.run(played(plans, chance, breaks))
    shelf, hand = post.store, post.hand
    for n, plan in enumerate(plans):
        kept, tries = shelf.kept[name(n, plan)], hand.times(name(n, plan))
        outcomes = [OUTCOMES[plan.script[min(i, len(plan.script) - 1)]] for i in range(tries)]
        assert 1 <= tries <= MOST_TRIES
        assert all(outcome not in (Taken(), GONE) for outcome in outcomes[:-1]), "nothing is tried after its end"
        assert kept.state == ("sent" if outcomes[-1] == Taken() else "dead")
        assert (kept.error == "") == (kept.state == "sent")
    assert sorted(p.id for p in post.delivered) == sorted(id for id, p in shelf.kept.items() if p.state == "sent")
    assert_in_order(plans, hand, ended)


def assert_in_order(plans: list[Plan], hand: Hand, ended: dict[str, float]) -> None:
    """Of one call and address, nothing is tried before the one put earlier has ended."""
    lines: dict[tuple[int, int], list[str]] = defaultdict(list)
    for n, plan in sorted(enumerate(plans), key=lambda each: (each[1].put_at, each[0])):
        lines[plan.call, plan.host].append(name(n, plan))
    for line in lines.values():
        for before, after in pairwise(line):
            first = min(at for at, id in hand.tries if id == after)
            last = max(at for at, id in hand.tries if id == before)
            assert first >= max(last, ended[before])


async def played(plans: list[Plan], chance: float, breaks: list[float]) -> tuple[Post, dict[str, float]]:
    """All put as planned, the store broken for 5 s at each of `breaks`, until everything has ended."""
    loop = asyncio.get_running_loop()
    by_name = {name(n, plan): plan for n, plan in enumerate(plans)}
    shelf, ended = Shelf(), dict[str, float]()

    def answers(parcel: Parcel, nth: int) -> Taken | Failed:
        ended[parcel.id] = loop.time()
        script = by_name[parcel.id].script
        return OUTCOMES[script[min(nth, len(script)) - 1]]

    async def harm() -> None:
        for at in sorted(breaks):
            await asyncio.sleep(max(0.0, at - loop.time()))
            shelf.broken = True
            await asyncio.sleep(5)
            shelf.broken = False

    hand = Hand(answers, seconds=lambda parcel: by_name[parcel.id].seconds)
    async with posting(hand, shelf, chance=chance) as post:
        harming = asyncio.create_task(harm())
        for id, plan in sorted(by_name.items(), key=lambda each: each[1].put_at):
            await asyncio.sleep(max(0.0, plan.put_at - loop.time()))
            while True:
                try:
                    await post.outbox.put(parcel(id, address=f"https://crm{plan.host}.example.com/"))
                    break
                except OSError:
                    await asyncio.sleep(1)
        await harming
        await post.until(lambda: all(p.state != "waiting" for p in shelf.kept.values()), 2_000_000)
    return post, ended


def name(n: int, plan: Plan) -> str:
    return f"c{plan.call}-d{n}"
