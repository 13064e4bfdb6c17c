"""Whole calls as people at an office see them: the seed call and its like, and two screens in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowengine.call.state import Call, Phase
from flowengine.flow.compiler import compile_flow
from flowengine.flow.hours import moment
from flowengine.sandbox.scenario import Scenario, scenarios
from flowengine.sandbox.world import Options, World, call, running
from tests.migrated import migrated

from .browsing import playwright, watched

pytestmark = pytest.mark.browser

FLOWS = Path(__file__).parents[2] / "flows"
CALL_SECONDS = 300.0  # call seconds until something of a call has come


@dataclass(frozen=True, slots=True)
class Office:
    """A call and its office in the sandbox. The call stands still while people look: how long a browser takes to show
    something is no matter of the call's time.
    """

    world: World
    scenario: Scenario
    options: Options

    def link(self) -> str:
        return self.world.engine.access.office_link(self.world.flow.key, 3600)

    def still(self) -> AbstractContextManager[None]:
        return self.world.loop.standing()

    async def rings(self) -> None:
        await call(self.world, self.scenario, self.options)

    async def comes_to(self, there: Callable[[Call], bool]) -> None:
        """The call goes on until it is there, and a little further."""
        async with asyncio.timeout(CALL_SECONDS):
            while not any(there(session.call) for session in self.world.engine.calls.sessions.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)


def phase(name: Phase) -> Callable[[Call], bool]:
    return lambda call: call.phase == name


def picked_up(call: Call) -> bool:
    return call.handoff is not None and any(attempt.answered is not None for attempt in call.handoff.attempts)


@asynccontextmanager
async def office(name: str, folder: Path) -> AsyncIterator[Office]:
    scenario = scenarios()[name]
    file = FLOWS / f"{scenario.flow}.yaml"
    source = file.read_text("utf-8")
    start = moment(compile_flow(source, str(file)), scenario.at)
    options = Options(database_url=f"sqlite:///{migrated(folder / 'calls.db')}")
    async with running(str(file), source, start, scenario, options) as world:
        await world.warm()
        yield Office(world, scenario, options)


async def enter(page: Any, link: str) -> None:
    await page.goto(link)
    await page.get_by_role("button", name="Open the desk").click()
    await playwright.expect(page.locator("#connection")).to_have_text("Live")


def shows(page: Any, selector: str, text: str) -> Any:
    return playwright.expect(page.locator(selector).filter(has_text=text).first).to_be_visible()


async def test_the_seed_call_from_decision_to_wrap_up_on_two_screens(chromium: Any, tmp_path: Path) -> None:
    async with office("crown", tmp_path) as seed:
        with seed.still():
            front, back = await chromium.new_page(), await chromium.new_page()
            complaints = watched(front) + watched(back)
            for page in (front, back):
                await enter(page, seed.link())
        async with asyncio.TaskGroup() as group:
            going = group.create_task(seed.rings())
            await seed.comes_to(phase(Phase.TALKING))
            with seed.still():
                for page in (front, back):
                    await shows(page, "#talking .item", "(312) 555-0199")
            await seed.comes_to(phase(Phase.ANNOUNCING))
            with seed.still():
                for page in (front, back):  # the person knows before the phone rings
                    await shows(page, "#now .state", "About to ring")
                    await shows(page, "#now .headline", "My crown just fell out")
                await front.locator("#now a").first.click()
                await shows(front, "#lines .line[data-speaker=caller]", "My crown just fell out")
            await seed.comes_to(phase(Phase.RINGING))
            with seed.still():
                for page in (front, back):
                    await shows(page, "main", "Hygiene desk")
            await seed.comes_to(phase(Phase.CONNECTED))
            with seed.still():
                await shows(front, "#card .state", "Connected with Hygiene desk")
                await shows(back, "#now .state", "Connected with Hygiene desk")
                await back.locator("#now a").first.click()  # opened in the middle: everything so far is there
                await shows(back, "#lines .line[data-speaker=agent]", "How can I help?")
            await going
            with seed.still():
                for page in (front, back):
                    await shows(page, "#lines .line[data-speaker=staff]", "I can see you lost your crown")
                    await shows(page, "#end", "The call is over.")
                await front.locator("[data-question=resolved]").get_by_role("button", name="Yes").click()
                await front.locator("[data-question=needed_person]").get_by_role("button", name="Yes").click()
                yes = back.locator("[data-question=needed_person]").get_by_role("button", name="Yes")
                await playwright.expect(yes).to_have_attribute("aria-pressed", "true")
                texts = [await page.locator("#lines .said").all_inner_texts() for page in (front, back)]
                assert texts[0] == texts[1]
                assert len(texts[0]) == len(set(texts[0])), "a line stands twice"
                assert complaints == []


async def test_a_person_takes_the_call_on_the_page_instead_of_pressing_a_key(chromium: Any, tmp_path: Path) -> None:
    async with office("no_key_pressed", tmp_path) as seed:
        with seed.still():
            page = await chromium.new_page()
            await enter(page, seed.link())
        async with asyncio.TaskGroup() as group:
            going = group.create_task(seed.rings())
            await seed.comes_to(phase(Phase.RINGING))
            with seed.still():
                await shows(page, "#now .headline", "billing dispute")
                await page.locator("#now a").first.click()
                await shows(page, "#connection", "Live")
            await seed.comes_to(picked_up)
            with seed.still():
                await page.get_by_role("button", name="Connect me now").first.click()
            await seed.comes_to(phase(Phase.CONNECTED))
            with seed.still():
                await shows(page, "#card .state", "Connected with Dana")
            going.cancel()
