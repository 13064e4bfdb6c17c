"""What staff type, and what a stranger puts into an address, planted at the desk and looked for in the log, in what the
process prints, in the figures and in the trail of accesses: with every library's logger wide open.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from flowengine.cli.common import log_to_stderr
from flowengine.runtime.mistakes import Caught
from tests.desk.house import FLOW, SAME, House, card, csrf, enter, house
from tests.ports import kept_port
from tests.sandbox.test_canaries import HEALTH, MEMBER, NAME, Leaks, served

pytestmark = pytest.mark.wall
PAGE = "/desk/handoffs/c1-h1"


@contextlib.asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[tuple[House, aiohttp.ClientSession]]:
    """A desk as `serve` serves it, and a browser."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
    with kept_port() as port:
        async with house(folder, f"http://127.0.0.1:{port}") as there:
            app = Starlette(routes=there.app.routes, middleware=[Middleware(Caught)])
            async with served(app, port), aiohttp.ClientSession(there.url, cookie_jar=jar) as browser:
                await there.call()
                await there.show(card(headline=f"{NAME}: {HEALTH}"))
                yield there, browser


async def everything(there: House, browser: aiohttp.ClientSession) -> list[int]:
    """Each place somebody can put words into; the answers' numbers."""
    answers: list[int] = []

    async def send(path: str, **fields: str) -> None:
        async with browser.post(path, data={"csrf": proof, **fields}, headers=SAME) as answer:
            await answer.read()
            answers.append(answer.status)

    async with browser.get("/desk/sign-in", params={"office": NAME, "then": f"/desk/{MEMBER}"}) as form:
        proof = csrf(await form.text())
    await send("/desk/sign-in", office=NAME, passphrase=HEALTH, then=f"/desk/{MEMBER}")
    await send("/desk/sign-in", office=FLOW, passphrase=HEALTH)
    proof = csrf(await enter(browser, there.access.office_link(FLOW, 600)))
    await send("/desk/search", q=HEALTH)
    await send(f"{PAGE}/notes", text=f"{NAME} has {HEALTH}")
    await send(f"{PAGE}/wrap-up", resolved="yes", words=f"{HEALTH} {MEMBER}")
    await send(f"{PAGE}/decide", person=NAME, accepts="no", words=HEALTH)
    for path in (f"/desk/handoffs/{HEALTH}", f"/desk/{MEMBER}", f"/{HEALTH}", f"/desk/l/{MEMBER}.{HEALTH}"):
        async with browser.get(path, params={"q": NAME}, headers={"Referer": f"https://x.example/{NAME}"}) as answer:
            answers.append(answer.status)
    async with browser.get(PAGE, cookies={"desk": HEALTH, MEMBER: "1"}, headers={"User-Agent": HEALTH}) as answer:
        answers.append(answer.status)
    return answers


async def trail(there: House) -> str:
    return "\n".join(str(line.access) for line in await there.store.accesses())


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_what_staff_type_is_on_the_page_and_nowhere_else(
    level: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    log_to_stderr(level)
    caplog.set_level(logging.DEBUG)
    async with desk(tmp_path) as (there, browser):
        answers = await everything(there, browser)
        assert {200, 403, 404} <= set(answers), answers
        assert not [status for status in answers if status >= 500]
        kept = [note.text for note in await there.store.notes("c1-h1")]
        assert kept == [f"{NAME} has {HEALTH}"]
        looked = await trail(there)
    structlog.reset_defaults()
    out, err = capfd.readouterr()
    assert "noted" in looked
    assert Leaks({"stdout": out, "stderr": err, "log": caplog.text, "trail": looked}).found() == []


async def test_a_page_that_breaks_says_where_and_nothing_else(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A template that meets something it cannot show, with a caller's words in the exception."""
    log_to_stderr("debug")
    async with desk(tmp_path) as (there, browser):
        await enter(browser, there.access.handoff_link("c1-h1", FLOW, 600))

        def broken(*_: Any, **__: Any) -> str:
            raise TypeError(f"cannot show {NAME} with {HEALTH}")

        monkeypatch.setattr("jinja2.Template.render", broken)
        async with browser.get(PAGE) as answer:
            said = await answer.text()
            assert answer.status == 500
    structlog.reset_defaults()
    out, err = capfd.readouterr()
    assert "route_failed" in err
    assert Leaks({"stdout": out, "stderr": err, "log": caplog.text, "page": said}).found() == []


async def test_a_server_that_logs_its_requests_would_tell(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the search above can fail."""
    made = uvicorn.Config

    def talkative(*given: Any, **more: Any) -> uvicorn.Config:
        return made(*given, **{**more, "access_log": True, "log_level": "info"})

    monkeypatch.setattr("flowengine.server.uvicorn.Config", talkative)
    async with desk(tmp_path) as (there, browser):
        await everything(there, browser)
    out, err = capfd.readouterr()
    assert Leaks({"printed": out + err}).found()
