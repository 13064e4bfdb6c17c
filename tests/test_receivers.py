"""The example receivers as real processes: what a real outbox sends them is verified, shown or written, once."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.desk import webhooks
from flowengine.desk.outbox import Outbox
from flowengine.desk.webhooks import Webhooks, webhook_secret
from flowengine.flow.compiler import compile_flow
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.rows import Parcel
from tests.desk.parcels import Shelf, parcel
from tests.flow.office import dental
from tests.ports import kept_port

HOUSE = Path(__file__).resolve().parent.parent
SCREEN, SHEET = HOUSE / "examples/crm_screen_pop", HOUSE / "examples/spreadsheet_append"
SECRET, OLD = webhook_secret("new"), webhook_secret("old")
HOSTILE = "<img src=x onerror=alert(1)> =HYPERLINK('http://evil')"
LINK = "https://desk.example.com/desk/enter/token"
SECONDS = 120.0

pytestmark = pytest.mark.wall


@pytest.fixture(autouse=True)
def a_busy_machine_is_no_dead_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes answer here, by the wall."""
    for limit in ("CONNECT_SECONDS", "TOTAL_SECONDS"):
        monkeypatch.setattr(webhooks, limit, SECONDS)


def card(**changes: Any) -> dict[str, Any]:
    fields = [{"name": "callback_number", "label": "Callback number", "value": "+13125550199"}]
    return {"call_id": "c1", "headline": "Maria Lopez: crown fell out", "summary": HOSTILE, "fields": fields, **changes}


