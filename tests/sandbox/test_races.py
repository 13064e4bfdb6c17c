"""Every race and trap of a warm transfer (twilio.md 7.4): what may happen in either order does, in either order.

Which test is which row's, here unless another file is named:

- Close before redirect: her_stream_is_left_to_the_carrier..., a_redirect_that_is_carried_out_late...
- <Connect action> against the redirect: the_action_of_her_stream_may_be_asked_for...
- First joiner fixes the callbacks: whoever_enters_first..., one_lost_word_of_the_room...
- endConferenceOnExit, labels: only_the_persons_leaving_ends_the_room..., when_the_caller_leaves_the_room_first...
- Room name used again: the_second_attempt_has_a_room..., a_person_who_enters_the_first_room...
- DialCallStatus=completed: completed_of_a_cold_dial...
- Ring-all inside one <Dial>: phones_rung_together...; of_two_who_accept_in_the_same_instant...
- Callbacks out of order, twice, too early: whatever_the_order_of_the_news...,
  a_phone_picked_up_as_we_stop_waiting...; test_scenarios, crown under either behaviour
- Whose SIDs and words are trusted: nobody_but_the_carrier..., a_signed_word_about_a_phone..., a_word_replayed...
- TimeLimit: a_persons_leg_may_last..., a_person_whose_leg_reaches_its_limit...
- One new leg a second: four_phones_at_once..., legs_wait_for_their_second...
- waitUrl for whoever is first: a_person_who_is_in_first..., a_caller_who_is_in_first...
- EarlyMedia: she_hears_our_music_and_nothing_of_the_phones
- What follows <Connect>: a_stream_that_cannot_be_opened...; test_breaks; test_scenarios, a stream that breaks
- The agent's end is not the call's: the_call_goes_on_when_the_agents_session_has_ended
- Detection of machines and silence: detection_of_machines_keeps_nobody_waiting
- Hold music: the_music_is_about_as_loud...; test_waiting
- The receptionist's tool call: a_receptionist_who_misbehaves...; test_scenarios
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from flowengine.runtime.mulaw import decode
from flowengine.sandbox import carrier as phone
from flowengine.sandbox.agent import BreaksArguments, CallsTwice, NeverDone
from flowengine.sandbox.carrier import Behaviour, LoseCallback
from flowengine.sandbox.carrier.tones import ringback, wait_music
from flowengine.sandbox.carrier.webhooks import sign
from flowengine.sandbox.world import AUTH_TOKEN, PUBLIC, Options, World
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.wire import (
    ASKS,
    CROWN,
    DANA,
    GOES,
    HYGIENE,
    LUIS,
    REED,
    Change,
    Watch,
    Wire,
    as_soon_as,
    call,
    caller_of,
    hangs_up,
    heard_by,
    holds,
    is_rung,
    leg_of,
    legs_of,
    outcomes,
    rung,
    staff_of,
    told,
)


@pytest.fixture(scope="module")
def plain() -> Played:
    """Nothing goes wrong."""
    made = run(call())
    holds(made)
    return made


TOGETHER = {"clinical": {"people": ["hygiene", "reed"], "ring": "all at once", "if_no_one_answers": "take_message"}}


def run(scene: Change, watch: Watch = lambda world: None, speed: float = SPEED, **more: Any) -> Played:
    return played("crown", Options(speed=speed, **more), scenario=scene, watch=watch)


def joined(made: Played) -> list[tuple[str, str]]:
    """Who entered which room, in the carrier's order: the number (of the caller, "caller") and the room."""
    entered = told(made, "/conference", StatusCallbackEvent="participant-join")
    return [(_who(made, r), r.values["FriendlyName"]) for r in _in_order(made, entered)]


def meet(made: Played) -> set[str]:
    """With whom the caller was in a room at the same time."""
    inside: set[tuple[str, str]] = set()
    met: set[str] = set()
    moves = [r for r in told(made, "/conference") if "participant-" in r.values["StatusCallbackEvent"]]
    for r in _in_order(made, moves):
        who, room = _who(made, r), r.values["ConferenceSid"]
        inside = inside | {(who, room)} if r.values["StatusCallbackEvent"].endswith("join") else inside - {(who, room)}
        if ("caller", room) in inside:
            met |= {other for other, where in inside if where == room}
    return met - {"caller"}


