"""Resources as the REST API shows them (twilio.md 4; specs/twilio-api-v2010.json)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flowengine.sandbox.carrier.conference import Member, Room
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.media import MediaStream
from flowengine.sandbox.carrier.records import Message, Recording
from flowengine.sandbox.carrier.sids import formatted, rfc2822

__all__ = ["VERSION", "call", "conference", "message", "page", "participant", "recording", "stream"]

VERSION = "2010-04-01"
_SUBRESOURCES = (
    "events", "notifications", "payments", "recordings", "siprec", "streams", "transcriptions",
    "user_defined_message_subscriptions", "user_defined_messages",
)  # fmt: skip


def _root(account_sid: str) -> str:
    return f"/{VERSION}/Accounts/{account_sid}"


def call(leg: Leg) -> dict[str, Any]:
    record, root = leg.record, _root(leg.exchange.account_sid)
    path = f"{root}/Calls/{record.sid}"
    return {
        "sid": record.sid,
        "date_created": rfc2822(record.created),
        "date_updated": rfc2822(record.updated),
        "parent_call_sid": record.parent_sid,
        "account_sid": leg.exchange.account_sid,
        "to": record.to,
        "to_formatted": formatted(record.to),
        "from": record.from_,
        "from_formatted": formatted(record.from_),
        "phone_number_sid": None,
        "status": "queued" if record.status == "initiated" else record.status,  # REST has no `initiated` (1.3)
        "start_time": rfc2822(record.began),
        "end_time": rfc2822(record.ended),
        "duration": str(record.duration) if record.over else None,
        "price": None,
        "price_unit": "USD",
        "direction": record.direction,
        "answered_by": record.answered_by,
        "api_version": VERSION,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": str(record.queue_time),
        "trunk_sid": None,
        "uri": f"{path}.json",
        "subresource_uris": {name: f"{path}/{_camel(name)}.json" for name in _SUBRESOURCES},
    }


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def conference(room: Room) -> dict[str, Any]:
    path = f"{_root(room.account_sid)}/Conferences/{room.sid}"
    return {
        "account_sid": room.account_sid,
        "date_created": rfc2822(room.created),
        "date_updated": rfc2822(room.updated or room.created),
        "api_version": VERSION,
        "friendly_name": room.name,
        "region": "us1",
        "sid": room.sid,
        "status": room.status,
        "uri": f"{path}.json",
        "subresource_uris": {
            "participants": f"{path}/Participants.json",
            "recordings": f"{path}/Recordings.json",
        },
        "reason_conference_ended": room.reason_ended,
        "call_sid_ending_conference": room.ended_by,
    }


def participant(room: Room, member: Member) -> dict[str, Any]:
    return _participant(
        room, member.leg, member.label, member.since, "connected", member.start_on_enter, member.end_on_exit,
        muted=member.muted, hold=member.hold, coach=member.coach,
    )  # fmt: skip


def participant_to_be(room: Room, leg: Leg, label: str, start: bool, end: bool) -> dict[str, Any]:
    """One that is being rung."""
    return _participant(room, leg, label, leg.record.created, "queued", start, end)


def _participant(
    room: Room,
    leg: Leg,
    label: str,
    since: datetime,
    status: str,
    start_on_enter: bool,
    end_on_exit: bool,
    *,
    muted: bool = False,
    hold: bool = False,
    coach: str = "",
) -> dict[str, Any]:
    return {
        "account_sid": room.account_sid,
        "call_sid": leg.sid,
        "label": label or None,
        "call_sid_to_coach": coach or None,
        "coaching": bool(coach),
        "conference_sid": room.sid,
        "date_created": rfc2822(since),
        "date_updated": rfc2822(since),
        "end_conference_on_exit": end_on_exit,
        "muted": muted,
        "hold": hold,
        "start_conference_on_enter": start_on_enter,
        "status": status,
        "queue_time": str(leg.record.queue_time),
        "uri": f"{_root(room.account_sid)}/Conferences/{room.sid}/Participants/{leg.sid}.json",
    }


def stream(of: MediaStream, now: datetime) -> dict[str, Any]:
    info = of.info
    return {
        "sid": info.sid,
        "account_sid": info.account_sid,
        "call_sid": info.call_sid,
        "name": info.name or None,
        "status": "stopped" if of.over.is_set() or of.stopping else "in-progress",
        "date_updated": rfc2822(now),
        "uri": f"{_root(info.account_sid)}/Calls/{info.call_sid}/Streams/{info.sid}.json",
    }


def recording(of: Recording, account_sid: str, origin: str, *, of_call: bool = False) -> dict[str, Any]:
    """The account's recording, or the same as a subresource of its call."""
    path = f"{_root(account_sid)}/Recordings/{of.sid}"
    own = f"{_root(account_sid)}/Calls/{of.call_sid}/Recordings/{of.sid}" if of_call else path
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "call_sid": of.call_sid,
        "conference_sid": None,
        "date_created": rfc2822(of.created),
        "date_updated": rfc2822(of.created),
        "start_time": rfc2822(of.created),
        "duration": str(of.seconds) if of.status in ("completed", "absent") else None,
        "sid": of.sid,
        "price": None,
        "price_unit": "USD",
        "status": of.status,
        "channels": of.channels,
        "source": of.source,
        "error_code": None,
        "uri": f"{own}.json",
        "encryption_details": None,
        "subresource_uris": {
            "add_on_results": f"{path}/AddOnResults.json",
            "transcriptions": f"{path}/Transcriptions.json",
        },
        "media_url": f"{origin}{path}",
    }


def message(of: Message, account_sid: str) -> dict[str, Any]:
    path = f"{_root(account_sid)}/Messages/{of.sid}"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "body": of.body,
        "date_created": rfc2822(of.created),
        "date_sent": rfc2822(of.sent),
        "date_updated": rfc2822(of.updated or of.created),
        "direction": "outbound-api",
        "error_code": of.error,
        "error_message": None if of.error is None else f"Error {of.error}",
        "from": of.from_,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(of.segments),
        "price": None,
        "price_unit": "USD",
        "sid": of.sid,
        "status": of.status,
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": of.to,
        "uri": f"{path}.json",
    }


def page(key: str, items: list[dict[str, Any]], path: str, query: dict[str, str]) -> dict[str, Any]:
    """One page of a list; `Page` and `PageSize` (50, at most 1000) say which."""
    size = min(1000, int(query.get("PageSize", 50)))
    number = int(query.get("Page", 0))
    shown = items[number * size : (number + 1) * size]

    def uri(n: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': n})}"

    return {
        key: shown,
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": max(0, number * size + len(shown) - 1),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if (number + 1) * size < len(items) else None,
        "previous_page_uri": uri(number - 1) if number else None,
    }
