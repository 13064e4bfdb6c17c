"""The doors and the page of a hand-off in a real Chromium: live, readable by everybody, and harmless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from flowengine.call.events import StaffDecided
from flowengine.desk import access as access_module
from flowengine.desk import stream
from tests.naughty import SAMPLE, as_page_text, name_of
from tests.ports import kept_port

from .browsing import IN_CHROMIUM, playwright, readable, stands_still, text, watched
from .house import FLOW, House, Server, card, eventually, house, visit
from .wire import Wire

pytestmark = IN_CHROMIUM
PAGE = "/desk/handoffs/c1-h1"
At = tuple[House, Server]


def tried(person: str, outcome: str | None = None, why: str = "", state: str | None = None) -> dict[str, Any]:
    return {"person": person, "outcome": outcome, "why": why, "state": state}


FIELDS = [
    {"name": "caller_name", "label": "Caller name", "value": "Maria Lopez", "private": True},
    {"name": "reason", "label": "Reason", "value": "Crown fell out, flies tomorrow", "private": True},
    {"name": "callback_number", "label": "Callback number", "value": "+13125550199", "private": False},
    {"name": "been_here_before", "label": "Been here before", "value": "not given", "private": False},
    {"name": "rule", "label": "Why you", "value": "clinical question", "private": False},
    {"name": "already_offered", "label": "Already offered", "value": "not given", "private": False},
    {"name": "suggested_next_step", "label": "Suggested next step", "value": "See her today", "private": False},
]
IDENTITY = {"match": "called before", "text": "This number has called before"}
DANA, LUIS = tried("Dana", state="answered"), tried("Luis", state="ringing")
RINGING = {"status": "ringing", "status_text": "Ringing Dana"}
STATES: dict[str, tuple[dict[str, Any], bool]] = {  # the card, and whether the call is over
    "about to ring": ({"status": "announcing"}, False),
    "ringing": ({**RINGING, "people": [tried("Luis", "no_answer"), tried("Dana", state="ringing")]}, False),
    "answered": ({**RINGING, "people": [DANA, tried("Luis", "declined", "busy right now")]}, False),
    "all at once": ({"status": "ringing", "status_text": "Ringing Dana and Luis", "people": [DANA, LUIS]}, False),
    "connected": (
        {"status": "connected", "status_text": "Connected with Dana", "people": [tried("Dana", "accepted")]},
        False,
    ),
    "over": (
        {"status": "connected", "status_text": "Connected with Dana", "people": [tried("Dana", "accepted")]},
        True,
    ),
    "message": ({"status": "message", "status_text": "A message is being taken"}, True),
    "failed": ({"status": "failed", "status_text": "The hand-over failed", "people": [tried("Dana", "failed")]}, True),
    "missed call": ({"status": "abandoned", "status_text": "Missed call: the caller hung up", "caller": ""}, True),
    "no transcript": ({"status": "announcing", "transcript_shown": "none"}, False),
}


async def shown(desk: House, state: str) -> None:
    """A call in this state."""
    changes, over = STATES[state]
    await desk.call()
    await desk.say("agent", "Thank you for calling. How can I help?", 3.0)
    await desk.say("caller", "My crown fell out and I'm flying tomorrow.", 9.0)
    await desk.show(card(fields=FIELDS, identity=IDENTITY, **changes))
    if state in ("connected", "over"):
        await desk.say("staff", "Hi Maria, this is Dana.", 40.0)
        await desk.gap("c1-caller", 45.0, True)
    if over:
        await desk.end()


async def at_the_page(desk: House, chromium: Any, *, stands: bool = False, **options: Any) -> Any:
    """A new browser that came by the hand-off's link and follows live."""
    context = await chromium.new_context(**options)
    if stands:
        await stands_still(context)
    page = await context.new_page()
    await visit(page, desk.access.handoff_link("c1-h1", FLOW, 600))
    if options.get("java_script_enabled", True):
        await text(page, "#connection", "Live")
    return page