def _in_order(made: Played, moves: Sequence[phone.Request]) -> list[phone.Request]:
    """As they happened, in whatever order they were told; a room of the same name may come again."""
    rooms = [room.sid for room in made.world.carrier._exchange.rooms]
    return sorted(moves, key=lambda r: (rooms.index(r.values["ConferenceSid"]), int(r.values["SequenceNumber"])))


def _who(made: Played, request: phone.Request) -> str:
    leg = made.world.carrier.calls[request.values["CallSid"]]
    return "caller" if leg.direction == "inbound" else leg.to


# ---- the caller's stream and her way into the room -------------------------------------------------------------------


def test_her_stream_is_left_to_the_carrier_to_end(plain: Played) -> None:
    """A close of ours that overtook the redirect would end the call."""
    assert [s.ended_by for s in plain.world.carrier.streams.values()] == ["carrier"] * 3


def test_a_redirect_that_is_carried_out_late_finds_her_still_there() -> None:
    made = run(call(), behaviour=Behaviour(close_processed_before_redirect=True, redirect_seconds=1.0))
    holds(made)
    assert outcomes(made) == [("Dana", "accepted")]


def test_the_action_of_her_stream_may_be_asked_for_beside_the_redirect() -> None:
    made = run(call(), behaviour=Behaviour(connect_action_after_redirect=True))
    holds(made)
    assert told(made, "/recovery") != []
    assert outcomes(made) == [("Dana", "accepted")]
    assert [who for who, _ in joined(made)].count("caller") <= 2
    assert meet(made) == {DANA}


def test_a_stream_that_cannot_be_opened_leads_to_the_next_verb_and_not_to_the_end() -> None:
    def watch(world: World) -> None:
        router = world.carrier._exchange.router
        really, tries = router.socket, iter([True])

        def refused_once(url: str) -> tuple[str, int] | None:
            return None if next(tries, False) else really(url)

        router.socket = refused_once  # type: ignore[method-assign]

    # Slowly: the database knows wall time only, and is opened here.
    made = run(call(), watch, speed=15.0, behaviour=Behaviour(connect_action_after_refusal=False))
    assert [w.code for w in made.world.carrier.warnings] == [31902]
    holds(made)
    assert outcomes(made) == [("Dana", "accepted")]


def test_the_call_goes_on_when_the_agents_session_has_ended(plain: Played) -> None:
    (talk,) = (s for s in plain.world.agent.sessions if s.conversation.config.get("tools"))
    assert talk.received[-1]["type"] == "session.end"
    connected = plain.report["handoffs"][0]["connected_at"]
    assert caller_of(plain).hung_up
    assert plain.report["caller_heard"][-1]["at"] > connected + 2.0


# ---- the room --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["caller", "staff"])
def test_whoever_enters_first_the_room_tells_us_of_both(first: str) -> None:
    def watch(world: World) -> None:
        if first == "caller":
            Wire(world).slow("/key", 1.0)

    made = run(call(), watch, behaviour=Behaviour(redirect_seconds=0.0 if first == "caller" else 1.0))
    holds(made)
    assert [who for who, _ in joined(made)] == (["caller", DANA] if first == "caller" else [DANA, "caller"])
    (room,) = made.world.carrier._exchange.rooms
    assert room.events == ("start", "end", "join", "leave")
    assert outcomes(made) == [("Dana", "accepted")]
    assert made.report["handoffs"][0]["connected_at"] is not None


def test_a_person_who_is_in_first_hears_nothing_until_she_comes() -> None:
    made = run(call(), behaviour=Behaviour(redirect_seconds=3.0))
    dana = staff_of(made, DANA)
    assert "music" not in [s.what for s in dana.heard]
    assert max(s.seconds for s in dana.heard if s.what == "silence") > 3.0  # the wait was there to be heard


