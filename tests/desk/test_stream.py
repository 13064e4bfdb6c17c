"""Live news: what was missed comes first, then what happens, and a reader who sleeps harms nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from flowengine.desk import frame, handoff_live, stream

from .house import FLOW, House, Visit, card, enter, eventually


class Reader:
    """A browser's EventSource: events in order, with their ids; comments counted."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer, self.beats, self.last_id = answer, 0, ""

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(600):
            while True:
                event = await self._event()
                if "data" in event and event.get("event") != "beat":
                    read: dict[str, Any] = json.loads(event["data"])
                    return read

    async def _event(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async for raw in self._answer.content:
            line = raw.decode().rstrip("\n")
            if not line:
                self.last_id = found.get("id", self.last_id)
                return found
            name, _, value = line.partition(": ")
            if name == "" and value:
                self.beats += 1
            found[name] = value
        raise EOFError

    async def until(self, type_: str) -> dict[str, Any]:
        while (news := await self.next())["type"] != type_:
            pass
        return news


async def handoff(desk: House, visitor: Visit) -> aiohttp.ClientSession:
    await desk.call()
    await desk.show(card())
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    return browser


async def test_a_page_opened_late_gets_everything_so_far_then_the_rest(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    await desk.say("caller", "one", 5.0)
    await desk.say("agent", "two", 6.0)
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        reader = Reader(answer)
        assert (await reader.next())["card"]["headline"].startswith("Maria Lopez")
        assert (await reader.next())["type"] == "afterwards"
        assert [(await reader.next())["text"] for _ in range(2)] == ["one", "two"]
        await desk.hear("caller", "thr", 7.0, turn="t3")
        number = await desk.say("caller", "three", 8.0, turn="t3")
        partial, final = await reader.next(), await reader.next()
        assert (partial["text"], partial["final"], partial["id"]) == ("thr", False, None)
        assert (final["text"], final["final"], final["id"]) == ("three", True, number)
        assert partial["turn"] == final["turn"]
        assert (final["name"], final["time"]) == ("Caller", "0:08")
        assert reader.last_id == str(number)


async def test_a_browser_that_comes_back_gets_only_what_it_missed(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    first = await desk.say("caller", "one", 5.0)
    await desk.gap("c1-caller", 6.0, True)
    await desk.say("agent", "two", 7.0)
    for headers, query in (({"Last-Event-ID": str(first)}, "?after=0"), ({}, f"?after={first}")):
        async with browser.get(f"/desk/handoffs/c1-h1/events{query}", headers=headers) as answer:
            reader = Reader(answer)
            assert [(await reader.next())["type"] for _ in range(4)] == ["card", "afterwards", "gap", "line"]
            await desk.bus.publish("call:c1", {"type": "card", "card": card(status_text="Ringing Dana")})
            assert (await reader.next())["card"]["status_text"] == "Ringing Dana"


async def test_a_nonsense_last_event_id_means_from_the_beginning(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    await desk.say("caller", "one", 5.0)
    for nonsense in ("x", "-1", "9" * 40, "٣", "1 OR 1=1"):
        async with browser.get("/desk/handoffs/c1-h1/events", params={"after": nonsense}) as answer:
            assert (await Reader(answer).until("line"))["text"] == "one"


async def test_a_line_published_while_it_is_replayed_comes_once(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    number = await desk.say("caller", "one", 5.0)
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        reader = Reader(answer)
        assert (await reader.until("line"))["text"] == "one"
        line = {"type": "line", "speaker": "caller", "text": "one", "final": True, "turn": "t", "at": 5.0, "id": number}
        await desk.bus.publish("call:c1", line)
        await desk.say("caller", "two", 6.0)
        assert (await reader.next())["text"] == "two"


async def test_a_callers_line_breaks_cannot_forge_an_event(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    forged = 'hello\n\nid: 1\ndata: {"type":"ended"}\r\n\u2028event: x'
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        reader = Reader(answer)
        await reader.until("afterwards")
        await desk.say("caller", forged, 5.0)
        assert (await reader.next())["text"] == forged


async def test_the_end_is_told_and_late_lines_still_come(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff_live, "BEATS_AFTERWARDS", 1)  # five minutes of waiting prove no more
    browser = await handoff(desk, visitor)
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        reader = Reader(answer)
        await reader.until("afterwards")
        await desk.end()
        assert (await reader.until("card"))["card"]["status_text"] == "Over"
        await reader.until("ended")
        await desk.say("staff", "Goodbye.", 60.0)
        assert (await reader.next())["text"] == "Goodbye."
        await reader.until("over")
        assert await answer.content.read() == b""
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        reader = Reader(answer)
        assert [(await reader.next())["type"] for _ in range(5)] == ["card", "afterwards", "line", "ended", "over"]


async def test_silence_is_filled_with_heartbeats_and_ends_in_a_reconnect(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "LONGEST_SECONDS", 50.0)  # ten minutes of waiting prove no more
    browser = await handoff(desk, visitor)
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        reader = Reader(answer)
        await reader.until("card")
        try:
            async with asyncio.timeout(120):
                while True:
                    await reader._event()
        except EOFError:
            pass
        assert reader.beats in (3, 4)


async def test_a_stream_does_not_outlive_the_session(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    for _ in range(73):
        desk.clock.pass_(591.5)
        async with browser.get("/desk/") as answer:
            assert answer.status == 200
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        await answer.content.read()
    assert loop.time() - began < 12 * 3600 - 73 * 591.5 + 20


async def test_a_connected_stream_renews_the_session(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    for _ in range(3):
        desk.clock.pass_(14 * 60)
        async with browser.get("/desk/events") as answer:
            assert answer.status == 200
            assert "Set-Cookie" in answer.headers


async def test_a_reader_that_sleeps_is_told_to_reload_and_holds_nobody_up(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    async with browser.get("/desk/handoffs/c1-h1/events") as answer, browser.get("/desk/events") as office:
        reader = Reader(answer)
        await reader.until("afterwards")
        await Reader(office).until("now")
        for number in range(300):  # all in one go: no reader has a chance
            await desk.hear("caller", f"word {number}", 5.0)
        seen = [(await reader.next())["type"]]
        while seen[-1] == "line":
            seen.append((await reader.next())["type"])
        assert seen[-1] == "reload"
        assert await answer.content.read() == b""
        await desk.show(card(status="ringing", status_text="Ringing Dana"))
        assert (await Reader(office).until("handoff"))["handoff"]["status_text"] == "Ringing Dana"
    assert desk.bus._subscribers.keys() <= {"call:c1", f"office:{FLOW}"}


async def test_nobody_is_left_subscribed(desk: House, visitor: Visit) -> None:
    browser = await handoff(desk, visitor)
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        await Reader(answer).until("card")
        assert desk.bus._subscribers
    await eventually(lambda: not desk.bus._subscribers)


async def test_only_so_many_look_at_once_and_a_place_is_free_again(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_VIEWERS", 2)
    browser = await handoff(desk, visitor)
    one, two = [await browser.get(path) for path in ("/desk/events", "/desk/handoffs/c1-h1/events")]
    async with browser.get("/desk/events") as answer:
        assert answer.status == 503
    async with browser.get("/desk/") as answer:
        assert answer.status == 200
    one.close()
    async with asyncio.timeout(600):
        while (answer := await browser.get("/desk/events")).status == 503:
            answer.close()
    assert answer.status == 200
    answer.close()
    two.close()


async def test_a_peer_that_takes_nothing_is_let_go_after_two_seconds() -> None:
    closed = False

    async def events() -> Any:
        nonlocal closed
        try:
            yield stream.BEAT
        finally:
            closed = True

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body" and b"beat" in message["body"]:
            await asyncio.sleep(3600)

    loop = asyncio.get_running_loop()
    began = loop.time()
    await stream.EventStream(events()).stream_response(stuck)
    assert closed
    assert 2.0 <= loop.time() - began < 10


async def test_the_list_follows_the_office(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    async with browser.get("/desk/events") as answer:
        reader = Reader(answer)
        now = await reader.next()
        assert [now[name] for name in ("type", "handoffs", "work", "done", "talking")] == ["now", [], [], [], []]
        await desk.call()
        call = (await reader.next())["call"]
        assert (call["call_id"], call["caller"], call["time"]) == ("c1", "(312) 555-0199", "10:15 AM")
        await desk.show(card())
        shown = (await reader.next())["handoff"]
        assert (shown["status_text"], shown["live"], shown["href"]) == ("About to ring", True, "/desk/handoffs/c1-h1")
        await desk.work("c1-w1", "callback", reason="crown")
        assert (await reader.next())["work"]["kind"] == "Call back"
        await desk.end()
        assert await reader.next() == {"type": "ended", "call_id": "c1"}
    async with browser.get("/desk/events") as answer:
        now = await Reader(answer).next()
        assert [view["live"] for view in now["handoffs"]] == [False]
        assert now["talking"] == []


async def test_hundreds_who_are_told_at_once_let_everything_else_have_its_turn() -> None:
    turns = stream.Turns(asyncio.get_running_loop())
    rounds, told = 0, list[int]()

    async def viewer() -> None:
        await turns.take()
        told.append(rounds)

    async def frames() -> None:
        nonlocal rounds
        while len(told) < 190:
            rounds += 1
            await asyncio.sleep(0)

    viewers = [asyncio.create_task(viewer()) for _ in range(200)]
    counting = asyncio.create_task(frames())
    await asyncio.sleep(0)
    for gone in viewers[-10:]:  # who waits no more takes nobody's turn
        gone.cancel()
    await asyncio.gather(*viewers[:-10], counting)
    assert len(told) == 190
    assert max(told.count(number) for number in set(told)) <= stream.AT_ONCE
    await turns.take()  # and alone nobody waits


async def test_a_stream_ends_soon_after_the_leave_to_look_was_taken_back() -> None:
    allowed, sent = True, list[bytes]()

    async def events() -> Any:
        yield stream.BEAT
        await asyncio.sleep(3600)

    async def holds() -> bool:
        return allowed

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    loop = asyncio.get_running_loop()
    began = loop.time()
    streaming = asyncio.create_task(stream.EventStream(events(), holds).stream_response(send))
    await asyncio.sleep(20)
    assert not streaming.done()
    allowed = False
    await streaming
    assert loop.time() - began <= 20 + stream.CHECK_SECONDS + 1
    assert sent[-1] == b""
