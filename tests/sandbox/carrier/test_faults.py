"""Each fault does what it says, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from flowengine.sandbox.carrier import (
    Act,
    Behaviour,
    CallRecord,
    CutStream,
    Fault,
    HangsUp,
    LoseCallback,
    LoseFrame,
    LoseKey,
    LoseMark,
    LoseStop,
    Presses,
    Says,
    Waits,
    caller,
    staff,
)
from flowengine.sandbox.speech import SILENCE, find_words
from tests.sandbox.carrier.office import CONNECT, DANA, OFFICE, PUBLIC, Office, Socket, said, world
from tests.sandbox.carrier.sdk import async_client


def heard(record: CallRecord, what: str) -> list[str]:
    return [s.text for s in record.heard if s.what == what]


async def greets(socket: Socket) -> None:
    await socket.play(said("How can I help you today?"), size=400)
    await socket.play(said("How can I help you today?", 8), size=400)
    await socket.mark("m")
    await socket.until(lambda: socket.marks() or socket.ended.is_set())


async def call(*faults: Fault) -> tuple[Socket, CallRecord, list[Fault]]:
    """A greeting said twice, an answer, a key, a goodbye in the carrier's voice."""
    office = Office({"/voice": CONNECT + "<Say>Goodbye then.</Say>"}, {"/media": greets})
    async with world(office, faults=faults) as here:
        acts: list[Act] = [Says("My crown fell out."), Presses("0"), HangsUp()]
        record = await here.ring(caller(acts))
        await here.carrier.settle()
        return office.sockets[0], record, here.carrier.faults_done


async def test_without_faults_everything_arrives() -> None:
    socket, record, done = await call()
    assert heard(record, "agent") == ["How can I help you today?"] * 2
    assert [w.text for w in find_words(socket.audio())] == ["My", "crown", "fell", "out."]
    assert len(socket.of("dtmf")) == len(socket.marks()) == len(socket.of("stop")) == 1
    assert not done


async def test_a_frame_lost_on_the_way_out() -> None:
    fault = LoseFrame("caller", "out", "help you")
    socket, record, done = await call(fault)
    assert heard(record, "agent") == ["How can I you today?", "How can I help you today?"], "the first time only"
    assert [w.text for w in find_words(socket.audio())] == ["My", "crown", "fell", "out."]
    assert done == [fault]
    whole = said("How can I help you today?")
    got = bytes(record.heard_audio)[bytes(record.heard_audio).find(whole[:160]) :][: len(whole)]
    assert sum(got[at : at + 160] != whole[at : at + 160] for at in range(0, len(whole), 160)) == 1
    assert SILENCE in [got[at : at + 160] for at in range(0, len(whole), 160)]


async def test_a_frame_lost_on_the_way_in() -> None:
    socket, record, done = await call(LoseFrame("caller", "in", "CROWN"))
    assert [w.text for w in find_words(socket.audio())] == ["My", "fell", "out."]
    assert heard(record, "agent") == ["How can I help you today?"] * 2
    assert len(done) == 1


async def test_a_frame_lost_on_another_leg_changes_nothing_here() -> None:
    socket, record, done = await call(LoseFrame("staff", "in", "crown"), LoseFrame("staff", "out", "help"))
    assert heard(record, "agent") == ["How can I help you today?"] * 2
    assert len(find_words(socket.audio())) == 4
    assert not done


async def test_a_frame_lost_from_a_notice() -> None:
    async with world(
        Office({"/voice": "<Say>Goodbye then.</Say>"}), faults=[LoseFrame("caller", "out", "then.")]
    ) as here:
        record = await here.ring(caller([]))
    assert heard(record, "notice") == ["Goodbye"]


async def test_a_lost_mark_a_lost_key_a_lost_stop() -> None:
    socket, _, _ = await call(LoseMark())
    assert socket.marks() == []
    socket, _, _ = await call(LoseKey("0"))
    assert socket.of("dtmf") == []
    socket, _, _ = await call(LoseKey("1"), LoseMark(2))
    assert (len(socket.of("dtmf")), len(socket.marks())) == (1, 1)
    socket, _, _ = await call(LoseStop())
    assert socket.of("stop") == []
    assert socket.ended.is_set()


async def test_a_stream_is_cut_in_the_middle() -> None:
    socket, record, _ = await call(CutStream(after=1.0))
    assert socket.of("stop") == []
    assert heard(record, "notice") == ["Goodbye then."], "the document goes on"
    assert record.ended_at is not None
    assert len(socket.of("media")) == pytest.approx(50, abs=3)


async def test_the_second_stream_only() -> None:
    twice = CONNECT + CONNECT

    async def talk(socket: Socket) -> None:
        await asyncio.sleep(2)
        await socket.ws.close()

    office = Office({"/voice": twice}, {"/media": talk})
    async with world(office, faults=[CutStream(after=0.5, nth=2)]) as here:
        await here.ring(caller([]))
    assert [len(s.of("media")) for s in office.sockets] == pytest.approx([100, 25], abs=4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_lost_callback_is_lost_and_a_lost_document_is_a_failure() -> None:
    office = Office({"/answer": "<Redirect>/key</Redirect>", "/key": "<Say>Thanks.</Say>"})
    faults = [LoseCallback("/leg", nth=2), LoseCallback("/key")]
    async with world(office, faults=faults) as here, async_client(here.carrier.api_url) as api:
        here.carrier.add_phone(DANA, staff(after=1.0))
        made = await api.calls.create_async(
            to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", status_callback=f"{PUBLIC}/leg",
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        )  # fmt: skip
        await asyncio.sleep(5)
        await here.carrier.settle()
        record = here.carrier.calls[made.sid]
        assert {w.code for w in here.carrier.warnings} == {11205, 15003}
    assert [a["CallStatus"] for a in office.to("/leg")] == ["initiated", "in-progress", "completed"]
    assert not office.to("/key")
    assert "application error" in heard(record, "notice")[0]


# ---- callbacks late, twice, shuffled ---------------------------------------------------------------------------------


async def told(behaviour: Behaviour) -> list[tuple[float, str, str]]:
    """When, with which number and status, the progress of one answered leg was told."""
    office = Office({"/voice": f'<Dial><Number statusCallback="{PUBLIC}/leg" statusCallbackEvent="initiated ringing '
                     f'answered completed">{DANA}</Number></Dial>'})  # fmt: skip
    async with world(office, behaviour=behaviour) as here:
        here.carrier.add_phone(DANA, staff(after=1.0, acts=[HangsUp()]))
        record = await here.ring(caller([Waits(60.0)]))
        await here.carrier.settle(20)
    return [(a.at - record.started_at, a["SequenceNumber"], a["CallStatus"]) for a in office.to("/leg")]


async def test_callbacks_in_order_late_twice_and_shuffled() -> None:
    order = await told(Behaviour())
    assert [(n, s) for _, n, s in order] == [
        ("0", "initiated"), ("1", "ringing"), ("2", "in-progress"), ("3", "completed"),
    ]  # fmt: skip
    late = await told(Behaviour(callbacks="late"))
    assert [n for _, n, _ in late] == list("0123")
    assert late[0][0] - order[0][0] == pytest.approx(3.0, abs=0.1)
    twice = await told(Behaviour(callbacks="twice"))
    assert sorted(n for _, n, _ in twice) == list("00112233")
    shuffled = await told(Behaviour(callbacks="shuffled", late_seconds=10.0))
    assert sorted(n for _, n, _ in shuffled) == list("0123")
    assert [n for _, n, _ in shuffled] != list("0123")