def test_a_caller_who_is_in_first_hears_no_music_of_the_carriers() -> None:
    made = run(call(), lambda world: Wire(world).slow("/key", 2.0), behaviour=Behaviour(redirect_seconds=0.0))
    assert wait_music()[:1600] not in bytes(caller_of(made).heard_audio)


def test_only_the_persons_leaving_ends_the_room_and_nobody_bears_a_label(plain: Played) -> None:
    """So she may be taken out of it, and enter it twice (16025)."""
    ends = {r.values["CallSid"]: r.values["EndConferenceOnExit"] for r in told(plain, "/conference", Hold="false")}
    assert ends == {caller_of(plain).sid: "false", staff_of(plain, DANA).sid: "true"}
    assert not any("ParticipantLabel" in r.values for r in told(plain, "/conference"))


def test_when_the_caller_leaves_the_room_first_nobody_stays_in_it(plain: Played) -> None:
    assert caller_of(plain).hung_up
    assert not staff_of(plain, DANA).hung_up
    assert staff_of(plain, DANA).ended_at - caller_of(plain).ended_at < 2.0  # type: ignore[operator]


def test_the_second_attempt_has_a_room_of_its_own() -> None:
    def watch(world: World) -> None:
        as_soon_as(
            world,
            lambda: any(r.values.get("StatusCallbackEvent") == "participant-join" for r in world.carrier.requests),
            lambda: hangs_up(world, DANA),
        )

    made = run(call(), watch, behaviour=Behaviour(redirect_seconds=0.5))
    holds(made)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]
    rooms = dict.fromkeys(room for who, room in joined(made) if who != "caller")
    assert len(rooms) == 2
    assert meet(made) == {LUIS}


def test_a_person_who_enters_the_first_room_when_the_second_attempt_talks_meets_nobody_and_is_let_go() -> None:
    """The answer to her key takes 14 s and the order to release her fails, so she enters a room that nobody uses."""

    def watch(world: World) -> None:
        wire = Wire(world)
        wire.slow("-staff-1/key", 14.0)
        wire.refuses(DANA, 500, 20500, times=4)

    lines = [ASKS, {"hears": "Luis speaking"}, {"waits": "20s"}, GOES]
    luis = [
        "accepts",
        {"rings": "0.2s"},
        {"says": "Front desk, Luis speaking."},
        {"waits": "5s"},
        {"says": "Still there?"},
    ]
    made = run(call(caller=lines, staff={"Luis": luis}), watch)
    holds(made, most_silence=16.0)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]
    assert meet(made) == {LUIS}
    assert (DANA, joined(made)[0][1]) in joined(made), "she never got in: the test tests nothing"
    assert staff_of(made, DANA).ended_at < caller_of(made).ended_at - 5.0  # type: ignore[operator]


@pytest.mark.parametrize("lost", [1, 2])
def test_one_lost_word_of_the_room_does_not_part_two_who_talk(lost: int) -> None:
    lines = [ASKS, {"hears": "speaking"}, {"says": "Hello, good day."}, {"hears": "fourteen"}, {"waits": "1s"}, GOES]
    dana = ["accepts", {"says": "Dana speaking."}, {"waits": "14s"}, {"says": "It is fourteen seconds later."}]
    made = run(call(caller=lines, staff={"Dana": dana}), faults=(LoseCallback("/conference", lost),))
    holds(made, most_silence=16.0)  # theirs
    assert outcomes(made) == [("Dana", "accepted")]
    assert "fourteen seconds later" in " ".join(made.heard("staff"))


# ---- who was it ------------------------------------------------------------------------------------------------------


def test_completed_of_a_cold_dial_is_no_proof_that_anybody_was_reached() -> None:
    """The carrier says a leg was answered, and that the two were never joined."""

    def watch(world: World) -> None:
        Wire(world).lies("/dial", DialBridged="false")

    made = played("charge_dialled", Options(speed=SPEED), scenario=lambda s: replace(s, expect={}), watch=watch)
    assert told(made, "/dial")[0].values["DialCallStatus"] == "completed"
    first = made.report["handoffs"][0]
    assert first["outcome"] != "dialled"
    assert first["attempts"][0]["outcome"] == "failed"


