"""The manager's page of figures: who may see it, what it shows, and that everybody can read it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
import pytest_asyncio

from flowengine.call.measures import CallMeasures, HandOver
from flowengine.call.metrics import summary
from flowengine.desk import figures
from flowengine.desk.charts import Bar, columns, nice, rows
from flowengine.desk.figures_view import _plots
from flowengine.desk.frame import Frame, templates
from flowengine.flow.compiler import compile_flow
from flowengine.flow.figures import FIGURES
from flowengine.resources import example_flow
from flowengine.runtime.rows import Access
from flowengine.settings import Settings

from .busy_office import busy_month
from .house import FLOW, House, Visit, card, enter, office, visit

SOURCE = example_flow(FLOW).read_text("utf-8")
pytestmark = pytest.mark.wall  # a month of journals is real work


@pytest_asyncio.fixture
async def manager(desk: House, visitor: Visit) -> AsyncIterator[aiohttp.ClientSession]:
    await busy_month(desk.store, desk.clock.now(), SOURCE, calls=90)
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    yield browser


async def shown(browser: aiohttp.ClientSession, query: str = "") -> str:
    async with browser.get(f"/desk/figures{query}") as answer:
        assert answer.status == 200
        return await answer.text()


async def noted(desk: House, what: str, times: int = 1) -> list[Access]:
    """The lines of the trail of one kind, as soon as there are so many: a page is not held up by them."""
    async with asyncio.timeout(120):
        while True:
            found = [line.access for line in await desk.store.accesses(FLOW) if line.access.what == what]
            if len(found) >= times:
                return found


async def test_the_page_shows_every_figure_of_the_period_and_is_noted(
    desk: House, manager: aiohttp.ClientSession
) -> None:
    page = await shown(manager)
    for figure in FIGURES.values():
        assert f"<h3>{figure.label}</h3>" in page
    assert "4 Nov to 10 Nov 2026" in page
    month = await shown(manager, "?period=30d")
    assert "12 Oct to 10 Nov 2026" in month
    assert "10 Nov 2026" in await shown(manager, "?period=today")
    assert "4 Nov to 10 Nov 2026" in await shown(manager, "?period=for+ever")
    few, many = (int(re.findall(r"(\d+) calls", each)[0]) for each in (page, month))
    assert 0 < few < many < 90
    opened = await noted(desk, "report opened", 4)
    assert [(access.who, access.detail) for access in opened] == [
        ("office link", "7d"), ("office link", "30d"), ("office link", "today"), ("office link", "7d"),
    ]  # fmt: skip


async def test_the_page_holds_nothing_a_caller_said(manager: aiohttp.ClientSession) -> None:
    page = await shown(manager, "?period=30d")
    assert not re.search(r"Maria|Lopez|fell out|555", page)


async def test_without_calls_there_is_not_enough_data_and_no_empty_plot(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    page = await shown(browser)
    assert page.count("not enough data") == len(FIGURES)
    assert "<svg" not in page


async def test_only_managers_see_it(desk: House, visitor: Visit) -> None:
    stranger, staff = await visitor(), await visitor()
    async with stranger.get("/desk/figures") as answer:
        assert answer.status == 403
    await desk.show(card())
    await enter(staff, desk.access.handoff_link("c1-h1", FLOW, 600))
    async with staff.get("/desk/figures") as answer:
        assert answer.status == 404
    assert [access.detail for access in await noted(desk, "refused")] == ["figures"]


async def test_who_manages_one_department_sees_its_hand_overs_only(desk: House, manager: aiohttp.ClientSession) -> None:
    frame = a_frame(desk)
    session = (await desk.access.enter(desk.access.office_link(FLOW, 60).rpartition("/")[2], {})).session  # type: ignore[union-attr]
    pages = figures._Pages(frame)
    everything: Any = await pages._values(session, "30d")
    clinical: Any = await pages._values(replace(session, departments=("clinical",)), "30d")
    nobody: Any = await pages._values(replace(session, departments=("billing",)), "30d")
    counted = [int(re.findall(r"(\d+) hand-over", v["view"]["measured"])[0]) for v in (everything, clinical, nobody)]
    assert counted[0] > counted[1] > counted[2] == 0


# ---- alerts ----------------------------------------------------------------------------------------------------------


def a_frame(desk: House, limits: str = "") -> Frame:
    flow = compile_flow(f"{SOURCE}\nalert_when: {limits}\n", "f.yaml") if limits else office()
    settings = Settings(secret_key="a secret")
    served = {FLOW: flow}.get
    calls: Any = desk.calls  # only `tell` is used
    return Frame(settings, desk.store, desk.bus, calls, desk.clock, desk.access, served, None, templates())


async def test_limits_that_are_passed_are_sentences(desk: House, manager: aiohttp.ClientSession) -> None:
    frame, sentences = a_frame(desk, "{transfer_rate: 1%, attempts: 5}"), list[str]()
    async with asyncio.timeout(120):
        while not sentences:  # a page is not held up: at first it may go without
            sentences = list(await figures.alerts(frame, FLOW))
            await asyncio.sleep(0.01)
    (sentence,) = sentences
    assert re.fullmatch(r"Transfer rate: \d+% \(\d+ of \d+\) in the last 7 days; the limit is 1%\.", sentence)
    assert await figures.alerts(a_frame(desk), FLOW) == []
    assert await figures.alerts(a_frame(desk), "unknown") == ()


# ---- the plots -------------------------------------------------------------------------------------------------------


def test_a_plot_is_well_formed_told_to_those_who_do_not_see_it_and_holds_names_as_text() -> None:
    hostile = "<script>alert(1)</script>"
    for plot in (
        columns("a", hostile, "one & two", [Bar(hostile, 3, 1), Bar("b", 0)]),
        rows("a", hostile, "one & two", [Bar(hostile, 3), Bar("b", 0)]),
    ):
        svg = ElementTree.fromstring(plot)
        names = {node.get("id"): node.text for node in svg if node.get("id")}
        assert [names[each] for each in str(svg.get("aria-labelledby")).split()] == [hostile, "one & two"]
        assert svg.get("role") == "img"
        assert hostile in [node.text for node in svg.iter("text")]
        assert "style=" not in plot


def test_bars_are_as_high_as_their_numbers() -> None:
    svg = ElementTree.fromstring(columns("a", "t", "d", [Bar("x", 10, 5), Bar("y", 5)]))
    high = [float(str(rect.get("height"))) for rect in svg.iter("rect")]
    assert high[0] == pytest.approx(2 * high[1], abs=0.2)
    assert high[1] == pytest.approx(high[2])


def test_many_bars_have_as_many_labels_as_fit_a_phone() -> None:
    svg = ElementTree.fromstring(columns("a", "t", "d", [Bar(str(i), i) for i in range(30)]))
    assert len([text for text in svg.iter("text") if text.get("class") == "plot-label"]) == 6
    assert len([text for text in svg.iter("text") if text.get("class") == "plot-number"]) == 0


@pytest.mark.parametrize(
    ("days", "title", "bars", "first"),
    [
        (1, "Hand-overs by day", 1, "10 Nov"),
        (62, "Hand-overs by day", 62, "10 Sep"),
        (63, "Hand-overs by week", 9, "9 Sep"),
        (434, "Hand-overs by week", 62, "3 Sep"),
        (435, "Hand-overs by month", 15, "Sep 2025"),
        (3653, "Hand-overs by month", 121, "Nov 2016"),
    ],
)
def test_a_long_time_is_drawn_in_weeks_and_months_and_every_day_counts_once(
    days: int, title: str, bars: int, first: str
) -> None:
    until = datetime(2026, 11, 10, 12, tzinfo=UTC)
    since = until - timedelta(days=days - 1)
    found = summary("f", [], since, until, UTC)
    busy = replace(found, handovers=2 * days, days=tuple(replace(day, handovers=2, connected=1) for day in found.days))
    plot = next(iter(_plots(busy)))
    assert (plot.title, len(plot.rows), plot.rows[-1][0]) == (title, bars, first)
    assert sum(int(row[2]) for row in plot.rows) == 2 * days
    assert len(list(ElementTree.fromstring(plot.svg).iter("rect"))) == 2 * bars


def test_longer_labels_are_fewer() -> None:
    svg = ElementTree.fromstring(columns("a", "t", "d", [Bar("Nov 2026", i) for i in range(36)]))
    assert len([text for text in svg.iter("text") if text.get("class") == "plot-label"]) == 4


@pytest.mark.parametrize(
    ("handovers", "said"),
    [
        ([(30.0, "connected")], ["1 hand-over, 1 of them connected. The most, 1, on 10 Nov.",
                                 "The one who was connected waited 30 s.", "The most frequent: upset, 1 time."]),
        ([(20.0, "connected"), (30.0, "connected"), (None, "referred")], [
            "3 hand-overs, 2 of them connected, 1 let go by refer or dial. The most, 3, on 10 Nov.",
            "Half of 2 waited 25 s at most, nine in ten 30 s.", "The most frequent: upset, 3 times."]),
        ([(None, "abandoned")], ["1 hand-over, 0 of them connected. The most, 1, on 10 Nov.", "Nobody was connected.",
                                 "The most frequent: upset, 1 time."]),
        ([], ["0 hand-overs, 0 of them connected.", "Nobody was connected.", "No caller was."]),
    ],
)  # fmt: skip
def test_each_plot_is_told_in_a_sentence(handovers: list[tuple[float | None, str]], said: list[str]) -> None:
    now = datetime(2026, 11, 10, 12, tzinfo=UTC)
    made = tuple(HandOver(f"h{i}", "upset", "front_desk", "conference", how, 0.0, connected=met)
                 for i, (met, how) in enumerate(handovers))  # fmt: skip
    started = (now - timedelta(hours=1)).isoformat()
    found = summary("f", [CallMeasures("c1", "f", started, "ended", handovers=made)], now - timedelta(days=7), now, UTC)
    plots = list(_plots(found))
    assert [plot.about for plot in plots] == said
    assert plots[0].parts == ("connected", "not connected, or let go" if "let go" in said[0] else "not connected")


@pytest.mark.parametrize(("most", "top"), [(0, 2), (1, 2), (3, 4), (5, 6), (10, 10), (11, 20), (41, 60), (999, 1000)])
def test_a_scale_ends_at_a_round_number(most: int, top: int) -> None:
    assert nice(most) == top


def test_nothing_to_draw_is_drawn_without_dividing_by_it() -> None:
    for plot in (columns("a", "t", "d", []), rows("a", "t", "d", []), rows("a", "t", "d", [Bar("x", 0)])):
        ElementTree.fromstring(plot)


# ---- in a browser ----------------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
async def test_everybody_can_read_it(desk: House, width: int, scheme: str) -> None:
    """On a wall or on a phone."""
    browsing = pytest.importorskip("tests.desk.browsing")
    await busy_month(desk.store, desk.clock.now(), SOURCE, calls=40)
    async with browsing.started() as chromium:
        page = await chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        complaints = browsing.watched(page)
        await visit(page, desk.access.office_link(FLOW, 600))
        await page.goto(f"{desk.url}/desk/figures?period=30d")
        await browsing.playwright.expect(page.get_by_role("img", name="Hand-overs by day")).to_be_visible()
        for summary in await page.locator("summary").all():
            await summary.click()
        await browsing.readable(page, f"figures-{scheme}")
        assert complaints == []
