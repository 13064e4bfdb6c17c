"""The record of one call for a reader: who called, what was said, who got it, who looked, and whether it is unaltered.

Read off the journal's own lines, not replayed: so it tells what was kept, also of a call whose words are gone by now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flowengine.cli.audit_story import EMPTIED, Moment, Teller
from flowengine.flow.model import Flow
from flowengine.flow.phrasing import times
from flowengine.resources import template_dir
from flowengine.runtime.rows import Parcel
from flowengine.store import register
from flowengine.store.records import Record


@dataclass(frozen=True, slots=True)
class _Clock:
    """Wall times as the office reads them."""

    zone: tzinfo

    def words(self, iso: str) -> str:
        try:
            at = datetime.fromisoformat(iso).astimezone(self.zone)
        except ValueError:
            return iso
        return f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S}"


def page(
    record: Record, flow: Flow | None, verdicts: Sequence[str], *, whole: bool, zone: tzinfo, made: datetime
) -> str:
    """One call as a page that needs nothing else. Everything in it is escaped; there is no script."""
    environment = Environment(
        loader=FileSystemLoader(template_dir("audit")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    view = _view(record, flow, _Clock(zone))
    made_at = f"{_Clock(zone).words(made.isoformat())} ({zone})"
    return environment.get_template("record.html").render(**view, verdicts=verdicts, whole=whole, made=made_at)


def _view(record: Record, flow: Flow | None, clock: _Clock) -> dict[str, object]:
    moments = list(_moments(record, flow, clock))
    call, lines = record.call, record.journal.lines
    arrived = next((body for kind, body in _bodies(record) if kind == "CallArrived"), {})
    return {
        "office": flow.office.name if flow else (call.flow if call else ""),
        "call_id": record.call_id,
        "ref": call.ref if call else "",
        "flow": f"{call.flow} {call.flow_version}" if call else "",
        "caller": arrived.get("caller") or ("not kept any more" if record.journal.stone else "withheld"),
        "dialled": arrived.get("dialled", ""),
        "began": clock.words(str(arrived.get("now") or (call.started if call else ""))),
        "outcome": (call.outcome or "not ended") if call else "unknown",
        "emptied": clock.words(record.journal.stone.at) if record.journal.stone else "",
        "lines": len(lines),
        "head": lines[-1].hash if lines else "",
        "moments": moments,
        "cards": [_card(card, clock) for card in record.cards],
        "work": [_work(item, clock) for item in record.work],
        "parcels": [_parcel(parcel, clock) for parcel in record.parcels],
        "looked": [{**_plain(one.access, "who what detail"), "at": clock.words(one.access.at)}
                   for one in record.accesses if one.access.what not in register.KINDS],
        "wrap_ups": [{**_plain(wrap, "by handoff"), "at": clock.words(wrap.at), "resolved": _yes(wrap.resolved),
                      "needed": _yes(wrap.needed_person)} for wrap in record.wrap_ups],
        "notes": [{**_plain(note, "by text"), "at": clock.words(note.at)} for note in record.notes],
    }  # fmt: skip


def _moments(record: Record, flow: Flow | None, clock: _Clock) -> Iterator[Moment]:
    """What the journal's lines say happened, each with its time of day."""
    began: datetime | None = None
    teller, seconds = Teller(flow), 0.0
    for kind, body in _bodies(record):
        if kind == "CallArrived":
            began = _time(body.get("now"))
        seconds = float(body["at"]) if isinstance(body.get("at"), int | float) else seconds
        at = clock.words((began + timedelta(seconds=seconds)).isoformat()) if began else f"{seconds:.1f} s"
        yield from (Moment(at, who, what) for who, what in teller.tell(kind, body))


def _bodies(record: Record) -> Iterator[tuple[str, dict[str, Any]]]:
    """(kind, body) of each line; the commands of one event as {"commands": […]}, an unreadable line as a problem."""
    for line in record.journal.lines:
        if line.problem:
            yield "Unreadable", {"why": line.problem}
            continue
        try:
            value = json.loads(line.rest if line.body is None else line.body)
        except ValueError:
            value = {}
        yield line.kind, {**(value if isinstance(value, dict) else {"commands": value}), EMPTIED: line.emptied}


def _time(iso: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(iso))
    except ValueError:
        return None


def _card(card: Mapping[str, Any], clock: _Clock) -> dict[str, object]:
    fields = [_plain(field, "label value") for field in _list(card.get("fields"))]
    people = [_plain(person, "person outcome why") for person in _list(card.get("people"))]
    return {
        "headline": card.get("headline") or EMPTY,
        "summary": card.get("summary", ""),
        "department": card.get("department") or card.get("department_key", ""),
        "rule": str(card.get("rule", "")).replace("_", " "),
        "matched": card.get("matched", ""),
        "status": card.get("status_text", ""),
        "decided": clock.words(str(card.get("decided_at", ""))),
        "fields": [{"label": each["label"], "value": each["value"] or EMPTY} for each in fields],
        "people": people,
        "received": " and ".join(str(each["person"]) for each in people if each["outcome"] == "accepted") or "nobody",
    }


def _work(item: Mapping[str, Any], clock: _Clock) -> dict[str, object]:
    fields: Mapping[str, str] = item["fields"]
    done = f"done {clock.words(str(item['done_at']))} by {item['done_by']}" if item["done_at"] else "to do"
    about = "; ".join(f"{name.replace('_', ' ')}: {value or EMPTY}" for name, value in fields.items())
    return {"kind": str(item["kind"]).replace("_", " "), "for": item["department"], "about": about, "done": done}


def _parcel(parcel: Parcel, clock: _Clock) -> dict[str, object]:
    tries = "not tried" if not parcel.tries else f"tried {times(parcel.tries)}"
    became = f"{_BECAME[parcel.state]}, {tries}{': ' if parcel.error else ''}{parcel.error}"
    to = _host(parcel.address) if parcel.channel == "webhook" else parcel.address
    made = clock.words(parcel.made)
    return {"event": parcel.event, "to": f"{parcel.channel} {to}", "became": f"{became} (made {made})"}


def _host(address: str) -> str:
    """The rest of a web address may hold a secret, which is not printed."""
    try:
        return urlsplit(address).hostname or EMPTY
    except ValueError:
        return EMPTY


def _plain(thing: object, names: str) -> dict[str, object]:
    """Some of a thing's values by name, "" where there is none."""
    values = thing if isinstance(thing, Mapping) else {name: getattr(thing, name, None) for name in names.split()}
    return {name: "" if values.get(name) is None else values[name] for name in names.split()}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def _yes(said: bool | None) -> str:
    return "not said" if said is None else "yes" if said else "no"


EMPTY = "not kept any more"
_BECAME = {"waiting": "waiting", "sent": "taken", "arrived": "arrived", "dead": "given up"}
