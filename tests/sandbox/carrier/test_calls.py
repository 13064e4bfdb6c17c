"""Calls under documents: what is asked, what is heard, how they end."""

from __future__ import annotations

from flowengine.sandbox.carrier import HangsUp, Says, caller
from tests.sandbox.carrier.office import CALLER, CONNECT, OFFICE, Office, Socket, said, world


async def test_a_caller_hears_a_notice_and_is_hung_up() -> None:
    office = Office({"/voice": "<Say>Hello and goodbye.</Say>"})
    async with world(office, status="/status") as here:
        record = await here.ring(caller([]))
        await here.carrier.settle()
    assert [s.text for s in record.heard if s.what == "notice"] == ["Hello and goodbye."]
    assert record.status == "completed"
    (asked,) = office.to("/voice")
    assert (asked["From"], asked["To"], asked["CallStatus"], asked["Direction"]) == (CALLER, OFFICE, "ringing", "inbound")
    (status,) = office.to("/status")
    assert status["CallStatus"] == "completed"


async def test_a_stream_carries_both_voices_without_losing_a_byte() -> None:
    greeting = said("Thank you for calling. How can I help?")

    async def talk(socket: Socket) -> None:
        await socket.play(greeting, size=1000)
        await socket.mark("greeted")
        await socket.until(lambda: socket.marks())

    office = Office({"/voice": CONNECT}, {"/media": talk})
    async with world(office) as here:
        record = await here.ring(caller([Says("My crown just fell out."), HangsUp()]))
        await here.carrier.settle()
    (socket,) = office.sockets
    assert greeting in bytes(record.heard_audio)
    assert bytes(record.spoken_audio).endswith(socket.audio()[:160]) or socket.audio() in bytes(record.spoken_audio)
    assert [(s.what, s.text) for s in record.heard if s.text or s.what == "self"] == [
        ("agent", "Thank you for calling. How can I help?"),
        ("self", ""),
    ]
    assert socket.messages[-1]["event"] == "stop"