@pytest.fixture(scope="module")
def in_node() -> Path:
    """The JavaScript receiver with its library, installed by its lock file into an ignored folder."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs Node.js and npm: apt-get install nodejs npm")
    folder = HOUSE / "build/crm_screen_pop"
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other processes of this run install it too
        _install(folder)
    return folder


def _install(folder: Path) -> None:
    shutil.copytree(SCREEN, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    installed = folder / "node_modules/.package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= (SCREEN / "package-lock.json").stat().st_mtime:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, timeout=SECONDS, check=True)
    except subprocess.SubprocessError:
        pytest.skip("npm could not fetch the library of the example")


@asynccontextmanager
async def running(*command: str | Path, cwd: Path, secrets: str = SECRET) -> AsyncIterator[str]:
    """A receiver as its README starts it, on a free port; gives its address."""
    with kept_port() as port:
        environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secrets}
        process = await asyncio.create_subprocess_exec(*map(str, command), cwd=cwd, env=environment)
        try:
            await answering(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(SECONDS):
                await process.wait()


async def answering(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(SECONDS):
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
    raise AssertionError("the receiver did not start")


async def delivered(address: str, *parcels: Parcel, secrets: Sequence[str] = (SECRET,), times: int = 1) -> Shelf:
    """Through the real outbox, `times` over, each time as if nobody remembered; gives what is kept at the end."""
    shelf, clock = Shelf(), LoopClock(lambda: datetime.now(UTC))
    for _ in range(times):
        shelf = Shelf()
        sender = Webhooks(secrets, link=lambda parcel: LINK, allow_private=True)
        outbox = Outbox(shelf, clock, {"webhook": sender}, claim=MemoryBus().claim)  # type: ignore[arg-type]  # in part
        await outbox.start()
        for each in parcels:
            await outbox.put(replace(each, address=address))
        async with asyncio.timeout(SECONDS):
            while not all(each.error or each.state == "sent" for each in shelf.kept.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await outbox.close()
    return shelf


# ---- the screen pop, in both languages -------------------------------------------------------------------------------


@pytest.fixture(params=["python", "node"])
def screen_pop(request: pytest.FixtureRequest) -> tuple[list[str | Path], Path]:
    if request.param == "python":
        return [sys.executable, "receiver.py"], SCREEN
    return ["node", "receiver.mjs"], request.getfixturevalue("in_node")


async def news(base: str) -> AsyncGenerator[dict[str, Any], None]:
    """The events the page gets: the newest that is there, and what comes."""
    limit = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=limit) as session, session.get(f"{base}/events") as stream:
        assert stream.content_type == "text/event-stream"
        async for line in stream.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


async def newest(base: str) -> dict[str, Any]:
    async with contextlib.aclosing(news(base)) as events:
        return await anext(events)


async def test_the_newest_hand_over_is_on_the_page(screen_pop: tuple[list[str | Path], Path]) -> None:
    command, folder = screen_pop
    async with running(*command, cwd=folder) as base:
        shelf = await delivered(f"{base}/hooks", parcel(data=card()))
        assert shelf.kept["c1-d1"].state == "sent"
        event = await newest(base)
        async with aiohttp.ClientSession() as session, session.get(base) as page:
            assert (page.status, page.headers["Content-Security-Policy"].split(";")[0]) == (200, "default-src 'self'")
    assert event["type"] == "handoff.decided"
    assert event["data"] == {**card(), "link": LINK}


async def test_a_page_that_is_open_hears_each_event_once(screen_pop: tuple[list[str | Path], Path]) -> None:
    command, folder = screen_pop
    async with running(*command, cwd=folder) as base:
        await delivered(f"{base}/hooks", parcel(data=card(headline="one")))
        async with contextlib.aclosing(news(base)) as events:
            heard = [await anext(events)]
            for times, id, headline in ((3, "c1-d2", "two\u2028\r\nand more"), (1, "c1-d3", "three")):
                await delivered(f"{base}/hooks", parcel(id, data=card(headline=headline)), times=times)
                heard.append(await anext(events))
    assert [event["data"]["headline"] for event in heard] == ["one", "two\u2028\r\nand more", "three"]


async def test_what_is_not_signed_by_us_is_refused(screen_pop: tuple[list[str | Path], Path]) -> None:
    command, folder = screen_pop
    async with running(*command, cwd=folder, secrets=f"{SECRET} {OLD}") as base:
        shelf = await delivered(f"{base}/hooks", parcel(data=card()), secrets=(webhook_secret("stranger"),))
        assert shelf.kept["c1-d1"].error == "answered 401"
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{base}/hooks", data="{}") as bare:
                assert bare.status == 401
            async with session.get(f"{base}/../../etc/passwd") as elsewhere:
                assert elsewhere.status == 404
        shelf = await delivered(f"{base}/hooks", parcel("c2-d1", data=card(headline="signed")), secrets=(OLD,))
        assert shelf.kept["c2-d1"].state == "sent", "either secret will do while they are changed"
        event = await newest(base)
        assert event["data"]["headline"] == "signed"


async def test_a_body_too_large_is_not_read(screen_pop: tuple[list[str | Path], Path]) -> None:
    command, folder = screen_pop
    async with running(*command, cwd=folder) as base:
        shelf = await delivered(f"{base}/hooks", parcel(data=card(summary="x" * 300_000)))
    assert shelf.kept["c1-d1"].state == "waiting"


# ---- the sheet -------------------------------------------------------------------------------------------------------


def rows(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def test_each_event_is_a_row_once_and_over_a_restart(tmp_path: Path) -> None:
    sheet = tmp_path / "calls.csv"
    message = {"call_id": "c2", "kind": "message", "department": "front_desk", "fields": {"message": "call me, please"}}
    for _ in range(2):
        async with running(sys.executable, "receiver.py", sheet, cwd=SHEET) as base:
            await delivered(base, parcel(data=card(department="our clinical team")), times=2)
            await delivered(base, parcel("c2-d1", event="message.taken", data=message))
    first, second = rows(sheet)
    assert (first["id"], first["event"], first["department"]) == ("c1-d1", "handoff.decided", "our clinical team")
    assert (first["what"], first["details"]) == ("Maria Lopez: crown fell out", "Callback number: +13125550199")
    assert first["link"].startswith("https://desk.example.com/")
    assert (second["event"], second["what"], second["details"]) == (
        "message.taken", "message", "message: call me, please",
    )  # fmt: skip


@pytest.mark.parametrize(
    "said", ["=1+1", "+13125550199", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", '=HYPERLINK("http://evil","x")']
)
async def test_no_cell_is_a_formula(said: str, tmp_path: Path) -> None:
    sheet = tmp_path / "calls.csv"
    async with running(sys.executable, "receiver.py", sheet, cwd=SHEET) as base:
        data = card(headline=said, department=said, fields={"": said})
        await delivered(base, parcel(data=data))
    (found,) = rows(sheet)
    assert found["what"] == found["department"] == "'" + said
    assert not any(value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for value in found.values())


async def test_the_sheet_takes_only_what_is_signed_by_us(tmp_path: Path) -> None:
    sheet = tmp_path / "calls.csv"
    async with running(sys.executable, "receiver.py", sheet, cwd=SHEET) as base:
        shelf = await delivered(base, parcel(data=card()), secrets=(OLD,))
        async with aiohttp.ClientSession() as session, session.post(base, data=b"x" * 300_000) as large:
            assert large.status == 413
    assert shelf.kept["c1-d1"].error == "answered 401"
    assert rows(sheet) == []


# ---- without a call --------------------------------------------------------------------------------------------------


async def sent(address: str, *names: str, secret: str = SECRET) -> tuple[int | None, str]:
    """How `send.py` ends and what it says about examples of events."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "send.py", address, *(f"events/{name}.json" for name in names),
        cwd=HOUSE / "examples", env={**os.environ, "WEBHOOK_SECRET": secret}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_receiver_is_tried_with_the_examples_of_events(screen_pop: tuple[list[str | Path], Path]) -> None:
    command, folder = screen_pop
    async with running(*command, cwd=folder) as base:
        assert await sent(f"{base}/hooks", "handoff.decided") == (0, "events/handoff.decided.json: taken (204)\n")
        assert (await newest(base))["data"]["department"] == "our clinical team"
        code, said = await sent(f"{base}/hooks", "message.taken", secret=OLD)
        assert (code, "not taken: HTTP Error 401" in said) == (1, True)


