"""What did not arrive: seen by managers alone, without an address's secrets, tried again by one tap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from flowengine.desk.deliveries import parcel_view, place
from flowengine.desk.views import Office
from flowengine.desk.words import zone
from flowengine.runtime.rows import Parcel, ParcelState

from .house import FLOW, SAME, START, House, Server, Visit, csrf, enter, house
from .test_doors import trail
from .test_listing import staff

SECRET = "https://user:word@crm.example.com/hook/s3cret?key=s3cret"


@dataclass
class Box:
    """The part of `ports.Outbox` that the page uses; remembers what it was told to try again."""

    retried: list[str] = field(default_factory=list)

    async def retry(self, parcel: str) -> bool:
        self.retried.append(parcel)
        return len(self.retried) == 1

    async def put(self, parcel: Parcel) -> None:
        raise NotImplementedError

    async def ask(self, parcel: Parcel, seconds: float) -> str | None:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@asynccontextmanager
async def served(folder: Path, port: int) -> AsyncIterator[tuple[House, Box]]:
    box = Box()
    async with house(folder, f"http://127.0.0.1:{port}", outbox=box) as desk:
        server = Server(desk.app, port)
        await server.start()
        yield desk, box
        await server.stop()


@asynccontextmanager
async def browser_of(desk: House) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(desk.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        yield browser


def parcel(id: str, state: ParcelState = "dead", **changes: object) -> Parcel:
    at = START.isoformat()
    values: dict[str, object] = {
        "id": id,
        "call_id": "c1",
        "flow": FLOW,
        "event": "handoff.decided",
        "channel": "webhook",
    }
    values |= {"address": SECRET, "data": {"headline": "crown fell out"}, "handoff": "c1-h1", "made": at, "due": at}
    return Parcel(**{**values, "tries": 14, "state": state, "error": "answered 503", **changes})  # type: ignore[arg-type]


async def test_a_dead_letter_is_seen_and_tried_again_once(tmp_path: Path, port: int) -> None:
    async with served(tmp_path, port) as (desk, box), browser_of(desk) as browser:
        later = (START + timedelta(hours=3)).isoformat()
        await desk.store.save_parcel(parcel("c1-d1"))
        await desk.store.save_parcel(parcel("c1-d2", "waiting", due=later, event="message.taken", tries=1, error=""))
        await desk.store.save_parcel(parcel("b1-d1", flow="billing", error="not of this office"))
        await enter(browser, desk.access.office_link(FLOW, 600))
        async with browser.get("/desk/deliveries") as answer:
            page = await answer.text()
        dead, _, waiting = page.partition('id="waiting-title"')
        for words in ("To crm.example.com", "Answered 503", "Tried 14 times", "A call being handed over"):
            assert words in dead
        assert "Tried once; next at 1:15 PM" in waiting
        assert "A message" in waiting
        for hidden in ("s3cret", "word@", "crown", "not of this office"):
            assert hidden not in page
        for _ in range(2):  # the second finds nothing to do any more
            path, data = "/desk/deliveries/c1-d1/retry", {"csrf": csrf(page)}
            async with browser.post(path, data=data, headers=SAME, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/desk/deliveries")
        assert box.retried == ["c1-d1", "c1-d1"]
        retried = [(line.call_id, line.detail) for line in await trail(desk) if line.what == "parcel retried"]
        assert retried == [("c1", "c1-d1")]


async def test_what_is_not_ours_is_not_tried_again(tmp_path: Path, port: int) -> None:
    async with served(tmp_path, port) as (desk, box), browser_of(desk) as browser:
        await desk.store.save_parcel(parcel("c1-d1"))
        await desk.store.save_parcel(parcel("b1-d1", flow="billing"))
        await enter(browser, desk.access.office_link(FLOW, 600))
        async with browser.get("/desk/deliveries") as answer:
            token = csrf(await answer.text())
        refused = (
            ("c1-d1", SAME, "", 403),
            ("c1-d1", {"Sec-Fetch-Site": "cross-site"}, token, 403),
            ("b1-d1", SAME, token, 404),
            ("nothing", SAME, token, 404),
        )
        for id_, headers, proof, status in refused:
            async with browser.post(f"/desk/deliveries/{id_}/retry", data={"csrf": proof}, headers=headers) as answer:
                assert answer.status == status, (id_, proof)
        assert box.retried == []


async def test_deliveries_do_not_exist_for_staff(desk: House, visitor: Visit) -> None:
    browser = await staff(desk, visitor, "Dana")
    for answer in (
        await browser.get("/desk/deliveries"),
        await browser.post("/desk/deliveries/c1-d1/retry", headers=SAME),
    ):
        assert answer.status == 404
    assert (await (await visitor()).get("/desk/deliveries")).status == 403
    refused = [line.access for line in await desk.store.accesses(FLOW) if line.access.what == "refused"]
    assert [(access.who, access.detail) for access in refused] == [("Dana", "deliveries")] * 2


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        ("webhook", "https://crm.example.com:8443/a?b=c", "crm.example.com"),
        ("webhook", "https://[broken", "another system"),
        ("webhook", "", "another system"),
        ("sms", "+13125550142", "a phone ending in 0142"),
        ("sms", "0142", "a phone"),
        ("email", "maria.lopez@example.com", "a mailbox at example.com"),
        ("email", "maria", "a mailbox"),
        ("desk", "on_call_dentist", "Dentist on call"),
        ("desk", "a_department_of_before", "A department of before"),
    ],
)
def test_of_an_address_only_the_place_is_shown(channel: str, address: str, shown: str) -> None:
    office = Office("Bright Smile", zone("America/Chicago"), START, {"on_call_dentist": "the dentist on call"})
    assert place(channel, address, office) == shown


@pytest.mark.parametrize(
    ("channel", "state", "shown"),
    [
        ("webhook", "sent", "Delivered"),
        ("desk", "sent", "Delivered"),
        ("sms", "sent", "Given to the phone company"),
        ("sms", "arrived", "Delivered"),
        ("sms", "dead", "Did not arrive"),
        ("email", "sent", "Given to the mail server"),
        ("email", "waiting", "On its way"),
    ],
)
def test_given_is_not_delivered(channel: str, state: ParcelState, shown: str) -> None:
    view = parcel_view(parcel("c1-d1", state, channel=channel), Office("", zone("UTC"), START))
    assert view["state"] == shown


async def test_texts_that_arrived_and_work_on_a_desk_are_listed_with_the_rest(tmp_path: Path, port: int) -> None:
    async with served(tmp_path, port) as (desk, _), browser_of(desk) as browser:
        text = {"channel": "sms", "address": "+13125550142"}
        await desk.store.save_parcel(parcel("c1-d1", "arrived", made=(START - timedelta(hours=1)).isoformat(), **text))
        await desk.store.save_parcel(parcel("c1-d2", "sent", **text))
        work = {"channel": "desk", "address": "front_desk", "event": "work.added", "error": "", "handoff": ""}
        await desk.store.save_parcel(parcel("c1-w1", "sent", **work))
        failed = "that phone takes no texts (30006)"
        await desk.store.save_parcel(parcel("c1-d3", "dead", error=failed, **text))
        await enter(browser, desk.access.office_link(FLOW, 600))
        async with browser.get("/desk/deliveries") as answer:
            page = await answer.text()
    dead, _, sent = page.partition('id="waiting-title"')
    assert failed.capitalize() in dead
    order = [sent.index(words) for words in ("On the list of Front desk", "Given to the phone company", ">Delivered<")]
    assert sent.index("Something to do") < order[0]
    assert sent.rindex(">Delivered<") > order[1], "the newest first"


def test_an_event_we_do_not_know_is_named_all_the_same() -> None:
    view = parcel_view(parcel("c1-d1", "sent", event="something.new", tries=0), Office("", zone("UTC"), START))
    assert (view["what"], view["tried"], view["next"]) == ("Something new", "not tried yet", "")