LOOKS = [("light", 1280), ("dark", 390)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_everybody_can_read_every_state(server: At, chromium: Any, scheme: str, width: int) -> None:
    desk, _ = server
    context = await chromium.new_context(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 860}
    )
    page = await context.new_page()
    complaints = watched(page)
    await shown(desk, "about to ring")
    await visit(page, desk.access.office_link(FLOW, 600))
    for state in STATES:
        changes, over = STATES[state]
        call = f"s{list(STATES).index(state)}"
        await desk.call(call)
        await desk.say("caller", "My crown fell out and I'm flying tomorrow.", 9.0, call=call)
        await desk.show(card(call, fields=FIELDS, identity=IDENTITY, **changes))
        if over:
            await desk.end(call)
        await page.goto(f"{desk.url}/desk/handoffs/{call}-h1")
        await text(page, "#connection", "Live")
        for decline in await page.locator(".decline summary").all():
            await decline.click()
        await desk.hear("caller", "being said", 10.0, call=call)
        await readable(page, f"{state}-{scheme}-{width}")
    assert complaints == []
    await context.close()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_everybody_can_read_the_doors(server: At, chromium: Any, scheme: str, width: int) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card())
    passphrase = await desk.key()
    page = await (await chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 860})).new_page()

    async def seen(name: str, says: str) -> None:
        await playwright.expect(page.locator("h1")).to_have_text(says)
        await readable(page, f"{name}-{scheme}-{width}")

    link = desk.access.handoff_link("c1-h1", FLOW, 600)
    await page.goto(link)
    await seen("link", "A caller needs you")
    await page.goto(f"{link}x")
    await seen("broken link", "This page needs a fresh link")
    desk.clock.pass_(3600)
    await page.goto(link)
    await seen("expired link", "This page needs a fresh link")
    await page.get_by_role("link", name="Sign in").click()
    await seen("sign-in", "Sign in to the desk")
    for number in range(6):
        await page.fill("#office", "dental office")
        await page.fill("#passphrase", "nonsense")
        await page.keyboard.press("Enter")
        await playwright.expect(page.locator("#problem")).to_contain_text(
            "do not belong together" if number < 5 else "too often"
        )
        if number in (0, 5):
            await seen("wrong passphrase" if number == 0 else "too often", "Sign in to the desk")
    desk.clock.later += 3600
    await page.fill("#passphrase", passphrase)
    await page.keyboard.press("Enter")
    await text(page, "h1", "Maria Lopez: crown fell out, flying tomorrow morning")  # where the link had led to
    await page.goto(f"{desk.url}/desk/handoffs/none")
    await seen("not found", "There is nothing here")


async def test_a_link_opens_with_one_key_and_only_once(server: At, chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card())
    link = desk.access.handoff_link("c1-h1", FLOW, 600)
    first, second = await chromium.new_context(), await chromium.new_context()
    page, late = await first.new_page(), await second.new_page()
    await page.goto(link)
    await late.goto(link)  # a scanner with a real browser: looks, runs scripts, presses nothing
    await page.keyboard.press("Enter")
    await text(page, "h1", "Maria Lopez: crown fell out, flying tomorrow morning")
    await late.get_by_role("button").click()
    await text(late, "h1", "This page needs a fresh link")
    await page.goto(link)  # the same browser again
    await text(page, "h1", "Maria Lopez: crown fell out, flying tomorrow morning")


