"""The list in a real Chromium: what rings stands out and sounds once, work is done everywhere, nothing is missed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flowengine.desk import frame, stream
from tests.naughty import SAMPLE, name_of

from .browsing import IN_CHROMIUM, PATIENCE, playwright, readable, stands_still, text, watched
from .house import FLOW, House, Server, card, visit
from .test_deliveries import parcel

pytestmark = IN_CHROMIUM

TRIED = [
    {"person": "Hygiene desk", "outcome": "no_answer", "why": "", "state": None},
    {"person": "Dana", "outcome": None, "why": "", "state": "ringing"},
    {"person": "Luis", "outcome": None, "why": "", "state": "ringing"},
]

# What the browser shows and plays outside the page, where a test cannot look: told here as well, and done all the same.
OUTSIDE = """
window.told = []; window.played = 0;
const Real = window.Notification;
window.Notification = class extends Real {
  constructor(text, options) {
    super(text, options);
    window.told.push([text, JSON.stringify(options)]);
    window.last = this;
  }
};
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) { window.played += 1; return start.apply(this, at); };
"""


async def opened(desk: House, chromium: Any, *, rings: bool = False, stands: bool = False, **options: Any) -> Any:
    """A new browser at the list."""
    context = await chromium.new_context(**options)
    if stands:
        await stands_still(context)
    if rings:
        await context.grant_permissions(["notifications"])
        await context.add_init_script(OUTSIDE)
    page = await context.new_page()
    await visit(page, desk.access.office_link(FLOW, 600))
    await text(page, "#connection", "Live")
    return page


async def signed_in(desk: House, chromium: Any, name: str, *departments: str, rings: bool = False) -> Any:
    context = await chromium.new_context()
    if rings:
        await context.grant_permissions(["notifications"])
        await context.add_init_script(OUTSIDE)
    page = await context.new_page()
    await page.goto(f"{desk.url}/desk/sign-in?office={FLOW}")
    await page.locator('[name="passphrase"]').fill(await desk.key(name, *departments))
    await page.keyboard.press("Enter")
    await text(page, "#connection", "Live")
    return page


async def count(page: Any, selector: str, number: int) -> None:
    await playwright.expect(page.locator(selector)).to_have_count(number)


async def shown(page: Any, selector: str, yes: bool = True) -> None:
    await playwright.expect(page.locator(selector)).to_be_visible(visible=yes)


async def until(page: Any, holds: str, arg: object = None) -> None:
    """Waits until a condition holds. Asked again from here: our own headers forbid the page to evaluate text."""
    async with asyncio.timeout(PATIENCE / 1000):
        while not await page.evaluate(holds, arg):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def busy(desk: House) -> None:
    """A desk with something of everything."""
    for number in range(5):
        await desk.call(f"d{number}")
        decided = (desk.clock.now() - timedelta(hours=9 * number)).isoformat()
        status = ("connected", "message", "abandoned", "failed", "ended")[number]
        await desk.show(card(f"d{number}", status=status, status_text="Over", decided_at=decided))
        await desk.end(f"d{number}")
    soon, late = (desk.clock.now() + timedelta(minutes=minutes) for minutes in (50, -5))
    await desk.work("d1-w1", "message", caller_name="Maria Lopez", callback_number="+13125550142", reason="Refund")
    await desk.work("d2-w1", "callback", callback_number="+13125550102", promised_by=soon.isoformat())
    await desk.work("d3-w1", "callback", caller_name="Dana", promised_by=late.isoformat())
    await desk.work("d4-w1", "voicemail", recording="https://recordings.example.com/RE1")
    await desk.work("d0-w1", "missed_call", callback_number="+13125550100")
    await desk.store.set_work_done("d0-w1", "Luis", desk.clock.now().isoformat())


# ---- every state, for everybody --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_state_can_be_read_by_everybody(server: tuple[House, Server], chromium: Any, scheme: Any) -> None:
    desk, running = server
    page = await opened(desk, chromium, color_scheme=scheme, reduced_motion="reduce")
    complaints = watched(page)
    await readable(page, f"quiet-{scheme}")
    await desk.call("c2", caller="+13125550123")
    await count(page, "#talking .item", 1)
    await readable(page, f"talking-{scheme}")
    await desk.call("c1")
    await desk.show(card())
    await text(page, "#now .item .state", "About to ring")
    await readable(page, f"about-to-ring-{scheme}")
    await desk.show(card(status="ringing", status_text="Ringing Dana and Luis", people=TRIED))
    await count(page, "#now .tried .trying", 2)
    await readable(page, f"ringing-two-{scheme}")
    await desk.show(
        card(status="connected", status_text="Connected with Dana", people=[TRIED[1] | {"outcome": "accepted"}])
    )
    await text(page, "#now .item .state", "Connected with Dana")
    await readable(page, f"connected-{scheme}")
    await busy(desk)
    await page.reload()
    await count(page, "#work .item", 4)
    await text(page, "#connection", "Live")
    await readable(page, f"work-{scheme}")
    await page.locator("summary").click()
    await shown(page, "#done .item")
    await readable(page, f"done-{scheme}")
    await page.locator("#q").fill("maria")
    await page.keyboard.press("Enter")
    await shown(page, "#results")
    await readable(page, f"found-{scheme}")
    await page.locator("#q").fill("zebra")
    await page.keyboard.press("Enter")
    await text(page, "#results-title", "Nothing found. Try fewer words, or part of a number.")
    await readable(page, f"nothing-found-{scheme}")
    assert complaints == []
    await running.stop()
    await shown(page, "#lost")
    await readable(page, f"no-connection-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_deliveries_can_be_read_by_everybody(server: tuple[House, Server], chromium: Any, scheme: Any) -> None:
    desk, _ = server
    dead = parcel("c1-d1")
    text = replace(dead, id="c1-d4", channel="sms", address="+13125550142", tries=1)
    work = replace(dead, id="c1-w1", event="work.added", channel="desk", address="front_desk", handoff="", tries=1)
    for each in (
        dead,
        replace(dead, id="c1-d2", state="waiting"),
        replace(dead, id="c1-d3", state="sent", error=""),
        replace(text, error="the phone is off or out of reach (30003)"),
        replace(text, id="c1-d5", state="sent", error=""),
        replace(work, state="sent", error=""),
    ):
        await desk.store.save_parcel(each)
    page = await opened(desk, chromium, color_scheme=scheme)
    await page.get_by_role("link", name="Deliveries").click()
    await count(page, "main .item", 6)
    await readable(page, f"deliveries-{scheme}")


async def test_twice_as_large_and_on_the_widest_screen_nothing_is_cut_off(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card(status="ringing", status_text="Ringing Dana and Luis", people=TRIED, headline="w" * 300))
    await busy(desk)
    for width in (320, 590, 960, 1920):  # 590: a tablet of 1180 at 200 %
        page = await opened(desk, chromium, viewport={"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        await page.context.close()


# ---- now -------------------------------------------------------------------------------------------------------------


async def test_a_handoff_appears_before_the_phone_rings_and_moves_on(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    page = await opened(desk, chromium)
    complaints = watched(page)
    await shown(page, ".now .empty")
    await desk.call()
    await count(page, "#talking .item", 1)
    await desk.show(card())
    await text(page, "#now .item .state", "About to ring")
    await text(page, "#now .item .headline", "Maria Lopez: crown fell out, flying tomorrow morning")
    await count(page, "#talking .item", 0)
    await shown(page, ".now .empty", False)
    assert await page.title() == "(1) Caller waiting · Calls · Bright Smile Dental"
    assert await page.locator("#icon").get_attribute("href") == "/desk/static/icon_waiting.svg"
    await desk.show(card(status="ringing", status_text="Ringing Dana and Luis", people=TRIED))
    await text(page, "#announcement", "Ringing Dana and Luis: Maria Lopez: crown fell out, flying tomorrow morning")
    assert await page.locator("#now .tried li").all_text_contents() == [
        "Hygiene desk no answer", "Dana ringing now", "Luis ringing now",
    ]  # fmt: skip
    took = [{**TRIED[1], "outcome": "accepted"}]
    await desk.show(card(status="connected", status_text="Connected with Dana", people=took))
    await shown(page, "#now .waited", False)
    assert await page.title() == "Calls · Bright Smile Dental"
    await desk.end()
    await count(page, "#past .item", 1)
    await count(page, "#now .item", 0)
    await text(page, "#past .item .state", "Talked with Dana")
    await page.locator("#past .item a").click()
    await text(page, "h1", "Maria Lopez: crown fell out, flying tomorrow morning")
    assert complaints == []


async def test_the_wait_is_counted_live_by_the_office_s_clock(server: tuple[House, Server], chromium: Any) -> None:
    """The office's clock stands in 2026, whatever this device believes."""
    desk, _ = server
    page = await opened(desk, chromium, stands=True)
    await desk.call()
    await desk.show(card(decided_at=(desk.clock.now() - timedelta(seconds=65)).isoformat()))
    await count(page, "#now .item", 1)  # nothing is under way any more that would set the page's clock
    await page.clock.run_for(1500)
    await text(page, "#now [data-since]", "1:06")
    await page.clock.run_for(3000)
    await text(page, "#now [data-since]", "1:09")


