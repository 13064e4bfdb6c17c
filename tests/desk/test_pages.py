"""What visitors see, what they may not, and that a caller's words are never more than words."""

from __future__ import annotations

import logging
import re

import aiohttp
import pytest

from flowengine.call.events import CardConfirmed
from flowengine.runtime.rows import Entry

from .house import FLOW, SAME, START, House, Visit, card, csrf, enter

CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
NASTY = "<img src=x onerror=alert(1)>{{1234*5678}}</script><script>alert(2)</script>' \" onload=x"


async def status(browser: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with browser.get(path, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer.status


async def test_the_list_shows_what_is_happening_now(desk: House, visitor: Visit) -> None:
    await desk.call("c1")
    await desk.call("c2", caller="+13125550123")
    await desk.show(card("c1"))
    await desk.work("c0-w1", "message", caller_name="Maria Lopez", callback_number="+13125550142", reason="cleaning")
    page = await enter(await visitor(), desk.access.office_link(FLOW, 600))
    assert "Bright Smile Dental" in page
    assert "Maria Lopez: crown fell out, flying tomorrow morning" in page
    assert "About to ring" in page
    assert "Clinical team" in page
    assert "10:15 AM" in page  # the office's time, not ours
    assert "With the receptionist" in page
    assert "(312) 555-0123" in page
    assert "Maria Lopez" in page
    assert "All quiet" not in page.partition("hidden")[0]


async def test_what_is_live_stands_before_what_was(desk: House, visitor: Visit) -> None:
    await desk.call("c1")
    await desk.show(card("c1", headline="over-and-done", status="connected"))
    await desk.end("c1")
    await desk.call("c2")
    await desk.show(card("c2", headline="rings-now", status="ringing", status_text="Ringing Dana"))
    page = await enter(await visitor(), desk.access.office_link(FLOW, 600))
    assert page.index("rings-now") < page.index('id="past"') < page.index("over-and-done")


async def test_a_call_that_was_cut_off_does_not_ring_for_ever(desk: House, visitor: Visit) -> None:
    await desk.call("c1")
    await desk.show(card("c1", status="ringing", status_text="Ringing Dana"))
    await desk.end("c1", "failed")
    page = await enter(await visitor(), desk.access.office_link(FLOW, 600))
    assert "Ringing Dana" not in page


async def test_a_long_call_stays_live_however_many_came_after(desk: House, visitor: Visit) -> None:
    await desk.call("long")
    await desk.show(card("long", status="connected", status_text="Connected with Dana"))
    for number in range(101):
        await desk.call(f"c{number}")
        await desk.end(f"c{number}", "receptionist")
    page = await enter(await visitor(), desk.access.office_link(FLOW, 600))
    assert page.index("Connected with Dana") < page.index('id="past"')


async def test_a_voicemail_is_linked_on_its_card(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card(status="voicemail", status_text="Nobody was free; voicemail"))
    link = desk.access.handoff_link("c1-h1", FLOW, 600)
    assert 'id="recording" class="recording" hidden' in await enter(await visitor(), link)
    for address, shown in (("https://recordings.example.com/RE1", True), ("javascript:alert(1)", False)):
        await desk.show(card(status="voicemail", status_text="Nobody was free; voicemail", recording=address))
        page = await enter(await visitor(), desk.access.handoff_link("c1-h1", FLOW, 600))
        assert (f'href="{address}"' in page) is shown


async def test_the_page_of_a_handoff_has_card_and_transcript(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.say("agent", "How can I help?", 3.0)
    await desk.say("caller", "My crown just fell out.", 69.0)
    await desk.say("caller", "  ", 70.0)
    people = [
        {"person": "Hygiene desk", "outcome": "no_answer"},
        {"person": "Dana", "outcome": "declined", "why": "busy right now"},
        {"person": "Luis", "outcome": "accepted"},
    ]
    await desk.show(
        card(status="connected", status_text="Connected with Luis", summary="She flies at seven.", people=people)
    )
    await desk.say("staff", "Hi Maria.", 75.0)
    await desk.gap("c1-caller", 80.0, True)
    page = await enter(await visitor(), desk.access.handoff_link("c1-h1", FLOW, 600))
    for text in (
        "Connected with Luis",
        "She flies at seven.",
        "no answer",
        "declined: busy right now",
        "took the call",
        "tel:+13125550199",
    ):
        assert text in page
    transcript = page[page.index("What is being said") :]
    order = [
        "Receptionist",
        "How can I help?",
        "Caller",
        "1:09",
        "My crown just fell out.",
        "Luis",
        "Hi Maria.",
        "interrupted",
    ]
    places = [transcript.index(text) for text in order]
    assert places == sorted(places)
    assert transcript.count('<li class="line"') == 3 + 1  # and the empty one for updates


@pytest.mark.parametrize(
    ("shown", "early", "late"), [("live", True, True), ("so far", True, False), ("none", False, False)]
)
async def test_the_flow_says_how_much_of_the_transcript_is_shown(
    desk: House, visitor: Visit, shown: str, early: bool, late: bool
) -> None:
    await desk.call()
    await desk.say("caller", "before-the-decision", 5.0)
    await desk.show(card(transcript_shown=shown, decided_at=START.replace(second=10).isoformat()))
    await desk.say("caller", "after-the-decision", 15.0)
    page = await enter(await visitor(), desk.access.handoff_link("c1-h1", FLOW, 600))
    assert ("before-the-decision" in page, "after-the-decision" in page) == (early, late)


async def test_a_call_in_which_nothing_was_said_says_so_once_it_is_over(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser = await visitor()
    assert "Nothing yet." in await enter(browser, desk.access.handoff_link("c1-h1", FLOW, 600))
    await desk.end()
    async with browser.get("/desk/handoffs/c1-h1") as answer:
        page = await answer.text()
    assert "Nothing was said." in page
    assert "Nothing yet." not in page


async def test_what_retention_emptied_is_said_to_be_no_longer_kept(desk: House, visitor: Visit) -> None:
    """And not that the number was withheld, or that nothing was found out."""
    await desk.call()
    await desk.say("caller", "my crown fell out", 5.0)
    await desk.show(card(status="connected", summary="A crown."))
    await desk.end()
    await desk.store.blank_call("c1", desk.clock.now().isoformat())
    browser = await visitor()
    page = await enter(browser, desk.access.handoff_link("c1-h1", FLOW, 600))
    async with browser.get(desk.access.office_link(FLOW, 600)) as answer:
        assert answer.status == 200
    for words in ("No longer kept", "What was said is no longer kept.", "Clinical team"):
        assert words in page
    for words in ("Number withheld", "Not known", "Nothing was said", "crown"):
        assert words not in page


async def test_the_agents_sentence_stands_under_the_headline_and_its_place_is_gone_without_it(
    desk: House, visitor: Visit
) -> None:
    await desk.call()
    await desk.show(card(summary="She flies tomorrow and wants to be seen today."))
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    for path in ("/desk/", "/desk/handoffs/c1-h1"):
        async with browser.get(path) as answer:
            page = await answer.text()
        said = '<p class="summary" data-text="summary">She flies tomorrow and wants to be seen today.</p>'
        assert page.index("flying tomorrow morning") < page.index(said)
    await desk.show(card())
    for path in ("/desk/", "/desk/handoffs/c1-h1"):
        async with browser.get(path) as answer:
            assert '<p class="summary" data-text="summary" hidden></p>' in await answer.text()


async def test_opening_the_page_confirms_the_card(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser, link = await visitor(), desk.access.handoff_link("c1-h1", FLOW, 600)
    for method in ("HEAD", "GET", "GET"):  # a preview, a scanner: they use nothing up and see nothing
        async with browser.request(method, link) as answer:
            assert answer.status == 200
            assert "Maria" not in await answer.text()
    assert desk.calls.told == []
    await enter(browser, link)
    assert desk.calls.told == [("c1", CardConfirmed(9.0, "page", "c1-h1"))]


async def test_the_page_of_an_older_handoff_confirms_nothing(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card(status="returned"))
    await enter(await visitor(), desk.access.handoff_link("c1-h1", FLOW, 600))
    assert desk.calls.told == []


async def test_nothing_without_a_cookie(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    for path in ("/desk/", "/desk/events", "/desk/handoffs/c1-h1", "/desk/handoffs/c1-h1/events", "/desk/nothing"):
        async with (await visitor()).get(path) as answer:
            assert answer.status == 403, path
            assert "Maria" not in await answer.text()


async def test_what_a_session_may_not_see_does_not_exist(desk: House, visitor: Visit) -> None:
    await desk.call("c1")
    await desk.show(card("c1"))
    await desk.call("b1", flow="billing")
    await desk.show(card("b1", flow="billing", office="Northline"))
    office, staff = await visitor(), await visitor()
    await enter(office, desk.access.office_link("billing", 600))
    await enter(staff, desk.access.handoff_link("b1-h1", "billing", 600))
    for browser in (office, staff):
        assert await status(browser, "/desk/handoffs/b1-h1") == 200
        assert await status(browser, "/desk/handoffs/c1-h1") == 404
        assert await status(browser, "/desk/handoffs/c1-h1/events") == 404
        assert await status(browser, "/desk/handoffs/nobody-h1") == 404
    assert await status(office, "/desk/") == 200
    assert await status(staff, "/desk/") == 403
    async with office.get("/desk/") as page:
        assert "Bright Smile" not in await page.text()


async def test_a_link_for_another_office_does_not_open_a_handoff(desk: House, visitor: Visit) -> None:
    """Signed by us, but the hand-off is not of that office."""
    await desk.call()
    await desk.show(card())
    browser, link = await visitor(), desk.access.handoff_link("c1-h1", "billing", 600)
    async with browser.get(link) as answer:
        form = {"csrf": csrf(await answer.text())}
    async with browser.post(link, data=form, headers=SAME) as answer:
        assert answer.status == 404


async def test_a_used_or_broken_link_gets_a_page_that_says_what_to_do(desk: House, visitor: Visit) -> None:
    link = desk.access.office_link(FLOW, 600)
    await enter(await visitor(), link)
    for refused in (link, link + "x", f"{desk.url}/desk/enter/nonsense"):
        async with (await visitor()).get(refused) as answer:
            assert answer.status == 403
            assert "needs a fresh link" in await answer.text()
            assert "Set-Cookie" not in answer.headers


async def test_every_answer_has_the_strict_headers(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser = await visitor()
    link = desk.access.office_link(FLOW, 600)
    paths = [link.removeprefix(desk.url), "/desk", "/desk/", "/desk/handoffs/c1-h1", "/desk/handoffs/c9-h1"]
    paths += [
        "/desk/enter/x",
        "/desk/sign-in",
        "/desk/nothing",
        "/desk/static/desk.css",
        "/desk/static/none",
        "/desk/static/../base.html",
    ]
    for path in paths:
        async with browser.get(path, allow_redirects=False) as answer:
            await answer.read()
            assert answer.headers["Content-Security-Policy"] == CSP, path
            assert answer.headers["Referrer-Policy"] == "no-referrer", path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert answer.headers["Cache-Control"] == "no-store", path
    async with browser.get("/desk/events") as stream:
        assert stream.headers["Content-Security-Policy"] == CSP
        assert stream.headers["Cache-Control"] == "no-store"
    async with browser.post("/desk/") as answer:
        assert answer.status == 405
        assert answer.headers["Content-Security-Policy"] == CSP


async def test_a_callers_words_are_only_words(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.say("caller", NASTY, 5.0)
    fields = [{"name": "reason", "label": "Reason", "value": NASTY, "private": False}]
    await desk.show(
        card(headline=NASTY, summary=NASTY, matched=NASTY, fields=fields, people=[{"person": NASTY, "outcome": None}])
    )
    await desk.work("c0-w1", "message", reason=NASTY)
    browser = await visitor()
    for page in (
        await enter(browser, desk.access.office_link(FLOW, 600)),
        await enter(browser, "/desk/handoffs/c1-h1"),
    ):
        assert "<img" not in page
        assert "<script>" not in page
        assert "onload=x<" not in page.replace("&#34; onload=x", "")
        assert "{{1234*5678}}" in page
        assert "7006652" not in page  # four digits or fewer stand in any token
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


async def test_pages_have_no_inline_script_or_style(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser = await visitor()
    for page in (
        await enter(browser, desk.access.office_link(FLOW, 600)),
        await enter(browser, "/desk/handoffs/c1-h1"),
    ):
        assert " style=" not in page
        assert "<style" not in page
        assert '<script src="/desk/static/desk.js" defer></script>' in page
        assert page.count("<script") == len(re.findall(r'<script src="/desk/static/\w+\.js" defer></script>', page))


async def test_a_first_request_from_web_mail_is_asked_to_come_again(desk: House, visitor: Visit) -> None:
    """A strict cookie does not come along on a cross-site visit; a refresh of our own page brings it."""
    async with (await visitor()).get("/desk/", headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403
        assert 'http-equiv="refresh"' in await answer.text()
    async with (await visitor()).get("/desk/", headers={"Sec-Fetch-Site": "same-origin"}) as answer:
        assert "refresh" not in await answer.text()


async def test_live_news_is_not_for_other_sites_pages(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    for site in ("cross-site", "same-site"):
        assert await status(browser, "/desk/events", **{"Sec-Fetch-Site": site}) == 403


async def test_a_used_session_goes_on_and_an_unused_one_ends(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    for _ in range(5):
        desk.clock.pass_(10 * 60)
        assert await status(browser, "/desk/") == 200
    desk.clock.pass_(16 * 60)
    assert await status(browser, "/desk/") == 403


async def test_a_store_that_fails_costs_a_page_and_tells_nothing(
    desk: House, visitor: Visit, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = await visitor()
    await desk.call()
    await desk.say("caller", "my secret illness", 5.0)
    await enter(browser, desk.access.office_link(FLOW, 600))
    await desk.store.append("c1", [Entry(99, "CallerSaid", "my secret, and no JSON")])
    await desk.show(card())
    with caplog.at_level(logging.DEBUG):
        async with browser.get("/desk/handoffs/c1-h1") as answer:
            assert answer.status == 503
            assert "secret" not in await answer.text()
            assert answer.headers["Content-Security-Policy"] == CSP
    printed = capsys.readouterr()
    assert "secret" not in caplog.text + printed.out + printed.err
