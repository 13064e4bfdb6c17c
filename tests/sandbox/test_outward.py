"""What leaves the house during a whole call: webhooks in order, letters without a word about the caller, the trail of
it; and what is at rest afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.fernet import Fernet
from jsonschema import Draft202012Validator, FormatChecker

from flowengine.runtime.rows import Parcel
from flowengine.sandbox.carrier import LoseText
from flowengine.sandbox.receiver import Reply
from flowengine.sandbox.world import Options, World
from flowengine.store import open_store
from tests.desk.house import enter
from tests.sandbox.play import SPEED, Played, known, played
from tests.sandbox.wire import call

TOLD = """
handoff_card:
  headline: "{caller_name}: {reason}"
  fields: [callback_number, been_here_before, rule, already_offered, suggested_next_step]
  transcript: live
  show_on: [staff screen, {sms: +1 312-555-0150}]
  crm_webhook: "${CRM}"
"""
PRIVATE = "- {field: reason, required: true, private: true}"
SECRETS = ("Maria", "Lopez", "charged", "twice", "5550198", "555-0198")  # four digits alone stand in any hash


def outward(text: str) -> str:
    """The office tells a system, a phone and a mailbox; the reason is private."""
    before, _, after = text.partition("\nhandoff_card:")
    rest = after[after.index("\nprivacy:") :]
    sent = before.replace("send_to: [staff screen]", "send_to: [staff screen, {email: front@example.com}]")
    return sent.replace("- {field: reason, required: true}", PRIVATE) + "\n" + TOLD.strip() + rest


async def at_rest(address: str, key: str) -> None:
    """What the store holds afterwards: a chain that is whole, a trail of what was delivered, nothing left to send."""
    store = open_store(address, encryption_key=key)
    await store.start()
    (row,) = await store.calls(limit=1)
    chain = await store.verify(row.call_id)
    trail = [line.access.detail for line in await store.accesses(call_id=row.call_id)]
    parcels = await store.parcels()
    await store.close()
    assert chain.lines > 20
    assert chain.broken == 0
    assert {"handoff.decided by webhook", "handoff.decided by sms", "message.taken by email"} <= set(trail)
    assert {(parcel.channel, parcel.state) for parcel in parcels} == {
        ("webhook", "sent"),
        ("sms", "arrived"),
        ("email", "sent"),
        ("desk", "sent"),
    }


def test_a_system_a_phone_and_a_mailbox_are_told_and_nothing_private_leaves(tmp_path: Path) -> None:
    address, key = f"sqlite:///{tmp_path}/calls.db", Fernet.generate_key().decode()
    options = Options(speed=SPEED, database_url=address, encryption_key=key)
    made = played("voicemail_then_message", options, change=outward)
    posts = [post for post in made.world.receiver.posts if not post.trouble]
    assert len(posts) == len(made.world.receiver.posts), "a signature did not verify"
    bodies = [json.loads(post.body) for post in posts]
    assert [body["type"] for body in bodies] == [
        "handoff.decided",
        "handoff.ringing",
        "handoff.failed",
        "message.taken",
        "call.completed",
    ]
    assert all(body["data"]["link"].startswith("http") for body in bodies if body["type"].startswith("handoff."))
    reason = next(turn["text"] for turn in made.report["transcript"] if turn["speaker"] == "caller")
    assert reason not in json.dumps(bodies), "the reason is private"
    (text,), (mail,) = made.world.carrier.messages, made.world.mailbox.mails
    letters = text.body + mail.raw.decode()
    assert "Bright Smile Dental" in text.body
    assert [word for word in SECRETS if word.casefold() in letters.casefold()] == []
    assert made.failures == []
    asyncio.run(at_rest(address, key))
    kept = (tmp_path / "calls.db").read_bytes()
    assert [word for word in SECRETS if word.encode() in kept] == [], "what a caller said is at rest as it was said"


def left_by(made: Played, address: str) -> tuple[list[Parcel], list[Mapping[str, object]]]:
    """What a run's store holds afterwards of deliveries and of work."""

    async def read() -> tuple[list[Parcel], list[Mapping[str, object]]]:
        store = open_store(address)
        await store.start()
        found = [*await store.parcels()], [*await store.work()]
        await store.close()
        return found

    assert not made.failures
    return asyncio.run(read())


