"""The database is away: the desk says so calmly; what staff do is refused in words, what they wrote is not lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from flowengine.desk import access, stream
from flowengine.runtime.ports import Store
from flowengine.store import bridged
from tests.ports import kept_port

from .browsing import IN_CHROMIUM, playwright, readable, text
from .house import FLOW, SAME, House, Server, Visit, card, csrf, enter, house, visit

DELAYED = "Saving is delayed."
REFUSED = "Not saved: saving is delayed right now.{} Please try again in a minute."
NOTE = 'She takes blood thinners.\nCall <b>her</b> back & ask "when".'


@contextmanager
def away(store: Store) -> Iterator[None]:
    """Every statement fails, as with a database that cannot be reached."""

    def fails(*_: object) -> None:
        raise OperationalError("", {}, OSError())

    engine = store._database.engine.sync_engine  # type: ignore[attr-defined]  # where an outage happens
    event.listen(engine, "before_cursor_execute", fails)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fails)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at every few seconds is looked at several times in one."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(stream, "CHECK_SECONDS", 0.4)
    monkeypatch.setattr(access, "SAME_SECONDS", 0.0)
    monkeypatch.setattr(bridged, "PAUSES", (0.1,))


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[House]:
    """A desk on a real socket whose store bridges outages."""
    with kept_port() as port:
        async with house(tmp_path, f"http://127.0.0.1:{port}", spool=tmp_path / "spool") as built:
            server = Server(built.app, port)
            await server.start()
            await built.call()
            await built.show(card(status="connected", status_text="Connected with Dana"))
            await built.work("c1-w1", "message", caller_name="Maria Lopez")
            yield built
            await server.stop()


async def posted(browser: Any, path: str, page: str, **form: str) -> tuple[int, str]:
    async with browser.post(path, data={"csrf": csrf(page), **form}, headers=SAME) as answer:
        return answer.status, await answer.text()


# ---- without a script ------------------------------------------------------------------------------------------------


async def test_a_form_that_was_not_kept_comes_back_with_all_that_was_written(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    page = await enter(browser, desk.access.office_link(FLOW, 600))
    for forgotten in (False, True):  # the session is known for seconds; then it cannot be asked about either
        with away(desk.store):
            if forgotten:
                desk.clock.later += access.KNOWN_SECONDS
            status, again = await posted(browser, "/desk/handoffs/c1-h1/notes", page, text=NOTE)
            assert status == 503
            assert "That did not get through" in again
            assert "\nShe takes blood thinners.\nCall &lt;b&gt;her&lt;/b&gt; back &amp; ask &#34;when&#34;.<" in again
            assert 'action="/desk/handoffs/c1-h1/notes"' in again
            assert '<a href="/desk/handoffs/c1-h1">' in again
    assert await desk.store.notes("c1-h1") == []
    status, _ = await posted(browser, "/desk/handoffs/c1-h1/notes", again, text=NOTE)
    assert status == 200
    assert [note.text for note in await desk.store.notes("c1-h1")] == [NOTE]


async def test_marks_and_answers_come_back_too_and_go_through_the_second_time(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    page = await enter(browser, desk.access.office_link(FLOW, 600))
    tries = {"/desk/work/c1-w1": {"done": "1"}, "/desk/handoffs/c1-h1/wrap-up": {"resolved": "yes"}}
    for path, form in tries.items():
        with away(desk.store):
            status, again = await posted(browser, path, page, **form)
        (name, value), *_ = form.items()
        assert (status, f'<input type="hidden" name="{name}" value="{value}">' in again) == (503, True)
        assert (await posted(browser, path, again, **form))[0] == 200
    assert (await desk.store.work_item("c1-w1") or {})["done_at"]
    assert (await desk.store.wrap_ups(["c1-h1"]))["c1-h1"].resolved is True


async def test_nothing_comes_back_of_a_passphrase_or_of_another_site(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    async with browser.get("/desk/sign-in") as answer:
        door = await answer.text()
    page = await enter(browser, desk.access.office_link(FLOW, 600))
    desk.clock.later += access.KNOWN_SECONDS
    with away(desk.store):
        status, said = await posted(browser, "/desk/sign-in", door, office=FLOW, passphrase="only she knows", then="")
        assert (status, "only she knows" in said) == (503, False)
        form = {"csrf": csrf(page), "text": "words of a stranger"}
        away_ = {"Sec-Fetch-Site": "cross-site"}
        async with browser.post("/desk/handoffs/c1-h1/notes", data=form, headers=away_) as answer:
            assert (answer.status, "stranger" in await answer.text()) == (503, False)


async def test_a_page_that_cannot_be_shown_tries_again_by_itself(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    with away(desk.store):
        for path in ("/desk/", "/desk/handoffs/c1-h1"):
            async with browser.get(path) as answer:
                said = await answer.text()
                assert (answer.status, '<meta http-equiv="refresh" content="5">' in said) == (503, True)
                assert "phones ring as always" in said


async def test_a_page_opened_while_lines_wait_on_the_disk_says_so(
    desk: House, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridged, "PAUSES", (3600.0,))  # it is back, and not yet asked again
    browser = await visitor()
    page = await enter(browser, desk.access.office_link(FLOW, 600))
    assert DELAYED not in page.partition("<template")[0]
    with away(desk.store):
        await desk.journal("c1", "CallerSaid", at=9.0, text="Hello?")
        assert desk.store.backlog() > 0
    for path in ("/desk/", "/desk/handoffs/c1-h1"):
        async with browser.get(path) as answer:
            assert DELAYED in (await answer.text()).partition("<template")[0]


# ---- live ------------------------------------------------------------------------------------------------------------


class TestInChromium:
    pytestmark = IN_CHROMIUM

    @pytest.mark.parametrize("path", ["/desk/", "/desk/handoffs/c1-h1"])
    async def test_the_line_comes_and_goes_with_the_outage(self, desk: House, chromium: Any, path: str) -> None:
        page = await (await chromium.new_context(viewport={"width": 768, "height": 900})).new_page()
        await visit(page, desk.access.office_link(FLOW, 600))
        await page.goto(f"{desk.url}{path}")
        await text(page, "#connection", "Live")
        await playwright.expect(page.locator("#saving")).to_be_hidden()
        with away(desk.store):
            await playwright.expect(page.locator("#saving")).to_contain_text(DELAYED)  # nobody had to press anything
            await readable(page, f"delayed{path.replace('/', '-')}")
        await playwright.expect(page.locator("#saving")).to_be_hidden()

    async def test_a_page_that_cannot_catch_up_says_so_too(self, desk: House, chromium: Any) -> None:
        page = await (await chromium.new_context()).new_page()
        await visit(page, desk.access.office_link(FLOW, 600))
        await text(page, "#connection", "Live")
        with away(desk.store):
            desk.clock.later += access.KNOWN_SECONDS
            await page.context.set_offline(True)
            await page.context.set_offline(False)  # the connection is taken up anew, and refused
            await playwright.expect(page.locator("#saving")).to_contain_text(DELAYED)
        await playwright.expect(page.locator("#saving")).to_be_hidden()
        await text(page, "#connection", "Live")

    async def test_what_is_done_on_the_list_can_be_tried_again(self, desk: House, chromium: Any) -> None:
        page = await (await chromium.new_context()).new_page()
        await visit(page, desk.access.office_link(FLOW, 600))
        await text(page, "#connection", "Live")
        mark = page.locator("#work .mark button")
        with away(desk.store):
            await mark.click()
            await text(page, "#work [data-mark]", "Not saved. Try again")
        await mark.click()
        await text(page, "#done [data-mark]", "Not done after all")

    async def test_a_note_stays_in_its_field_until_it_is_saved(self, desk: House, chromium: Any) -> None:
        page = await (await chromium.new_context()).new_page()
        await visit(page, desk.access.office_link(FLOW, 600))
        await page.goto(f"{desk.url}/desk/handoffs/c1-h1")
        await text(page, "#connection", "Live")
        await page.locator("#note").fill(NOTE)
        with away(desk.store):
            await page.get_by_role("button", name="Save note").click()
            await text(page, ".notes .trouble", REFUSED.format(" What you wrote is still here."))
            await playwright.expect(page.locator("#note")).to_have_value(NOTE)
            await page.locator('[data-question="resolved"] button').first.click()
            await text(page, "#wrap-up .trouble", REFUSED.format(""))
            await playwright.expect(page.locator('[data-question="resolved"] button').first).to_be_enabled()
        await page.get_by_role("button", name="Save note").click()
        await text(page, "#notes .said", NOTE)
        await playwright.expect(page.locator("#note")).to_have_value("")