def test_phones_rung_together_are_legs_of_their_own_and_each_is_asked() -> None:
    made = run(call(CROWN, change={"departments": TOGETHER}, staff={"Hygiene desk": "voicemail"}))
    holds(made)
    legs = [staff_of(made, number) for number in (HYGIENE, REED)]
    assert {leg.direction for leg in legs} == {"outbound-api"}
    assert dict(outcomes(made)) == {"Hygiene desk": "cancelled", "Dr. Reed": "accepted"} or dict(outcomes(made)) == {
        "Hygiene desk": "voicemail",
        "Dr. Reed": "accepted",
    }
    assert meet(made) == {REED}
    assert "Press one" in heard_by(made, REED)


@pytest.mark.parametrize("later", [0.0, 0.04])
def test_of_two_who_accept_in_the_same_instant_one_wins_and_the_other_is_told(later: float) -> None:
    """Both pick up, and the second presses one `later` than the first."""

    def watch(world: World) -> None:
        def press(number: str) -> None:
            leg_of(world, number).press("1")

        def both() -> None:
            press(HYGIENE)
            world.loop.call_later(later, press, REED)

        ready = lambda: is_rung(world, HYGIENE, "in-progress") and is_rung(world, REED, "in-progress")  # noqa: E731
        as_soon_as(world, ready, lambda: world.loop.call_later(2.0, both))

    silent = ["accepts", {"presses": "none"}, {"joined": "true"}, {"says": "Clinical team speaking."}]
    made = run(call(CROWN, change={"departments": TOGETHER}, staff={"Hygiene desk": silent, "Dr. Reed": silent}), watch)
    holds(made)
    assert sorted(outcome for _, outcome in outcomes(made)) == ["accepted", "cancelled"]
    (winner,) = meet(made)
    assert "already been taken" in heard_by(made, REED if winner == HYGIENE else HYGIENE)
    assert {who for who, _ in joined(made)} == {"caller", winner}


@pytest.mark.parametrize("late", [-0.08, 0.0, 0.08])
def test_a_phone_picked_up_as_we_stop_waiting_has_one_outcome(late: float) -> None:
    """The carrier begins Luis's call 8 s late, and we wait 16 s for word of it."""

    def picks_up(world: World) -> None:
        leg = leg_of(world, LUIS)
        leg.party = phone.staff(
            "accepts", after=16.0 + late - leg.record.queue_time / 1000 - 0.4, acts=[phone.Says("Luis speaking.")]
        )

    def watch(world: World) -> None:
        as_soon_as(world, lambda: bool(legs_of(world, LUIS)), lambda: picks_up(world))

    lines = [ASKS, {"waits": "36s"}, GOES]
    made = run(call(caller=lines, staff={"Dana": "busy"}), watch, behaviour=Behaviour(calls_per_second=1 / 8))
    holds(made, most_silence=36.0)  # her own
    (_, luis) = outcomes(made)
    assert luis[1] in ("accepted", "no_answer")
    assert meet(made) == ({LUIS} if luis[1] == "accepted" else set())
    assert made.report["outcome"] == ("connected" if luis[1] == "accepted" else "message")


# ---- news in any order -----------------------------------------------------------------------------------------------

EITHER = [
    Behaviour(callbacks="twice"),
    Behaviour(callbacks="late", late_seconds=4.0),
    Behaviour(callbacks="shuffled", late_seconds=4.0, answer_before_rest_reply=True),
]


@pytest.mark.parametrize("behaviour", EITHER, ids=lambda b: f"{b.callbacks} {b.late_seconds:g} s")
def test_whatever_the_order_of_the_news_the_same_person_is_reached(behaviour: Behaviour) -> None:
    made = run(call(staff={"Dana": "declined"}), behaviour=behaviour)
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    assert rung(made) == [DANA, LUIS]


# ---- whose word counts -----------------------------------------------------------------------------------------------