def test_a_text_that_the_carrier_took_and_no_phone_got_is_seen_as_that(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/calls.db"
    options = Options(speed=SPEED, database_url=address, faults=(LoseText("+13125550150", 30006),))
    made = played("voicemail_then_message", options, change=outward)
    parcels, _ = left_by(made, address)
    (text,) = (parcel for parcel in parcels if parcel.channel == "sms")
    assert (text.state, text.tries, text.error) == ("dead", 1, "that phone takes no texts (30006)")
    assert [each.status for each in made.world.carrier.messages] == ["undelivered"], "it is not sent again by itself"


BOOKING = [
    {"says": "I'd like to book a cleaning."},
    {"says": "Maria Lopez."},
    {"says": "Next Tuesday."},
    {"says": "In the morning."},
    {"waits": "4s"},
    {"says": "Thank you, goodbye."},
    {"hangs_up": "true"},
]


def test_what_a_tool_sends_to_a_desk_goes_through_the_outbox_and_is_there_at_once(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/calls.db"
    made = played("crown", Options(speed=SPEED, database_url=address), scenario=call(caller=BOOKING))
    (parcel,), (work,) = left_by(made, address)
    assert (parcel.event, parcel.channel, parcel.address) == ("work.added", "desk", "front_desk")
    assert (parcel.state, parcel.tries, parcel.id) == ("sent", 1, work["work"])
    assert (work["kind"], work["at"]) == ("request_appointment", parcel.made)


def test_who_opens_the_page_by_the_link_of_a_text_has_the_card_though_the_webhook_is_down() -> None:
    """The caller is referred as soon as the page is open; that the phone has looked at the link is not enough."""

    def texts(text: str) -> str:
        return text.replace("show_on: [staff screen]", "show_on: [staff screen, {sms: +1 312-555-0150}]")

    opened: list[asyncio.Task[None]] = []

    async def opens(world: World) -> None:
        while not world.carrier.messages:  # noqa: ASYNC110  # a phone that is looked at now and then
            await asyncio.sleep(0.1)
        link = world.carrier.messages[0].body.rpartition(" ")[2]
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get(link) as looked:  # what a phone shows of a link before it is tapped
                assert looked.status == 200
            await asyncio.sleep(4.0)
            assert "My claim was denied" in await enter(browser, link)

    def watch(world: World) -> None:
        opened.append(world.loop.create_task(opens(world)))

    lines = (*known()["card_not_confirmed_callback"].caller, {"waits": "10s"})
    made = played(
        "card_not_confirmed_callback",
        change=texts,
        watch=watch,
        scenario=lambda s: replace(s, expect={"rule": "claim_question", "ends_with": "referred"}, caller=lines),
    )
    assert made.report["outcome"] == "referred"
    (confirmed,), (left,) = made.times("CardConfirmed"), made.times("ReferAnswered")
    assert confirmed <= left
    opened[0].result()


def test_a_tool_asks_an_address_and_the_receptionist_hears_what_it_says() -> None:
    def asks(text: str) -> str:
        return text.replace("    sends_to: front_desk  ", '    calls: {post: "${BOOKING}", timeout: 3s}  ')

    def answers(world: World) -> None:
        world.receiver.reply = Reply(200, '{"free": "Tuesday at 9"}')

    made = played("crown", Options(speed=SPEED), change=asks, scenario=call(caller=BOOKING), watch=answers)
    (asked,) = (json.loads(post.body) for post in made.world.receiver.posts)
    assert (asked["type"], asked["data"]["tool"]) == ("tool.called", "request_appointment")
    assert asked["data"]["fields"]["patient_name"] == "Maria Lopez"
    assert len(made.times("ToolAnswered")) == 1
    assert made.times("ToolAnswered")[0] - made.times("ToolCalled")[0] < 3.0
    lines = [line for journal in made.journals.lines.values() for line in journal]
    assert any("Tuesday at 9" in line.body for line in lines if line.kind == "Commands")


# ---- the examples of events ------------------------------------------------------------------------------------------

EVENTS = Path(__file__).parents[2] / "examples" / "events"
CARD = json.loads((EVENTS.parents[1] / "schemas" / "handoff_card.schema.json").read_text("utf-8"))
WHAT_HAPPENS = ("handoff.decided", "handoff.ringing", "handoff.connected", "handoff.failed", "message.taken",
                "callback.requested", "call.completed", "tool.called")  # fmt: skip


def shape(value: object) -> object:
    """The names in a body, at any depth; of a list those of its things together."""
    match value:
        case dict():
            return {name: shape(each) for name, each in value.items()}
        case list():
            return {name: each for item in map(shape, value) if isinstance(item, dict) for name, each in item.items()}
    return ""


def followed(text: str) -> str:
    """A system hears of everything, and is asked by the booking tool."""
    text = text.replace("handoff_card:\n", 'handoff_card:\n  crm_webhook: "${CRM}"\n', 1)
    return text.replace("    sends_to: front_desk  ", '    calls: {post: "${BOOKING}", timeout: 3s}  ')


def test_the_examples_of_events_have_what_a_receiver_gets() -> None:
    sent: dict[str, Any] = {}
    for name, change in (
        ("crown", lambda s: s), ("voicemail_then_message", lambda s: s), ("callback_at_night", lambda s: s),
        ("crown", call(caller=BOOKING)),
    ):  # fmt: skip
        made = played(name, change=followed, scenario=change)
        for post in made.world.receiver.posts:
            body = json.loads(post.body)
            sent.setdefault(body["type"], body)
    examples = {file.stem: json.loads(file.read_text("utf-8")) for file in EVENTS.glob("*.json")}
    assert set(sent) == set(examples) == set(WHAT_HAPPENS)
    assert {name: shape(body) for name, body in examples.items()} == {name: shape(body) for name, body in sent.items()}
    card = Draft202012Validator(CARD, format_checker=FormatChecker())
    for body in (*examples.values(), *sent.values()):
        assert datetime.fromisoformat(body["timestamp"]).utcoffset() is not None
        if body["type"].startswith("handoff."):
            card.validate(body["data"])


@pytest.mark.parametrize("event", ["message.taken", "callback.requested", "call.completed", "tool.called"])
def test_the_page_names_what_is_in_an_event(event: str) -> None:
    page = (EVENTS.parents[1] / "docs" / "deliveries.md").read_text("utf-8")
    (told,) = (piece for piece in page.split("\n- ") if piece.startswith("for ") and f"`{event}`" in piece)
    data = json.loads((EVENTS / f"{event}.json").read_text("utf-8"))["data"]
    assert [name for name in data if f"`{name}`" not in told] == []
