"""What the stories about the store share: a call, its lines, and somebody who changes rows behind our back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select, text

from flowengine.call.commands import AddWork, Command, EndCall, NoteDecision, RingStaff, ShowCard
from flowengine.call.events import CallArrived, CallerSaid, Event, KeyPressed, LegEnded, ToolCalled
from flowengine.call.journal import encode, encode_commands
from flowengine.runtime.rows import Access, CallRow, Entry, Note, Parcel
from flowengine.store import SqlStore, open_store
from flowengine.store.tables import metadata

CALL = CallRow("c1", "CA1", "dental_office", "abc123", "flow: dental_office\n", "2026-11-10T16:15:00+00:00", None)
AT = "2026-11-10T16:15:09+00:00"
LATER = "2026-12-11T16:15:09+00:00"
CALLER = "+13125550199"

# What no part of an encrypted or emptied database may hold.
PLANTED = ("Maria Lopez", "3125550199", "crown", "bruxism")
CARD = {
    "version": 1,
    "headline": "Maria Lopez: crown fell out",
    "summary": "Her crown fell out",
    "rule": "clinical_question",
    "matched": "crown",
    "department_key": "clinical",
    "caller": CALLER,
    "status": "connected",
    "status_text": "Connected with Dana",
    "people": [{"person": "Dana", "outcome": "accepted", "why": "bruxism"}],
    "fields": [{"name": "reason", "label": "Reason", "value": "crown fell out", "private": True}],
    "transcript": "live",
}


def entries(*numbers: int) -> list[Entry]:
    return [Entry(number, "CallerSaid", f'{{"at":{number}.0,"text":"line {number}"}}') for number in numbers]


def real_lines() -> list[Entry]:
    """A short call as a session writes it: events, and what they led to."""
    fields = {"caller_name": "Maria Lopez", "reason": "crown", "callback_number": CALLER}
    rung = RingStaff("c1-staff-1", "+13125550111", 20.0, "+13125550100", show_caller=CALLER)
    happened: list[tuple[Event, list[Command]]] = [
        (CallArrived(0.0, "q1", "c1", "CA1", CALLER, "+13125550100", "phone", CALL.started), []),
        (CallerSaid(4.0, "My crown fell out"), [NoteDecision("c1-h1", "clinical_question", "crown", ("x: crown",))]),
        (ToolCalled(5.0, "t1", "take_message", {"caller_name": "Maria Lopez", "age": 41}), [ShowCard("c1-h1", CARD)]),
        (KeyPressed(6.0, "7"), [rung, AddWork("c1-w1", "message", "front_desk", fields)]),
        (LegEnded(9.0, "c1-staff-1", "completed", "bruxism"), [EndCall("connected")]),
    ]
    bodies = [line for event, led_to in happened for line in (encode(event), ("Commands", encode_commands(led_to)))]
    return [Entry(number, *line) for number, line in enumerate(bodies, 1)]


def parcel(id: str, *, call_id: str = "c1", address: str = "https://crm.example/hook", due: str = AT) -> Parcel:
    data = {"caller_name": "Maria Lopez", "callback_number": CALLER}
    return Parcel(id, call_id, "dental_office", "message.taken", "webhook", address, data, "c1-h1", made=AT, due=due)


async def whole_call(store: SqlStore) -> None:
    """An ended call with something in every table that holds words."""
    await store.open_call(CALL, caller=CALLER)
    await store.append("c1", real_lines())
    await store.save_card("c1-h1", "c1", "dental_office", CARD, AT)
    fields = {"caller_name": "Maria Lopez", "callback_number": CALLER}
    await store.save_work("c1-w1", "c1", "dental_office", "message", "front_desk", fields, AT)
    await store.add_note(Note("c1-h1", "has bruxism", "Dana", AT), "c1", "dental_office")
    await store.save_parcel(parcel("p1"))
    await store.note_access(Access("dental_office", AT, "Dana", "page opened", "c1", "c1-h1"))
    await store.close_call("c1", "connected")


async def alter(store: SqlStore, statement: str, **values: object) -> None:
    """Somebody with a database client; the statement must hit something."""
    async with store._database.engine.begin() as connection:
        assert (await connection.execute(text(statement), values)).rowcount > 0, statement


async def dump(store: SqlStore) -> str:
    """Every value of every table."""
    async with store._database.engine.connect() as connection:
        return "\n".join([str((await connection.execute(select(table))).all()) for table in metadata.sorted_tables])


@asynccontextmanager
async def another(url: str, encryption_key: str = "", secret_key: str = "") -> AsyncIterator[SqlStore]:
    """One more process at the same database."""
    store = open_store(url, encryption_key=encryption_key, secret_key=secret_key)
    await store.start()
    try:
        yield store
    finally:
        await store.close()