async def test_a_partial_is_replaced_by_its_final_without_reload(server: At, chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.say("agent", "How can I help?", 3.0)
    await desk.show(card())
    page = await at_the_page(desk, chromium)
    complaints = watched(page)
    await page.evaluate("window.notReloaded = true")
    await desk.hear("caller", "My cr", 5.0, turn="t1")
    await text(page, "#partials .said", "My cr")
    await desk.hear("caller", "My crown fell", 5.0, turn="t1")
    await text(page, "#partials .said", "My crown fell")
    await desk.say("caller", "My crown fell out.", 5.0, turn="t1")
    await playwright.expect(page.locator("#partials li")).to_have_count(0)
    assert await page.locator("#lines .said").all_text_contents() == ["How can I help?", "My crown fell out."]
    await desk.gap("c1-caller", 7.0, True)
    await text(page, "#lines .gap", "Transcript of the caller's side interrupted")
    people = [tried("Hygiene desk", "accepted")]
    await desk.show(
        card(status="connected", status_text="Connected with Hygiene desk", people=people, summary="Flies at seven.")
    )
    await text(page, "#card .state", "Connected with Hygiene desk")
    await text(page, "#card .summary", "Flies at seven.")
    await text(page, "#card .people li", "Hygiene desk took the call")
    await desk.say("staff", "Hi Maria.", 9.0)
    await text(page, '#lines [data-speaker="staff"] .speaker', "Hygiene desk 0:09")
    await desk.end()
    await playwright.expect(page.locator("#end")).to_be_visible()
    await text(page, "#card .state", "Talked with Hygiene desk")
    assert await page.evaluate("window.notReloaded")
    assert complaints == []


# ---- taking the call, and afterwards --------------------------------------------------------------------------------


async def test_a_call_is_taken_by_a_tap_and_the_page_waits_for_the_call_to_say_so(
    server: At,
    chromium: Any,
) -> None:
    desk, _ = server
    await shown(desk, "ringing")
    page = await at_the_page(desk, chromium, stands=True)
    await text(page, ".decider h2", "Dana is ringing")
    await playwright.expect(page.get_by_role("button", name="Connect me now")).to_be_hidden()
    await desk.show(card(**STATES["answered"][0]))
    await text(page, ".decider h2", "Dana has picked up")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    await page.get_by_role("button", name="Connect me now").click()
    await text(page, ".take button", "Connecting you…")
    await eventually(lambda: [event for _, event in desk.calls.told if isinstance(event, StaffDecided)])
    await page.locator(".take button").click(force=True)  # tapped twice: asked once
    await text(page, "#card .state", "Ringing Dana")  # nothing is claimed that is not so
    assert await page.evaluate("document.activeElement.closest('.decider') !== null")
    await desk.show(card(**STATES["connected"][0]))
    await text(page, "#card .state", "Connected with Dana")
    await playwright.expect(page.locator(".decider")).to_have_count(0)
    assert await page.evaluate("document.activeElement.tagName") == "H1"  # the focus went nowhere else
    assert len(sent) == 1
    (decided,) = [event for _, event in desk.calls.told if isinstance(event, StaffDecided)]
    assert (decided.person, decided.accepts, decided.by) == ("Dana", True, "link of c1-h1")


async def test_a_call_is_declined_with_a_reason_by_keyboard(server: At, chromium: Any) -> None:
    desk, _ = server
    await shown(desk, "all at once")
    page = await at_the_page(desk, chromium)
    luis = page.locator('.decider[data-key="Luis"]')
    await luis.locator("summary").focus()
    await page.keyboard.press("Enter")
    await luis.get_by_label("Or in your words").fill("With a patient until three")
    await desk.show(card(**STATES["all at once"][0], summary="She flies at seven."))  # what is typed stays
    await text(page, "#card .summary", "She flies at seven.")
    await playwright.expect(luis.get_by_label("Or in your words")).to_have_value("With a patient until three")
    await luis.get_by_role("button", name="Pass the call on").press("Enter")
    await eventually(lambda: [event for _, event in desk.calls.told if isinstance(event, StaffDecided)])
    (decided,) = [event for _, event in desk.calls.told if isinstance(event, StaffDecided)]
    assert (decided.person, decided.accepts, decided.why) == ("Luis", False, "With a patient until three")


async def test_a_tap_that_does_not_get_through_says_so_and_may_be_repeated(server: At, chromium: Any) -> None:
    desk, running = server
    await shown(desk, "answered")
    page = await at_the_page(desk, chromium)
    await running.stop()
    await page.get_by_role("button", name="Connect me now").click()
    await playwright.expect(page.locator(".decider .trouble")).to_contain_text("did not get through")
    await running.start()
    await text(page, "#connection", "Live")
    await page.get_by_role("button", name="Connect me now").click()
    await eventually(lambda: [event for _, event in desk.calls.told if isinstance(event, StaffDecided)])


async def test_two_screens_see_the_same_from_ringing_to_wrap_up(server: At, chromium: Any) -> None:
    desk, _ = server
    await shown(desk, "ringing")
    one, two = (
        await at_the_page(desk, chromium),
        await at_the_page(desk, chromium, viewport={"width": 390, "height": 844}),
    )
    for status in ("answered", "connected"):
        await desk.show(card(**STATES[status][0]))
        for page in (one, two):
            await text(page, "#card .state", STATES[status][0]["status_text"])
    await desk.hear("caller", "can you", 30.0, turn="t")
    await desk.say("caller", "Can you glue it back in?", 30.0, turn="t")
    await desk.end()
    for page in (one, two):
        await text(page, "#lines li:last-child .said", "Can you glue it back in?")
        await playwright.expect(page.locator("#partials li")).to_have_count(0)
        await text(page, "#wrap-up h2", "How did it go?")
    resolved = '[data-question="resolved"] button[value="{}"]'.format
    needed = '[data-question="needed_person"] button[value="{}"]'.format
    for answer in (resolved("yes"), needed("no")):  # as fast as fingers are, and faster
        await one.locator(answer).evaluate("button => button.click()")
    for page in (one, two):
        await playwright.expect(page.locator(resolved("yes"))).to_have_attribute("aria-pressed", "true")
        await playwright.expect(page.locator(needed("no"))).to_have_attribute("aria-pressed", "true")
        await text(page, "#wrapped-by", "Saved: 10:15 AM")
    await two.click(resolved("no"))  # it may be changed
    for page in (one, two):
        await playwright.expect(page.locator(resolved("no"))).to_have_attribute("aria-pressed", "true")
        await playwright.expect(page.locator(resolved("yes"))).to_have_attribute("aria-pressed", "false")
    await two.fill("#note", "Booked for two.\nBring the crown.")
    await two.click("#noting button")
    for page in (one, two):
        await text(page, "#notes .said", "Booked for two.\nBring the crown.")
    await playwright.expect(two.locator("#note")).to_have_value("")


async def test_without_javascript_everything_can_be_done_too(server: At, chromium: Any) -> None:
    desk, _ = server
    await shown(desk, "answered")
    page = await at_the_page(desk, chromium, java_script_enabled=False)
    await text(page, "#connection", "Reload to update")
    await text(page, "#lines .said >> nth=1", "My crown fell out and I'm flying tomorrow.")
    await page.get_by_role("button", name="Connect me now").click()
    await eventually(lambda: [event for _, event in desk.calls.told if isinstance(event, StaffDecided)])
    await desk.show(card(**STATES["connected"][0]))
    await page.reload()
    await page.click('[data-question="resolved"] button[value="yes"]')
    await playwright.expect(page.locator('[data-question="resolved"] button[value="yes"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    await page.fill("#note", "Booked.")
    await page.click("#noting button")
    await text(page, "#notes .said", "Booked.")


# ---- a network that is slow, cut, or gone ---------------------------------------------------------------------------


@pytest_asyncio.fixture
async def far(tmp_path: Path, port: int) -> AsyncIterator[tuple[House, Wire]]:
    """A desk at the end of a wire."""
    with kept_port() as behind:
        async with house(tmp_path, f"http://127.0.0.1:{port}") as built:
            running, wire = Server(built.app, behind), Wire(port, behind)
            await running.start()
            await wire.lay()
            yield built, wire
            await wire.cut()
            await running.stop()


async def test_a_page_on_a_slow_and_cut_line_loses_and_doubles_nothing(far: tuple[House, Wire], chromium: Any) -> None:
    desk, wire = far
    await desk.call()
    await desk.show(card())
    page = await at_the_page(desk, chromium)
    wire.slow = 20_000
    for number in range(60):
        await desk.hear("caller", f"line {number} beg", 5.0 + number, turn=f"t{number}")
        await desk.say("caller", f"line {number}", 5.0 + number, turn=f"t{number}")
        if number % 20 == 13:
            await wire.cut()
            await asyncio.sleep(0.05)
            await desk.say("staff", f"while cut {number}", 5.0 + number)
            await wire.lay()
            await asyncio.sleep(0.5)
    await desk.show(card(status="ringing", status_text="Ringing Dana"))
    expected = []
    for number in range(60):
        expected += [f"line {number}"] + ([f"while cut {number}"] if number % 20 == 13 else [])
    await text(page, "#connection", "Live")
    await playwright.expect(page.locator("#lines .line")).to_have_count(len(expected))
    assert await page.locator("#lines .said").all_text_contents() == expected
    await text(page, "#card .state", "Ringing Dana")
    await playwright.expect(page.locator("#partials li")).to_have_count(0)


async def test_after_a_restart_the_page_catches_up_by_itself(server: At, chromium: Any) -> None:
    desk, running = server
    await desk.call()
    await desk.show(card())
    await desk.say("caller", "one", 5.0)
    page = await at_the_page(desk, chromium)
    await desk.say("caller", "two", 6.0)
    await playwright.expect(page.locator("#lines .line")).to_have_count(2)
    await desk.hear("caller", "thr", 7.0)
    await running.stop()
    await text(page, "#connection", "Reconnecting…")
    await desk.say("caller", "three", 7.0)
    await desk.show(card(status="ringing", status_text="Ringing Dana"))
    await running.start()
    await text(page, "#connection", "Live")
    await text(page, "#card .state", "Ringing Dana")
    await playwright.expect(page.locator("#partials li")).to_have_count(0)
    assert await page.locator("#lines .said").all_text_contents() == ["one", "two", "three"]


async def test_a_revoked_sign_in_leaves_an_open_page_within_seconds(
    server: At,
    chromium: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in ((access_module, "KNOWN_SECONDS"), (access_module, "SAME_SECONDS"), (stream, "CHECK_SECONDS")):
        monkeypatch.setattr(module, name, 0.2)
    desk, _ = server
    await shown(desk, "answered")
    passphrase = await desk.key()
    page = await chromium.new_page()
    await page.goto(f"{desk.url}/desk/sign-in?office={FLOW}&then={PAGE}")
    await page.fill("#passphrase", passphrase)
    await page.keyboard.press("Enter")
    await text(page, "#connection", "Live")
    await desk.store.revoke_desk_key(f"k1-{FLOW}")
    await text(page, "#connection", "Signed out")
    await page.get_by_role("button", name="Connect me now").click()
    await playwright.expect(page.locator(".decider .trouble")).to_contain_text("You are signed out")
    assert not any(isinstance(event, StaffDecided) for _, event in desk.calls.told)


# ---- a caller's words stay words ------------------------------------------------------------------------------------


async def test_naughty_words_are_shown_as_words_everywhere(server: At, chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card())
    page = await at_the_page(desk, chromium)
    complaints = watched(page)
    for number, naughty in enumerate(SAMPLE):
        fields = [{"name": "reason", "label": naughty, "value": naughty, "private": False}]
        people = [tried(naughty, "declined", naughty)]
        shown = card(headline=naughty, summary=naughty, status_text=f"{number}", fields=fields, people=people)
        await desk.show(shown)
        await desk.say("caller", naughty, float(number))
        await text(page, "#card .state", str(number))
        for selector in ("h1", "#card .pairs dt >> nth=1", "#card .people span >> nth=0"):
            found = await page.locator(selector).evaluate("element => element.textContent")
            assert naughty in found or not naughty.strip(), (name_of(naughty), selector)
        if naughty.strip():
            said = page.locator(f'#lines [data-key="{desk.sequences["c1"] - 1}"] .said')
            assert await said.evaluate("element => element.textContent") == naughty, name_of(naughty)
    await page.reload()
    await text(page, "#connection", "Live")
    lines = await page.locator("#lines .said").evaluate_all("all => all.map((each) => each.textContent)")
    assert lines == [as_page_text(naughty) for naughty in SAMPLE if naughty.strip()]
    assert await page.evaluate("window.naughty") is None
    assert await page.locator("main img, main script, main iframe, [onerror], [onload]").count() == 0
    assert complaints == []


async def test_naughty_notes_and_reasons_are_text_too(server: At, chromium: Any) -> None:
    desk, _ = server
    await shown(desk, "over")
    page = await at_the_page(desk, chromium)
    complaints = watched(page)
    written = [naughty for naughty in SAMPLE if naughty.strip() and len(naughty) < 2000][::3]
    for number, naughty in enumerate(written):
        await page.locator("#note").evaluate("(area, text) => (area.value = text)", naughty)
        await page.click("#noting button")
        await playwright.expect(page.locator("#notes li")).to_have_count(number + 1)
        await playwright.expect(page.locator("#note")).to_have_value("")  # the answer is here too
    await page.reload()
    await playwright.expect(page.locator("#notes li")).to_have_count(len(written))
    assert await page.evaluate("window.naughty") is None
    assert complaints == []