def test_nobody_but_the_carrier_chooses_what_becomes_of_a_call() -> None:
    answers: list[int] = []

    async def forge(world: World) -> None:
        (row,) = await world.engine.store.calls(limit=1)
        caller, dana = leg_of(world, "inbound").sid, leg_of(world, DANA).sid
        leg = f"{row.call_id}-staff-1"
        for path, form in (
            (f"/twilio/legs/{leg}/status", {"CallSid": dana, "CallStatus": "completed"}),
            (f"/twilio/legs/{leg}/status", {"CallSid": caller, "CallStatus": "ringing"}),
            (f"/twilio/legs/{leg}/key", {"CallSid": dana, "Digits": "1"}),
            ("/twilio/status", {"CallSid": caller, "CallStatus": "completed"}),
            (f"/twilio/calls/{row.call_id}/recovery", {"CallSid": caller, "CallStatus": "completed"}),
        ):
            answers.extend([await _post(world, path, form, how) for how in SIGNED])

    made = run(call(), lambda world: as_soon_as(world, lambda: is_rung(world, DANA), lambda: _spawn(world, forge)))
    holds(made)
    assert answers == [403] * 20
    assert outcomes(made) == [("Dana", "accepted")]


SIGNED = ("not at all", "wrongly", "for another account", "for another address")


def _spawn(world: World, do: Callable[[World], Any]) -> None:
    world.carrier._exchange.spawn(do(world))


async def _post(world: World, path: str, form: dict[str, str], signed: str) -> int:
    url = PUBLIC + path
    real = world.carrier._exchange.router.http(url)
    assert real is not None
    pairs = tuple(form.items())
    headers = {
        "not at all": {},
        "wrongly": {"X-Twilio-Signature": "bm90IHRoZSBzaWduYXR1cmU="},
        "for another account": {"X-Twilio-Signature": sign("another account's token", url, pairs)},
        "for another address": {"X-Twilio-Signature": sign(AUTH_TOKEN, url + "/", pairs)},
    }[signed]
    async with (
        aiohttp.ClientSession() as session,
        session.post(real, data=form, headers={"Host": "demo.test", **headers}) as answer,
    ):
        return answer.status


def test_a_signed_word_about_a_phone_cannot_turn_our_orders_against_the_caller() -> None:
    """The leg's name is known from the answer to our own order; another one in a callback is not believed."""

    def watch(world: World) -> None:
        def replay() -> None:
            _spawn(world, again)

        as_soon_as(world, lambda: is_rung(world, DANA), replay)

    async def again(world: World) -> None:
        (row,) = await world.engine.store.calls(limit=1)
        url = f"{PUBLIC}/twilio/legs/{row.call_id}-staff-1/status"
        form = [("CallSid", leg_of(world, "inbound").sid), ("CallStatus", "ringing")]
        await world.carrier._exchange.webhooks.request("POST", url, form)

    made = run(call(staff={"Dana": "no answer"}), watch)
    holds(made)
    assert caller_of(made).hung_up  # not hung up on
    assert outcomes(made) == [("Dana", "no_answer"), ("Luis", "accepted")]


def test_a_word_replayed_when_the_call_is_over_changes_nothing() -> None:
    replayed: list[str] = []

    async def replay(world: World) -> None:
        await asyncio.sleep(1.0)
        for request in {r.url: r for r in world.carrier.requests}.values():
            replayed.append(request.url)
            await world.carrier._exchange.webhooks.request(request.method, request.url, request.form)

    def watch(world: World) -> None:
        over = lambda: bool(legs_of(world, "inbound")) and leg_of(world, "inbound").record.over  # noqa: E731
        as_soon_as(world, over, lambda: world.carrier._exchange.spawn(replay(world)))

    made = run(call(), watch, speed=15.0)  # the journal is read in wall time
    holds(made)
    assert len(replayed) > 5
    assert outcomes(made) == [("Dana", "accepted")]
    assert made.report["outcome"] == "connected"
    assert rung(made) == [DANA]


# ---- limits and sound ------------------------------------------------------------------------------------------------


def test_a_persons_leg_may_last_as_long_as_the_longest_call(plain: Played) -> None:
    assert leg_of(plain.world, DANA).orders.time_limit == 4 * 3600


