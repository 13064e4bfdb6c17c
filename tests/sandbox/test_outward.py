"""What leaves the house during a whole call: webhooks in order, letters without a word about the caller, the trail of
it; and what is at rest afterwards."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from cryptography.fernet import Fernet

from flowengine.sandbox.receiver import Reply
from flowengine.sandbox.world import Options, World
from flowengine.store import open_store
from tests.sandbox.play import SPEED, played
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
SECRETS = ("Maria", "Lopez", "charged", "twice", "0198")


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
    assert {parcel.state for parcel in parcels} == {"sent"}


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


def test_a_tool_asks_an_address_and_the_receptionist_hears_what_it_says() -> None:
    def asks(text: str) -> str:
        return text.replace("    sends_to: front_desk  ", '    calls: {post: "${BOOKING}", timeout: 3s}  ')

    def answers(world: World) -> None:
        world.receiver.reply = Reply(200, '{"free": "Tuesday at 9"}')

    lines = [
        {"says": "I'd like to book a cleaning."},
        {"says": "Maria Lopez."},
        {"says": "Next Tuesday."},
        {"says": "In the morning."},
        {"waits": "4s"},
        {"says": "Thank you, goodbye."},
        {"hangs_up": "true"},
    ]
    made = played("crown", Options(speed=SPEED), change=asks, scenario=call(caller=lines), watch=answers)
    asked = [json.loads(post.body) for post in made.world.receiver.posts]
    assert [(body["type"], body["data"]["tool"]) for body in asked] == [("tool.called", "request_appointment")]
    assert len(made.times("ToolAnswered")) == 1
    assert made.times("ToolAnswered")[0] - made.times("ToolCalled")[0] < 3.0
