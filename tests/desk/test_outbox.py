"""Parcels on their way: kept first, tried for a day, in order, and nobody waits for somebody else's broken system."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise, permutations

import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.desk.outbox import TOGETHER, TOGETHER_TO_ONE
from flowengine.desk.schedule import DAY, PAUSES
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Arrived, Failed, Taken

from .house import START
from .parcels import DOWN, Hand, Post, Shelf, fast, parcel, posting

VIRTUAL = 300_000.0  # call seconds a second: a day is a third of one
OTHER = "https://other.example.com/hooks"


def failing(times: int) -> Callable[[Parcel, int], Taken | Failed]:
    return lambda parcel, nth: Taken() if nth > times else DOWN


def quick(parcel: Parcel) -> float:
    return 0.1


def is_sent(post: Post, id: str) -> bool:
    return post.state(id) == "sent"


# ---- one parcel ------------------------------------------------------------------------------------------------------


async def test_a_parcel_is_kept_before_it_is_tried_and_told_of_when_it_has_arrived() -> None:
    kept: list[str] = []
    shelf = Shelf()

    def looks(parcel: Parcel, nth: int) -> Taken | Failed:
        kept.append(shelf.kept[parcel.id].state)
        return Taken()

    async with posting(Hand(looks), shelf) as post:
        await post.outbox.put(parcel())
        assert post.state() == "waiting"
        await post.until(lambda: post.state() == "sent")
    assert kept == ["waiting"]
    assert [(each.id, each.tries) for each in post.delivered] == [("c1-d1", 1)]
    assert datetime.fromisoformat(shelf.kept["c1-d1"].made) >= START
    assert post.hand.closed


async def test_the_same_parcel_twice_goes_once() -> None:
    async with posting() as post:
        for _ in range(3):
            await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "sent")
        await post.outbox.put(parcel(data={"headline": "something else"}))
        await asyncio.sleep(60)
    assert len(post.hand.tries) == 1


@pytest.mark.parametrize(("chance", "shorter"), [(0.0, 1.0), (1.0, 0.8)])
async def test_eight_tries_in_a_day_and_then_it_is_dead(chance: float, shorter: float) -> None:
    async with posting(Hand(failing(99), seconds=lambda parcel: 0.0), chance=chance) as post:
        fast(VIRTUAL)
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "dead", 200_000)
        await asyncio.sleep(100_000)
    times = [at for at, _ in post.hand.tries]
    pauses = [round(after - before, 1) for before, after in pairwise(times)]
    assert pauses == [pytest.approx(pause * shorter, abs=0.2) for pause in PAUSES]
    assert 60_000 < times[-1] - times[0] < DAY.total_seconds()
    assert post.store.kept["c1-d1"].error == "given up after 8 tries: answered 503"
    assert not post.delivered


async def test_one_that_arrives_at_last_forgets_its_trouble() -> None:
    async with posting(Hand(failing(5))) as post:
        fast(VIRTUAL)
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "sent", 100_000)
    after = post.store.kept["c1-d1"]
    assert (after.tries, after.error) == (6, "")


async def test_a_receiver_that_wants_no_more_is_asked_once() -> None:
    async with posting(Hand(lambda parcel, nth: Failed("answered 410", final=True))) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "dead")
    assert (len(post.hand.tries), post.store.kept["c1-d1"].error) == (1, "answered 410")


@pytest.mark.parametrize(("asked", "waited"), [(0.5, 2.0), (600.0, 600.0), (864_000.0, 3600.0)])
async def test_a_receiver_may_ask_for_time_within_bounds(asked: float, waited: float) -> None:
    answers = Hand(lambda parcel, nth: Taken() if nth > 1 else Failed("answered 503", after=asked), quick)
    async with posting(answers) as post:
        fast(1000.0)
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "sent", 10_000)
    (first, _), (second, _) = post.hand.tries
    assert second - first == pytest.approx(waited + 0.1, abs=1.0)


async def test_one_that_has_waited_a_day_behind_others_is_not_tried_for_another() -> None:
    old = (START - timedelta(hours=24)).isoformat()
    async with posting(Hand(failing(99))) as post:
        await post.outbox.put(parcel(made=old))
        await post.until(lambda: post.state() == "dead")
    assert post.store.kept["c1-d1"].error == "given up after 1 try: answered 503"


async def test_a_sender_that_breaks_is_one_more_failed_try() -> None:
    def breaks(parcel: Parcel, nth: int) -> Taken | Failed:
        if nth == 1:
            raise ZeroDivisionError("a mistake of ours")
        return Taken()

    async with posting(Hand(breaks)) as post:
        await post.outbox.put(parcel())
        await post.outbox.put(parcel("c2-d1", channel="sms"))  # nobody for this channel here
        await post.until(lambda: post.store.kept["c1-d1"].error)
        assert post.store.kept["c1-d1"].error == "could not be sent (ZeroDivisionError)"
        await post.until(lambda: post.state() == "sent" and post.state("c2-d1") == "dead")


# ---- order and room --------------------------------------------------------------------------------------------------


async def test_what_a_call_sends_to_one_address_arrives_in_order() -> None:
    """The second waits for the first, which fails twice; another address and another call do not."""
    hand = Hand(lambda parcel, nth: DOWN if parcel.id == "c1-d1" and nth < 3 else Taken(), quick)
    async with posting(hand) as post:
        for each in (parcel(), parcel("c1-d2"), parcel("c1-d3", address=OTHER), parcel("c2-d1")):
            await post.outbox.put(each)
        await post.until(lambda: post.state("c1-d2") == "sent")
    order = [id for _, id in hand.tries]
    assert sorted(order[:3]) == ["c1-d1", "c1-d3", "c2-d1"]
    assert order[3:] == ["c1-d1", "c1-d1", "c1-d2"]


async def test_a_dead_one_does_not_hold_up_what_follows() -> None:
    hand = Hand(lambda parcel, nth: Failed("answered 410", final=True) if parcel.id == "c1-d1" else Taken())
    async with posting(hand) as post:
        await post.outbox.put(parcel())
        await post.outbox.put(parcel("c1-d2"))
        await post.until(lambda: post.state("c1-d2") == "sent")
    assert post.state() == "dead"


async def test_a_receiver_that_hangs_does_not_hold_up_the_others() -> None:
    slow = "https://slow.example.com/hooks"
    hand = Hand(seconds=lambda parcel: 30.0 if parcel.address == slow else 0.1)
    async with posting(hand, started=False) as post:
        for n in range(450):  # more than one look finds
            await post.outbox.put(parcel(f"h{n}-d1", address=slow))
        for n in range(40):
            await post.outbox.put(parcel(f"c{n}-d1", address=f"https://crm{n}.example.com/hooks"))
        await post.outbox.start()
        await post.until(lambda: all(post.state(f"c{n}-d1") == "sent" for n in range(40)), 10.0)
        assert hand.at_once[slow] == TOGETHER_TO_ONE
    assert max(hand.at_once.values()) <= TOGETHER_TO_ONE
    assert 0 < len({id for _, id in hand.tries if id.startswith("h")}) <= TOGETHER


async def test_thousands_that_wait_for_a_dead_address_do_not_hold_up_a_healthy_one() -> None:
    """They are older, so they come first in every look."""
    dead = "https://dead.example.com/hooks"
    hand = Hand(lambda parcel, nth: DOWN if parcel.address == dead else Taken(), seconds=quick)
    hand.seconds = lambda parcel: 5.0 if parcel.address == dead else 0.1
    old = (START - timedelta(minutes=5)).isoformat()
    async with posting(hand, started=False) as post:
        for n in range(3000):
            await post.outbox.put(parcel(f"h{n}-d1", address=dead, made=old, due=old))
        await post.outbox.start()
        for n in range(5):
            await post.outbox.put(parcel(f"c{n}-d1", address=OTHER))
            await post.until(partial(is_sent, post, f"c{n}-d1"), 2.0)


async def test_one_that_fails_is_tried_one_at_a_time_until_it_is_well_again() -> None:
    well_from = 12
    hand = Hand(seconds=lambda parcel: 1.0)
    hand.answers = lambda parcel, nth: Taken() if len(hand.tries) > well_from else DOWN
    old = (START - timedelta(minutes=5)).isoformat()
    async with posting(hand, started=False) as post:
        for n in range(40):
            await post.outbox.put(parcel(f"c{n}-d1", made=old, due=old))
        await post.outbox.start()
        await post.until(lambda: len(hand.tries) == TOGETHER_TO_ONE)
        await post.until(lambda: len(hand.tries) == well_from)
        since = [at for at, _ in hand.tries[TOGETHER_TO_ONE + 1 :]]
        assert all(later - earlier > 0.9 for earlier, later in pairwise(since))
        await post.until(lambda: all(each.state == "sent" for each in post.store.kept.values()), 600.0)
    assert hand.at_once[parcel().address] == TOGETHER_TO_ONE


async def test_what_goes_to_a_desk_of_this_house_does_not_wait_for_systems_outside() -> None:
    hand = Hand(seconds=lambda parcel: 0.1 if parcel.channel == "desk" else 50.0)
    async with posting(hand, started=False, channels=("webhook", "desk")) as post:
        for n in range(60):
            await post.outbox.put(parcel(f"h{n}-d1", address=f"https://crm{n}.example.com/hooks"))
        await post.outbox.start()
        await post.until(lambda: len(hand.tries) == TOGETHER)
        for n in range(3):
            await post.outbox.put(parcel(f"c1-w{n}", channel="desk", address="front_desk"))
        await post.until(lambda: all(post.state(f"c1-w{n}") == "sent" for n in range(3)), 1.0)
    assert [id for _, id in hand.tries if id.startswith("c1")] == ["c1-w0", "c1-w1", "c1-w2"]


async def test_not_too_many_at_once_in_all() -> None:
    hand = Hand(seconds=lambda parcel: 5.0)
    async with posting(hand, started=False) as post:
        for n in range(60):
            await post.outbox.put(parcel(f"c{n}-d1", address=f"https://crm{n}.example.com/hooks"))
        await post.outbox.start()
        await asyncio.sleep(3.0)
        assert len(hand.tries) == TOGETHER
        await post.until(lambda: len(hand.tries) == 60)


# ---- questions -------------------------------------------------------------------------------------------------------


async def test_the_answer_of_a_question_comes_back() -> None:
    async with posting(Hand(lambda parcel, nth: Taken('{"free": "Tuesday 9:00"}'))) as post:
        answer = await post.outbox.ask(parcel(event="tool.called"), 3.0)
        assert answer == '{"free": "Tuesday 9:00"}'
        await post.until(lambda: post.state() == "sent")
        assert await post.outbox.ask(parcel(event="tool.called"), 3.0) is None, "it is not asked twice"
    assert len(post.hand.tries) == 1
    assert [each.id for each in post.delivered] == ["c1-d1"]


async def test_a_question_without_an_answer_in_time_is_not_asked_again_while_the_first_is_under_way() -> None:
    loop = asyncio.get_running_loop()
    async with posting(Hand(seconds=lambda parcel: 4.5)) as post:
        began = loop.time()
        assert await post.outbox.ask(parcel(), 3.0) is None
        assert loop.time() - began == pytest.approx(3.0, abs=0.3)
        await post.until(lambda: post.state() == "sent")
        fast(1000.0)
        await asyncio.sleep(300)
    assert len(post.hand.tries) == 1


async def test_a_question_that_failed_becomes_a_parcel_like_any_other() -> None:
    async with posting(Hand(failing(2), quick)) as post:
        assert await post.outbox.ask(parcel(), 3.0) is None
        await post.until(lambda: post.state() == "sent", 60.0)
    assert len(post.hand.tries) == 3


async def test_a_question_does_not_wait_for_what_waits_there() -> None:
    hand = Hand(lambda parcel, nth: Taken("yes") if parcel.id == "c1-d2" else DOWN)
    async with posting(hand) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.store.kept["c1-d1"].error)
        assert await post.outbox.ask(parcel("c1-d2"), 1.0) == "yes"


# ---- by hand ---------------------------------------------------------------------------------------------------------


async def test_a_dead_one_is_tried_again_by_hand_at_once() -> None:
    hand = Hand(lambda parcel, nth: Taken() if nth > 1 else Failed("answered 410", final=True))
    async with posting(hand) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "dead")
        began = asyncio.get_running_loop().time()
        assert await post.outbox.retry("c1-d1")
        await post.until(lambda: post.state() == "sent")
        assert asyncio.get_running_loop().time() - began < 2.0
        assert not await post.outbox.retry("c1-d1"), "it has arrived"
        assert not await post.outbox.retry("c9-d9"), "nobody knows it"


async def test_what_retention_has_emptied_is_not_sent_as_if_it_were_something() -> None:
    async with posting() as post:
        post.store.kept["c1-d1"] = parcel(state="dead", data={}, made="", due="")
        assert not await post.outbox.retry("c1-d1")


# ---- what becomes of letters -----------------------------------------------------------------------------------------

PHONE_OFF = Failed("the phone is off or out of reach (30003)", final=True)


async def test_a_letter_that_was_taken_may_arrive_or_not() -> None:
    async with posting() as post:
        for id in ("c1-d1", "c2-d1"):
            await post.outbox.put(parcel(id))
            await post.until(partial(is_sent, post, id))
        await post.outbox.report("c1-d1", Arrived())
        await post.outbox.report("c2-d1", PHONE_OFF)
        await post.outbox.report("c9-d9", Arrived())  # nobody knows it
        assert (post.state("c1-d1"), post.state("c2-d1")) == ("arrived", "dead")
        assert post.store.kept["c2-d1"].error == PHONE_OFF.why
        assert await post.outbox.retry("c2-d1")
        await post.until(lambda: post.state("c2-d1") == "sent")
    assert [id for _, id in post.hand.tries] == ["c1-d1", "c2-d1", "c2-d1"]


@pytest.mark.parametrize("words", [*permutations((Arrived(), Arrived(), PHONE_OFF))])
async def test_what_arrived_has_arrived_in_whatever_order_it_is_told(words: tuple[Arrived | Failed, ...]) -> None:
    async with posting() as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "sent")
        for word in words:
            await post.outbox.report("c1-d1", word)
        assert (post.state(), post.store.kept["c1-d1"].error) == ("arrived", "")


async def test_a_report_that_overtakes_the_answer_is_kept() -> None:
    """The carrier took the letter, its answer is late or never comes: the letter is not sent again."""
    hand = Hand(lambda parcel, nth: Taken() if parcel.id == "c1-d1" else DOWN, seconds=lambda parcel: 4.0)
    async with posting(hand) as post:
        for id in ("c1-d1", "c2-d1"):
            await post.outbox.put(parcel(id))
        await post.until(lambda: len(hand.tries) == 2)
        await asyncio.gather(post.outbox.report("c1-d1", PHONE_OFF), post.outbox.report("c2-d1", Arrived()))
        await asyncio.sleep(60)
        assert (post.state("c1-d1"), post.state("c2-d1")) == ("dead", "arrived")
    assert len(hand.tries) == 2


# ---- a store in trouble, processes that end --------------------------------------------------------------------------


async def test_a_store_that_fails_for_a_while_costs_time_and_nothing_else() -> None:
    async with posting(Hand(seconds=lambda parcel: 1.0)) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.hand.tries)
        post.store.broken = True  # between the try and its record
        with pytest.raises(OSError, match="disk"):
            await post.outbox.put(parcel("c2-d1"))
        await asyncio.sleep(8.0)
        asked = post.store.asked
        await asyncio.sleep(5.0)
        assert post.store.asked - asked < 20, "it is not asked without end"
        post.store.broken = False
        await post.until(lambda: post.state() == "sent")
        await post.outbox.put(parcel("c2-d1"))
        await post.until(lambda: post.state("c2-d1") == "sent")
    assert [id for _, id in post.hand.tries] == ["c1-d1", "c2-d1"], "what was recorded late is not sent twice"


async def test_without_a_lease_that_is_kept_there_is_no_try() -> None:
    class WriteProtected(Shelf):
        async def update_parcel(self, parcel: Parcel) -> None:
            raise OSError("read-only")

    async with posting(store=WriteProtected()) as post:
        await post.outbox.put(parcel())
        fast(1000.0)
        await asyncio.sleep(120.0)
    assert post.hand.tries == []


async def test_what_a_killed_process_left_is_picked_up() -> None:
    """One never tried, one in the middle of its third try, one in the middle of its last."""
    shelf, now = Shelf(), START.isoformat()
    leased = (START + timedelta(seconds=90)).isoformat()
    shelf.kept = {
        "c1-d1": parcel(made=now, due=now),
        "c2-d1": parcel("c2-d1", made=now, due=leased, tries=3),
        "c3-d1": parcel("c3-d1", made=now, due=leased, tries=8),
    }
    async with posting(store=shelf) as post:
        fast(1000.0)
        await post.until(lambda: all(each.state != "waiting" for each in shelf.kept.values()), 200)
    assert [(at >= 90, id) for at, id in post.hand.tries] == [(False, "c1-d1"), (True, "c2-d1")]
    assert shelf.kept["c2-d1"].tries == 4
    assert shelf.kept["c3-d1"].error == "given up after 8 tries: the last try was interrupted"


async def test_two_processes_do_not_both_send_the_same() -> None:
    shelf, bus, hand = Shelf(), MemoryBus(), Hand(failing(2), quick)
    async with posting(hand, shelf, bus=bus) as one, posting(hand, shelf, bus=bus):
        for n in range(20):
            await one.outbox.put(parcel(f"c{n}-d1", address=f"https://crm{n}.example.com/"))
        await one.until(lambda: all(each.state == "sent" for each in shelf.kept.values()), 120)
    assert {hand.times(id) for id in shelf.kept} == {3}


async def test_a_try_under_way_is_finished_at_the_end() -> None:
    async with posting(Hand(seconds=lambda parcel: 4.0)) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.hand.tries)
    assert post.state() == "sent"


async def test_one_that_takes_too_long_at_the_end_is_left_for_the_next_process() -> None:
    async with posting(Hand(seconds=lambda parcel: 50.0)) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.hand.tries)
    assert (post.state(), post.delivered) == ("waiting", [])


async def test_it_sleeps_until_the_next_one_is_due() -> None:
    due = START + timedelta(hours=10)
    async with posting() as post:
        post.store.kept["c1-d1"] = parcel(made=START.isoformat(), due=due.isoformat())
        post.store.kept["c1-d2"] = parcel("c1-d2", made=START.isoformat(), due=START.isoformat())
        fast(VIRTUAL)
        await post.until(lambda: post.state("c1-d2") == "sent", 40_000)
    assert post.hand.tries[0][0] == pytest.approx(36_000, abs=1.0)
    assert post.store.asked < 3 * 36_000 / 30, "no more than a look now and then"


# ---- what is not said ------------------------------------------------------------------------------------------------


async def test_nothing_of_address_or_data_is_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def answers(parcel: Parcel, nth: int) -> Taken | Failed:
        if nth == 1:
            raise ValueError(f"cannot post {parcel.data} to {parcel.address}")
        return DOWN if nth == 2 else Taken()

    def breaks(parcel: Parcel) -> None:
        raise KeyError(parcel.address)

    with caplog.at_level(logging.DEBUG):
        async with posting(Hand(answers), told=breaks) as post:
            await post.outbox.put(parcel(data={"headline": "Maria Lopez: crown fell out"}))
            await post.until(lambda: post.state() == "sent", 120)
    printed = capsys.readouterr()
    said = caplog.text + printed.out + printed.err
    assert "c1-d1" in said, "it is logged which parcel it was"
    for secret in ("Maria", "crown", "crm.example.com"):
        assert secret not in said


async def test_a_listener_that_breaks_does_not_undo_a_delivery() -> None:
    def breaks(parcel: Parcel) -> None:
        raise ZeroDivisionError

    async with posting(told=breaks) as post:
        await post.outbox.put(parcel())
        await post.until(lambda: post.state() == "sent")
        assert await post.outbox.ask(parcel("c2-d1"), 5.0) == ""
    assert len(post.hand.tries) == 2