async def test_a_promise_that_passes_is_overdue_without_reloading(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    page = await opened(desk, chromium, stands=True)
    await desk.work("c1-w1", "callback", promised_by=(desk.clock.now() + timedelta(seconds=3)).isoformat())
    await shown(page, "#work .item")  # nothing is under way any more that would set the page's clock
    await page.clock.run_for(2000)
    await shown(page, "#work .late", False)
    await page.clock.run_for(2000)
    await shown(page, "#work .late")


# ---- sound and notification ------------------------------------------------------------------------------------------


async def test_it_rings_once_for_each_handoff_and_only_where_it_was_asked_for(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    await desk.call("c0")
    await desk.show(card("c0"))  # rings already when the page is opened
    page, quiet = await opened(desk, chromium, rings=True), await opened(desk, chromium, rings=True)
    second = await page.context.new_page()  # another tab of the same device
    await second.goto(f"{desk.url}/desk/")
    await text(second, "#connection", "Live")
    assert await page.evaluate("[told.length, played, localStorage.length]") == [0, 0, 0]  # nothing unasked
    await page.get_by_role("button", name="Ring on this device").click()
    await text(page, "#sound", "Rings on this device")
    await second.reload()
    await text(second, "#connection", "Live")
    await second.locator("h1").click()
    await text(second, "#sound", "Rings on this device")  # remembered
    tried = await page.evaluate("played")
    assert tried > 0  # so that one knows what to listen for
    await desk.call("c1")
    await desk.show(card("c1"))
    await desk.show(card("c1", status="ringing", status_text="Ringing Dana"))
    for each in (page, second, quiet):
        await text(each, '#now [data-key="c1-h1"] .state', "Ringing Dana")
        await each.evaluate("navigator.locks.query()")  # answered after what was asked of the locks before
    told = [entry for each in (page, second) for entry in await each.evaluate("told")]
    assert [entry[0] for entry in told] == ["A caller is about to ring the clinical team"]
    assert "Maria" not in str(told)
    played = await page.evaluate("played") + await second.evaluate("played")
    assert played == 2 * tried
    assert await quiet.evaluate("[told.length, played]") == [0, 0]
    await page.reload()
    await text(page, "#connection", "Live")
    assert await page.evaluate("told.length") == 0
    await desk.call("c2")
    await desk.show(card("c2", status="connected", status_text="Connected with Dana"))
    await count(page, "#now .item", 3)
    assert await page.evaluate("told.length") == 0  # nobody waits


async def test_it_does_not_ring_for_other_departments(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    page = await signed_in(desk, chromium, "Dana", "front_desk", rings=True)
    await page.get_by_role("button", name="Ring on this device").click()
    await text(page, "#sound", "Rings on this device")
    await desk.call("c1")
    await desk.show(card("c1"))
    await desk.call("c2")
    await desk.show(card("c2", department="our front desk", department_key="front_desk"))
    await count(page, "#now .item", 1)
    await until(page, "told.length > 0")
    assert [entry[0] for entry in await page.evaluate("told")] == ["A caller is about to ring the front desk"]


async def test_a_tap_on_the_notification_brings_the_page_to_the_front(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    page = await opened(desk, chromium, rings=True)
    await page.get_by_role("button", name="Ring on this device").click()
    await desk.call()
    await desk.show(card())
    await until(page, "told.length > 0")
    await page.evaluate("window.focused = 0; window.focus = () => window.focused += 1; last.onclick()")
    assert await page.evaluate("focused") == 1


async def test_where_the_browser_keeps_nothing_it_rings_all_the_same(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    context = await chromium.new_context()
    await context.add_init_script(
        OUTSIDE + "Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } });"
    )
    page = await context.new_page()
    complaints = watched(page)
    await visit(page, desk.access.office_link(FLOW, 600))
    await page.get_by_role("button", name="Ring on this device").click()
    await text(page, "#sound", "Rings on this device")
    before = await page.evaluate("played")
    await desk.call()
    await desk.show(card())
    await until(page, "(before) => played > before", before)
    assert complaints == []


# ---- work ------------------------------------------------------------------------------------------------------------


async def test_done_here_is_done_there_with_the_name_of_who_did_it(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    for number in range(3):
        await desk.work(f"c0-w{number}", "message", caller_name=f"Caller {number}")
    dana, luis = await signed_in(desk, chromium, "Dana"), await signed_in(desk, chromium, "Luis")
    await count(luis, "#work .item", 3)
    await dana.get_by_role("button", name=re.compile("^Done.*Caller 1")).focus()
    await dana.keyboard.press("Enter")
    for page in (dana, luis):
        await count(page, "#work .item", 2)
        await text(page, "#done .item .done-by", "Done by Dana, 10:15 AM")
    await text(dana, "[data-count-of]", "1")
    await until(dana, "document.activeElement.textContent.startsWith('Done: Message, Caller 0')")  # stays where it was
    await luis.locator("summary").click()
    await luis.get_by_role("button", name=re.compile("^Not done.*Caller 1")).click()
    for page in (dana, luis):
        await count(page, "#work .item", 3)
        await shown(page, "#done-today", False)


async def test_what_could_not_be_saved_says_so(server: tuple[House, Server], chromium: Any) -> None:
    desk, running = server
    await desk.work("c0-w1", "message", caller_name="Maria Lopez")
    page = await opened(desk, chromium)
    await running.stop()
    await page.locator("#work button").click()
    await text(page, "#work [data-mark]", "Not saved. Try again")
    await running.start()
    await text(page, "#connection", "Live")
    await page.locator("#work button").click()
    await count(page, "#done .item", 1)


# ---- search ----------------------------------------------------------------------------------------------------------


async def test_a_search_stays_live_and_leaves_nothing_in_addresses(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await busy(desk)
    page = await opened(desk, chromium)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_role("searchbox").fill("0142")
    await page.keyboard.press("Enter")
    await text(page, "#results-title", "1 found")
    await shown(page, "#work-title", False)
    await desk.call("c1")
    await desk.show(card("c1"))
    await text(page, "#now .item .state", "About to ring")  # who rings is seen while one searches
    await page.locator("#found button").click()
    await text(page, "#found .done-by", "Done 10:15 AM")
    await page.get_by_role("link", name="Back to everything").click()
    await shown(page, "#work-title")
    assert await page.evaluate("document.activeElement.id") == "q"
    assert [url for url in [*asked, page.url] if "0142" in url] == []


async def test_without_a_script_the_list_the_search_and_done_work(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await busy(desk)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await visit(page, desk.access.office_link(FLOW, 600))
    await text(page, "#connection", "Reload to update")
    await shown(page, "#sound", False)
    await page.locator("#work .item", has_text="Maria Lopez").locator("button").click()
    await count(page, "#done .item", 2)
    await page.locator("#q").fill("maria")
    await page.keyboard.press("Enter")
    await shown(page, "#found .item >> nth=0")
    assert "maria" not in page.url


# ---- the connection --------------------------------------------------------------------------------------------------


async def test_what_happened_while_the_line_was_cut_is_there_when_it_is_back(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, running = server
    for call in ("c1", "c2"):
        await desk.call(call)
    await desk.show(card("c1"))
    await desk.work("c1-w1", "message", caller_name="Maria Lopez")
    page = await opened(desk, chromium)
    await page.evaluate("window.notReloaded = true")
    await count(page, "#now .item", 1)
    await running.stop()
    await text(page, "#connection", "Reconnecting…")
    await shown(page, "#lost")
    await desk.end("c1")
    await desk.show(card("c2", headline="came meanwhile"))
    await desk.store.set_work_done("c1-w1", "Dana", desk.clock.now().isoformat())
    await running.start()
    await text(page, "#connection", "Live")
    await shown(page, "#lost", False)
    await text(page, "#now .headline", "came meanwhile")
    await count(page, "#past .item", 1)
    await count(page, "#talking .item", 0)
    await count(page, "#work .item", 0)
    await count(page, "#done .item", 1)
    assert await page.evaluate("window.notReloaded")


async def test_a_network_that_is_cut_is_taken_up_at_once_and_a_slow_one_catches_up(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    page = await opened(desk, chromium)
    wire = await page.context.new_cdp_session(page)
    await wire.send("Network.enable")
    cut = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await wire.send("Network.emulateNetworkConditions", cut)
    await text(page, "#connection", "Reconnecting…")
    await desk.call()
    await desk.show(card())
    await wire.send("Network.emulateNetworkConditions", {**cut, "offline": False})
    await text(page, "#now .item .state", "About to ring")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 6_000, "uploadThroughput": 6_000}
    await wire.send("Network.emulateNetworkConditions", slow)
    for number in range(40):
        await desk.show(card(status="ringing", status_text=f"Ringing person {number}", people=TRIED))
    await text(page, "#now .item .state", "Ringing person 39")
    await count(page, "#now .item", 1)


async def test_a_tablet_that_slept_asks_again_the_moment_it_wakes(server: tuple[House, Server], chromium: Any) -> None:
    """Its connection is dead and nobody has told it: the clock says that it has slept."""
    desk, _ = server
    page = await opened(desk, chromium)
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    wake = "document.dispatchEvent(new Event('visibilitychange'))"
    await page.evaluate(wake)  # looked at again after a moment: all is well
    async with page.expect_request("**/desk/events*"):
        await page.evaluate("const now = Date.now; Date.now = () => now() + 3600e3;" + wake)
    await text(page, "#connection", "Live")
    assert [address.partition("?after=")[0] for address in streams] == [f"{desk.url}/desk/events"]


async def test_a_stream_that_ends_as_each_does_is_taken_up_without_a_word(
    server: tuple[House, Server], chromium: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every ten minutes: a screen reader that said so each time would be switched off."""
    monkeypatch.setattr(frame, "LONGEST_SECONDS", 0.5)
    monkeypatch.setattr(stream, "RETRY_MILLISECONDS", (50, 100))
    desk, _ = server
    page = await opened(desk, chromium, stands=True)
    await page.evaluate("""
        window.said = [];
        const note = () => said.push(document.getElementById("connection").textContent);
        const whole = {subtree: true, childList: true, characterData: true};
        new MutationObserver(note).observe(document.getElementById("connection"), whole);
    """)
    for _ in range(4):
        async with page.expect_request("**/desk/events*"):
            pass
        await page.clock.run_for(1000)  # together longer than a page says nothing of a connection it has lost
    await desk.call()
    await count(page, "#talking .item", 1)
    assert await page.evaluate("said") == []


async def test_who_was_told_to_reload_has_everything_again(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    page = await opened(desk, chromium)
    await desk.call()
    for number in range(400):  # all in one go: no reader has a chance, and the bus lets go of it
        await desk.bus.publish(f"office:{FLOW}", {"type": "card", "card": card(status_text=f"n{number}")})
    await desk.show(card(status="ringing", status_text="Ringing Dana"))
    await text(page, "#now .item .state", "Ringing Dana")
    await text(page, "#connection", "Live")


async def test_who_is_signed_out_is_told_and_led_to_the_door(server: tuple[House, Server], chromium: Any) -> None:
    desk, running = server
    page = await opened(desk, chromium)
    await running.stop()
    desk.clock.pass_(13 * 3600)
    await running.start()
    await text(page, "#connection", "Signed out")
    await page.get_by_role("link", name="Sign in again").click()
    await page.wait_for_url("**/desk/sign-in")


# ---- words of callers ------------------------------------------------------------------------------------------------


async def test_whatever_a_caller_is_called_stays_text(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    page = await opened(desk, chromium)
    complaints = watched(page)
    for index, said in enumerate(SAMPLE):
        people = [{"person": said, "outcome": "declined", "why": said, "state": None}]
        after = f"seen {index}"  # so that the page is not taken for changed before it is
        await desk.show(card(headline=said or "-", status_text=said, people=people, department=said, caller=said))
        await desk.work("c1-w1", "message", caller_name=said, reason=said, promised_by=said, recording=said)
        await desk.show(card(headline=said or "-", status_text=after, people=people, department=said, caller=said))
        await text(page, "#now .item .state", after)
        assert await page.locator("#now .headline").text_content() == (said or "-"), name_of(said)
        assert await page.evaluate("window.naughty") is None, name_of(said)
        assert await page.locator("main img, main script, main iframe, main [onerror], main [onload]").count() == 0
        assert await page.locator('main a[href^="javascript" i], main a[href^="data" i]').count() == 0, name_of(said)
    await page.reload()
    await text(page, "#connection", "Live")
    assert await page.evaluate("window.naughty") is None
    assert complaints == []


async def test_the_keyboard_reaches_everything_in_order(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card())
    await desk.work("c1-w1", "message", caller_name="Maria Lopez", callback_number="+13125550142")
    page = await opened(desk, chromium)
    reached = []
    for _ in range(10):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))
    assert reached == [
        "Calls", "Figures", "Deliveries", "Sign out", "Ring on this device",
        "Maria Lopez: crown fell out, flying tomorrow morning", "q", "Search", "(312) 555-0142",
        "Done: Message, Maria Lopez",
    ]  # fmt: skip
