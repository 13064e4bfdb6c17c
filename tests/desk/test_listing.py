"""The list of an office: who sees what of it, work that is done and undone on every screen, search without a trace."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from flowengine.desk import figures, overview
from flowengine.desk.frame import Frame
from flowengine.desk.overview import Overview, State
from flowengine.runtime.rows import Entry
from tests.naughty import SAMPLE, name_of

from .house import FLOW, SAME, START, House, Visit, card, csrf, enter
from .test_doors import sign_in, trail
from .test_stream import Reader

JSON = {**SAME, "Accept": "application/json"}


async def office(desk: House, visitor: Visit) -> aiohttp.ClientSession:
    """A browser with the list of everything."""
    await enter(browser := await visitor(), desk.access.office_link(FLOW, 600))
    return browser


async def staff(desk: House, visitor: Visit, name: str, *departments: str) -> aiohttp.ClientSession:
    status, _ = await sign_in(browser := await visitor(), await desk.key(name, *departments))
    assert status == 200
    return browser


async def listed(browser: aiohttp.ClientSession, path: str = "/desk/") -> str:
    async with browser.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


def part(page: str, id: str) -> str:
    """What stands in one list of the page."""
    return (
        page.partition(f'<ul id="{id}"')[2]
        .partition("<template")[0]
        .partition("\n    </ul>")[0]
        .partition("</section>")[0]
    )


async def post(
    browser: aiohttp.ClientSession, path: str, headers: dict[str, str] = JSON, **form: str
) -> tuple[int, Any]:
    data = {"csrf": csrf(await listed(browser)), **form}
    async with browser.post(path, data=data, headers=headers, allow_redirects=False) as answer:
        if answer.content_type == "application/json":
            return answer.status, await answer.json()
        return answer.status, await answer.text()


# ---- now and earlier -------------------------------------------------------------------------------------------------


async def test_who_waits_longest_stands_first_and_who_is_tried_is_told(desk: House, visitor: Visit) -> None:
    people = [
        {"person": "Hygiene desk", "outcome": "no_answer", "why": "", "state": None},
        {"person": "Dana", "outcome": None, "why": "", "state": "ringing"},
        {"person": "Luis", "outcome": None, "why": "", "state": "answered"},
    ]
    desk.clock.pass_(90)
    for call, ago, status in (("c1", 5, "announcing"), ("c2", 65, "ringing"), ("c3", 1, "connected")):
        await desk.call(call)
        decided = (desk.clock.now() - timedelta(seconds=ago)).isoformat()
        await desk.show(card(call, headline=f"headline-{call}", status=status, decided_at=decided, people=people))
    now = part(await listed(await office(desk, visitor)), "now")
    places = [now.index(f"headline-{call}") for call in ("c2", "c1", "c3")]
    assert places == sorted(places)
    assert "1:05" in now
    for words in ("no answer", "ringing now", "picked up"):
        assert words in now


async def test_today_is_the_office_s_day_and_older_calls_are_one_tap_away(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MOST_EARLIER", 2)
    midnight = START.replace(hour=6, minute=0)  # in Chicago
    for number, decided in enumerate([midnight, *(midnight - timedelta(minutes=1 + ago) for ago in range(3))]):
        await desk.call(f"c{number}")
        await desk.show(card(f"c{number}", headline=f"headline-{number}", decided_at=decided.isoformat()))
        await desk.end(f"c{number}")
    browser = await office(desk, visitor)
    page = await listed(browser)
    assert re.findall(r"headline-\d", part(page, "past").partition('id="earlier"')[0]) == ["headline-0"]
    assert len(re.findall(r"headline-\d", part(page, "earlier"))) == 2
    assert "Show older calls" in page
    older = await listed(browser, "/desk/?older")
    assert len(re.findall(r"headline-\d", part(older, "earlier"))) == 3
    assert "Show older calls" not in older


async def test_a_caller_is_named_by_the_first_line_of_the_journal_alone(desk: House, visitor: Visit) -> None:
    """Journals of callers who talk may be long; and a line nobody can read costs no page."""
    await desk.call(caller="+13125550123")
    await desk.store.append("c1", [Entry(3, "CallerSaid", "no JSON at all")])
    assert "(312) 555-0123" in part(await listed(await office(desk, visitor)), "talking")


async def test_opening_the_list_is_written_down(desk: House, visitor: Visit) -> None:
    browser = await staff(desk, visitor, "Dana")
    await listed(browser)
    opened = [access for access in await trail(desk) if access.what == "list opened"]
    assert [access.who for access in opened] == ["Dana", "Dana"]


# ---- departments -----------------------------------------------------------------------------------------------------


async def test_what_is_another_departments_is_not_there(desk: House, visitor: Visit) -> None:
    await desk.call("c1")
    await desk.show(card("c1", headline="clinical-headline"))
    await desk.call("c2", caller="+13125550123")
    await desk.work("c0-w1", "message", caller_name="front-desk-message")
    front, clinical = await staff(desk, visitor, "Dana", "front_desk"), await staff(desk, visitor, "Luis", "clinical")
    page, other = await listed(front), await listed(clinical)
    assert "front-desk-message" in page
    assert "clinical-headline" not in page
    assert "clinical-headline" in other
    assert "front-desk-message" not in other
    for each in (page, other):
        assert "(312) 555-0123" in part(each, "talking")
    for browser, found in ((front, 0), (clinical, 1)):
        assert (await post(browser, "/desk/search", q="clinical-headline"))[1]["count"] == found
    assert (await post(clinical, "/desk/work/c0-w1", done="1"))[0] == 404
    assert (await desk.store.work_item("c0-w1") or {})["done_at"] == ""


async def test_a_handoff_that_goes_on_to_another_department_leaves_the_list(desk: House, visitor: Visit) -> None:
    await desk.call()
    browser = await staff(desk, visitor, "Luis", "clinical")
    async with browser.get("/desk/events") as answer:
        reader = Reader(answer)
        assert [call["call_id"] for call in (await reader.next())["talking"]] == ["c1"]
        await desk.show(card())
        assert (await reader.next())["handoff"]["handoff"] == "c1-h1"
        await desk.show(card(department_key="front_desk", headline="not for them"))
        assert await reader.next() == {"type": "gone", "handoff": "c1-h1"}
        assert await reader.next() == {"type": "elsewhere", "call_id": "c1"}
        await desk.show(card(department_key="front_desk", status="returned", headline="not for them"))
        back = await reader.next()
        assert (back["type"], back["call"]["caller"]) == ("talking", "(312) 555-0199")
        await desk.work("c1-w1", "message", reason="not for them")  # of the front desk
        await desk.end()
        assert await reader.next() == {"type": "ended", "call_id": "c1"}


# ---- work to do ------------------------------------------------------------------------------------------------------


async def test_done_on_one_screen_is_done_on_the_other_and_can_be_undone(desk: House, visitor: Visit) -> None:
    await desk.work("c0-w1", "message", caller_name="Maria Lopez", reason="cleaning")
    dana, luis = await staff(desk, visitor, "Dana"), await staff(desk, visitor, "Luis")
    async with luis.get("/desk/events") as answer:
        reader = Reader(answer)
        assert [work["work"] for work in (await reader.next())["work"]] == ["c0-w1"]
        status, view = await post(dana, "/desk/work/c0-w1", done="1")
        assert (status, view["done_text"]) == (200, "Done by Dana, 10:15 AM")
        assert (await reader.next())["work"] == view
        desk.clock.pass_(60)
        status, again = await post(luis, "/desk/work/c0-w1", done="1")  # who is second sees who was first
        assert (status, again["done_text"]) == (200, "Done by Dana, 10:15 AM")
        await reader.next()
        await post(luis, "/desk/work/c0-w1", done="0")
        assert (await reader.next())["work"]["done"] is False
    page = await listed(dana)
    assert "Maria Lopez" in part(page, "work")
    done = [(line.what, line.who, line.detail) for line in await trail(desk) if line.what.startswith("work")]
    assert done == [("work done", "Dana", "c0-w1"), ("work undone", "Luis", "c0-w1")]


async def test_what_was_done_folds_away_and_is_gone_tomorrow(desk: House, visitor: Visit) -> None:
    await desk.work("c0-w1", "message", caller_name="Maria Lopez")
    browser = await office(desk, visitor)
    status, _ = await post(browser, "/desk/work/c0-w1", SAME, done="1")  # without a script: the form itself
    assert status == 303
    page = await listed(browser)
    assert "Maria Lopez" in part(page, "done")
    assert "Maria Lopez" not in part(page, "work").partition('id="done-today"')[0]
    desk.clock.pass_(24 * 3600)
    assert "Maria Lopez" not in await listed(await office(desk, visitor))


async def test_a_promise_says_until_when_and_the_soonest_stands_first(desk: House, visitor: Visit) -> None:
    await desk.work("c0-w1", "message", caller_name="just a message")
    for work, minutes in (("c0-w2", 50), ("c0-w3", -5), ("c0-w4", 20)):
        await desk.work(work, "callback", promised_by=(START + timedelta(minutes=minutes)).isoformat(), name=work)
    await desk.work("c0-w5", "callback", promised_by="by 11:15 am", name="words")
    async with (await office(desk, visitor)).get("/desk/events") as answer:
        work = (await Reader(answer).next())["work"]
    assert [each["title"] for each in work][:3] == ["c0-w3", "c0-w4", "c0-w2"]
    assert [each["late"] for each in work][:3] == [True, False, False]
    promised = {each["title"]: each["promised"] for each in work}
    assert promised["c0-w3"] == "Promised by 10:10 AM"
    assert promised["words"] == "Promised by 11:15 am"
    assert promised["just a message"] == ""
    assert "c0-w3" not in str([each["fields"] for each in work])


async def test_work_names_departments_and_days_as_the_office_does(desk: House, visitor: Visit) -> None:
    at, fields = desk.clock.now().isoformat(), {"patient_name": "Ana Ruiz", "day": "2026-11-12", "ends": "2026-13-99"}
    await desk.store.save_work("c1-w1", "c1", FLOW, "request_appointment", "on_call_dentist", fields, at)
    await desk.store.save_work("c1-w2", "c1", FLOW, "message", "a_department_of_before", {}, at)
    browser = await office(desk, visitor)
    page = part(await listed(browser), "work")
    for words in ("Dentist on call", "A department of before", "Thu 12 Nov 2026", "2026-13-99"):
        assert words in page
    assert (await post(browser, "/desk/search", q="dentist on call"))[1]["count"] == 1


async def test_old_work_is_shown_until_it_is_done(desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_WORK", 3)
    browser = await office(desk, visitor)
    await desk.work("c0-w0", "message", caller_name="waiting-since-long")
    for number in range(1, 5):
        await desk.work(f"c0-w{number}", "message", reason="x")
        await desk.store.set_work_done(f"c0-w{number}", "Dana", desk.clock.now().isoformat())
    assert "waiting-since-long" in part(await listed(browser), "work")


@pytest.mark.parametrize("path", ["/desk/work/c0-w1", "/desk/search"])
async def test_a_form_that_is_not_ours_changes_nothing(desk: House, visitor: Visit, path: str) -> None:
    await desk.work("c0-w1", "message", caller_name="Maria Lopez")
    browser, other = await office(desk, visitor), await staff(desk, visitor, "Dana")
    foreign = csrf(await listed(other))
    ours = csrf(await listed(browser))
    for headers, token in ((SAME, ""), (SAME, "x"), (SAME, foreign), ({"Sec-Fetch-Site": "cross-site"}, ours)):
        data = {"csrf": token, "done": "1", "q": "maria"}
        async with browser.post(path, data=data, headers=headers) as answer:
            assert answer.status == 403
            assert "Maria" not in await answer.text()
    assert (await desk.store.work_item("c0-w1") or {})["done_at"] == ""
    assert (await (await visitor()).post(path, data={"csrf": ours, "done": "1"}, headers=SAME)).status == 403
    assert (await browser.get(path)).status in (404, 405)


async def test_work_of_another_office_does_not_exist(desk: House, visitor: Visit) -> None:
    await desk.store.save_work("b1-w1", "b1", "billing", "message", "claims", {}, desk.clock.now().isoformat())
    browser = await office(desk, visitor)
    for work in ("b1-w1", "nothing", "x" * 300):
        assert (await post(browser, f"/desk/work/{work}", done="1"))[0] == 404
    assert (await desk.store.work_item("b1-w1") or {})["done_at"] == ""


# ---- search ----------------------------------------------------------------------------------------------------------


async def test_a_search_finds_calls_and_work_and_leaves_no_words_behind(
    desk: House, visitor: Visit, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.call()
    await desk.show(card(headline="Zoë Quince: crown fell out"))
    await desk.work("c1-w1", "callback", caller_name="Zoe Quince", callback_number="+13125550142")
    browser = await office(desk, visitor)
    with caplog.at_level(logging.DEBUG):
        _, found = await post(browser, "/desk/search", q="zoe QUINCE")
        assert (found["count"], found["text"]) == (2, "2 found")
        assert (found["handoffs"][0]["live"], found["work"][0]["kind"]) == (True, "Call back")
        _, nothing = await post(browser, "/desk/search", q="(312) 555-0177")
        assert nothing["text"].startswith("Nothing found")
        assert (await post(browser, "/desk/search", q=" "))[1]["count"] == 0
        _, page = await post(browser, "/desk/search", SAME, q="quince 555-0142")  # without a script
        assert "1 found" in page
    searched = [line for line in await trail(desk) if line.what == "searched"]
    assert [line.detail for line in searched] == ["2 found", "0 found", "0 found", "1 found"]
    printed = capsys.readouterr()
    assert "quince 555-0142" not in page.casefold()
    for text in (str(await trail(desk)), caplog.text, printed.out, printed.err):
        assert "quince" not in text.casefold()
        assert "5550142" not in text
        assert "555-0142" not in text


async def test_a_search_looks_through_so_many_and_shows_so_many(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowengine.desk.search.NEWEST", 8)
    monkeypatch.setattr("flowengine.desk.search.MOST_FOUND", 5)
    for number in range(10):
        await desk.work(f"c0-w{number}", "message", reason="cleaning")
    _, found = await post(await office(desk, visitor), "/desk/search", q="cleaning")
    assert found["text"] == "8 found; the newest 5 are shown"
    assert [work["work"] for work in found["work"]] == [f"c0-w{number}" for number in range(9, 4, -1)]


async def test_whatever_a_caller_is_called_is_text_on_the_list(desk: House, visitor: Visit) -> None:
    await desk.call()
    browser = await office(desk, visitor)
    async with browser.get("/desk/events") as answer:
        reader = Reader(answer)
        await reader.until("now")
        for text in SAMPLE:
            await desk.show(card(headline=text or "-", status_text=text))
            assert (await reader.until("handoff"))["handoff"]["headline"] == (text or "-"), name_of(text)
            await desk.work("c1-w1", "message", caller_name=text, reason=text)
            shown = (await reader.until("work"))["work"]
            assert text in (shown["title"], "not given", ""), name_of(text)
            page = await listed(browser)
            for opened in ("<script>window", "<img src=x", "<svg onload", "<iframe onload"):
                assert opened not in page, name_of(text)


# ---- many screens ----------------------------------------------------------------------------------------------------


async def test_screens_that_come_at_once_share_one_reading_that_began_after_they_asked(
    desk: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []
    loop = asyncio.get_running_loop()

    async def read(frame: Frame, flow: str, departments: tuple[str, ...]) -> State:
        began.append(loop.time())
        await asyncio.sleep(1.0)
        return State(None, (), frozenset(), (), ({"work": len(began)},))  # type: ignore[arg-type]  # not looked at

    monkeypatch.setattr(overview, "read", read)
    shared = Overview(None)  # type: ignore[arg-type]  # `read` needs no frame here
    first = [asyncio.create_task(shared.now(FLOW)) for _ in range(50)]
    await asyncio.sleep(0.5)
    asked = loop.time()
    later = [asyncio.create_task(shared.now(FLOW)) for _ in range(50)]
    later[0].cancel()  # who does not wait any more takes nothing from the others
    states = await asyncio.gather(*first, *later[1:])
    assert len(began) == 2
    assert began[1] >= asked
    assert {state.work[0]["work"] for state in states[:50]} == {1}
    assert {state.work[0]["work"] for state in states[50:]} == {2}


async def test_a_screen_that_comes_back_is_sent_what_changed_and_nothing_else(desk: House, visitor: Visit) -> None:
    browser = await office(desk, visitor)
    for call in ("c1", "c2", "c3"):
        await desk.call(call)
        await desk.show(card(call, headline=f"headline-{call}", department="our front desk"))
    await desk.work("c1-w1", "message", caller_name="kept")
    async with browser.get("/desk/events") as answer:
        reader = Reader(answer)
        await reader.until("now")
        await desk.show(card("c2", status="connected", status_text="Connected with Dana"))
        await desk.call("c4")
        await desk.work("c2-w1", "message", caller_name="new")
        await reader.until("work")
    last = reader.last_id
    desk.clock.pass_(30)  # the waits go on
    came_back = {"Last-Event-ID": last}
    async with browser.get("/desk/events", headers=came_back) as answer:
        since = await Reader(answer).next()
        assert since["type"] == "since"
        empty: list[str] = []
        nothing = {"handoffs": empty, "work": empty, "talking": empty}
        assert {name: since[name] for name in (*nothing, "gone")} == {**nothing, "gone": nothing}
    await desk.end("c3", "abandoned")
    await desk.end("c4")
    await desk.store.set_work_done("c2-w1", "Luis", desk.clock.now().isoformat())
    async with browser.get("/desk/events?after=x.1", headers=came_back) as answer:  # whatever the address says
        since = await Reader(answer).next()
        assert [view["headline"] for view in since["handoffs"]] == ["headline-c3"]
        assert [(view["work"], view["done"]) for view in since["work"]] == [("c2-w1", True)]
        assert since["gone"] == {"handoffs": [], "work": [], "talking": ["c4"]}
    async with (await office(desk, visitor)).get("/desk/events", headers=came_back) as answer:
        assert (await Reader(answer).next())["type"] == "now"  # another browser's


async def test_a_small_department_misses_nothing_on_a_busy_day(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MOST_CARDS", 3)
    browser = await staff(desk, visitor, "Luis", "clinical")
    await desk.call("c0")
    await desk.show(card("c0", headline="the-one-of-the-day"))
    for number in range(1, 6):
        await desk.call(f"c{number}")
        await desk.show(card(f"c{number}", headline="others", department_key="front_desk"))
    page = await listed(browser)
    assert "the-one-of-the-day" in part(page, "now")
    assert "others" not in page
    assert 'data-call="c5"' not in part(page, "talking")  # whom the others have is not with the receptionist
    assert (await post(browser, "/desk/search", q="the-one"))[1]["count"] == 1


# ---- alerts ----------------------------------------------------------------------------------------------------------


async def test_managers_see_alerts_and_calls_are_shown_without_figures_too(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def alerts(frame: Frame, flow: str) -> list[str]:
        return ["Callers wait longer than they should."]

    monkeypatch.setattr(figures, "alerts", alerts)
    manager, dana = await office(desk, visitor), await staff(desk, visitor, "Dana")
    assert "Callers wait longer" in await listed(manager)
    assert "Callers wait longer" not in await listed(dana)
    assert "/desk/deliveries" not in await listed(dana)

    async def broken(frame: Frame, flow: str) -> list[str]:
        raise RuntimeError

    monkeypatch.setattr(figures, "alerts", broken)
    await desk.call()
    assert "With the receptionist" in part(await listed(manager), "talking")