async def test_the_sheet_is_tried_with_the_examples_of_events(tmp_path: Path) -> None:
    sheet, names = tmp_path / "calls.csv", [file.stem for file in sorted((HOUSE / "examples/events").glob("*.json"))]
    async with running(sys.executable, "receiver.py", sheet, cwd=SHEET) as base:
        code, said = await sent(base, *names)
    assert (code, said.count("taken (204)")) == (0, len(names))
    found = rows(sheet)
    assert [row["event"] for row in found] == names
    assert all(datetime.strptime(row["time"], "%Y-%m-%d %H:%M:%S") for row in found), "as spreadsheets read them"


# ---- the page and the papers -----------------------------------------------------------------------------------------


@pytest.mark.browser
async def test_what_a_caller_said_is_text_on_the_page() -> None:
    browsing = pytest.importorskip("tests.desk.browsing")
    async with browsing.started() as chromium, running(sys.executable, "receiver.py", cwd=SCREEN) as base:
        page = await chromium.new_page()
        complaints = browsing.watched(page)
        await page.goto(base)
        await delivered(f"{base}/hooks", parcel(data=card(headline=HOSTILE)))
        await browsing.text(page, "#headline", HOSTILE)
        await browsing.text(page, "#summary", HOSTILE)
        assert await page.locator("img").count() == 0
        assert await page.locator("#link").get_attribute("href") == LINK
        await browsing.readable(page, "screen_pop")
        assert complaints == []
        await page.close()


async def test_without_a_secret_it_says_what_is_missing(screen_pop: tuple[list[str | Path], Path]) -> None:
    command, folder = screen_pop
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, "WEBHOOK_SECRET": " "}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"Set WEBHOOK_SECRET" in said


def test_the_lock_file_pins_by_hash_and_names_no_registry() -> None:
    lock = json.loads((SCREEN / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert "node_modules/standardwebhooks" in packages
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


def test_the_flow_lines_of_the_readmes_compile() -> None:
    source = (HOUSE / "flows/dental_office.yaml").read_text("utf-8")
    assert dental().card.crm_webhook == ""
    found = 0
    for readme in HOUSE.glob("examples/*/README.md"):
        lines = [line.strip() for line in readme.read_text("utf-8").splitlines()]
        for line in lines:
            if line.startswith("crm_webhook:"):
                changed = source.replace("handoff_card:\n", f"handoff_card:\n  {line}\n", 1)
                assert compile_flow(changed, "dental_office.yaml").card.crm_webhook.startswith("${")
                found += 1
            if line.startswith("send_to:"):
                changed = source.replace("  send_to: [staff screen]", f"  {line}", 1)
                assert compile_flow(changed, "dental_office.yaml").take_message.send_to[1].kind == "webhook"
                found += 1
    assert found == 3