def test_a_person_whose_leg_reaches_its_limit_leaves_nobody_in_silence() -> None:
    def watch(world: World) -> None:
        as_soon_as(world, lambda: is_rung(world, DANA, "in-progress"), lambda: leg_of(world, DANA).set_limit(12.0))

    made = run(call(caller=[ASKS, {"hears": "speaking"}, {"waits": "40s"}, GOES]), watch)
    assert outcomes(made) == [("Dana", "accepted")]
    assert not caller_of(made).hung_up
    assert caller_of(made).ended_at - staff_of(made, DANA).ended_at < 3.0  # type: ignore[operator]


def test_four_phones_at_once_begin_a_second_apart_and_each_rings_its_full_time() -> None:
    four = {"clinical": {**TOGETHER["clinical"], "people": ["hygiene", "reed", "dana", "luis"]}}
    people = dict.fromkeys(("Hygiene desk", "Dr. Reed", "Dana", "Luis"), "no answer")
    lines = [{"says": "My crown just fell out."}, {"hears": "take a message"}, {"waits": "1s"}, GOES]
    made = run(call(CROWN, caller=lines, change={"departments": four}, staff=people))
    holds(made)
    assert dict(outcomes(made)) == dict.fromkeys(people, "no_answer")
    assert [staff_of(made, n).queue_time for n in (HYGIENE, REED, DANA, LUIS)] == pytest.approx(
        [0, 1000, 2000, 3000], abs=200
    )
    assert {staff_of(made, n).status for n in rung(made)} == {"no-answer"}  # the carrier's word: we cut none short


def test_legs_wait_for_their_second_but_she_does_not() -> None:
    made = run(
        call(
            CROWN,
            change={"departments": TOGETHER},
            staff={"Hygiene desk": ["accepts", {"rings": "1s"}, {"says": "Hygiene desk speaking."}]},
        ),
        behaviour=Behaviour(calls_per_second=1 / 20),
    )
    holds(made)
    assert meet(made) == {HYGIENE}
    first = made.report["handoffs"][0]
    assert first["connected_at"] - first["accepted_at"] < 1.0


def test_detection_of_machines_keeps_nobody_waiting(plain: Played) -> None:
    dana = staff_of(plain, DANA)
    assert dana.heard[0].what != "silence" or dana.heard[0].seconds < 0.5
    assert told(plain, "/machine", AnsweredBy="human")[0].at > dana.answered_at + 2.0  # type: ignore[operator]  # later


def test_she_hears_our_music_and_nothing_of_the_phones() -> None:
    made = run(call(staff={"Dana": "busy"}))
    heard = bytes(caller_of(made).heard_audio)
    assert ringback()[:800] not in heard
    assert wait_music()[:800] not in heard
    assert any(s.what == "music" and s.seconds > 3 for s in caller_of(made).heard)


def test_the_music_is_about_as_loud_as_a_quiet_voice(plain: Played) -> None:
    caller = caller_of(plain)
    music = next(s for s in caller.heard if s.what == "music" and s.seconds > 3)
    samples = decode(bytes(caller.heard_audio)[int((music.at + 0.5) * 8000) : int((music.at + music.seconds) * 8000)])
    rms = math.sqrt(sum(s * s for s in samples) / len(samples)) / 32768
    assert -26 < 20 * math.log10(rms) < -14


# ---- what the receptionist's service does in the middle of it --------------------------------------------------------


@pytest.mark.parametrize(
    "misbehaviour", [CallsTwice(), NeverDone(2), BreaksArguments()], ids=lambda m: type(m).__name__
)
def test_a_receptionist_who_misbehaves_in_the_handoff_delays_it_at_most(misbehaviour: Any) -> None:
    made = run(
        call(caller=[{"says": "Can I talk to someone?"}, {"hears": "speaking"}, GOES]), misbehaviour=(misbehaviour,)
    )
    holds(made, most_silence=4.5)
    assert len(made.report["handoffs"]) == 1
    assert outcomes(made) == [("Dana", "accepted")]
    assert made.times("ToolCalled") != []
