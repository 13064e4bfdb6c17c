"""What stays of a line when retention empties it: that it happened, when, by which rule and with what end; no word of
anybody's and no number of a caller's.

Nothing is recognised here: what is not named as harmless goes. So a field added to an event tomorrow is emptied too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

# Texts that are ours or the carrier's: ids, names out of the flow, outcomes. Everything else becomes "".
# fmt: off
_STAYS = frozenset((
    "accept_within", "address", "arrives_by", "by", "call_id", "channel", "command", "decided_at", "department",
    "department_key", "dialled", "error", "event", "flow", "handoff", "how", "kind", "language", "leg", "line",
    "link_expires", "method", "music", "name", "now", "office", "outcome", "parcel", "person", "ref", "refs", "reply",
    "request", "room", "rule", "speaker", "state", "status", "status_text", "timer", "timezone", "tool", "tool_call",
    "transcript", "transcript_shown", "version", "work",
))
# fmt: on
# Where a name means something else: addresses are those of staff, except a receiver's, which may hold a secret; and an
# answer is somebody's words, except the one to being recorded.
_GOES = {"Deliver": "address", "AskAddress": "address"}
_STAYS_TOO = {"NoteConsent": "answer"}
# Values under these are what somebody said, whatever their keys are.
_WHOLE = frozenset({"arguments", "data", "parameters", "settings"})
_CARD_ROWS = frozenset({"name", "label", "private"})


def what_stays(body: str) -> str:
    """The body of a journal line without what was said; it decodes to the same kind of event, or commands."""
    try:
        value = json.loads(body)
    except ValueError:
        return "{}"
    return json.dumps(_emptied("", value), ensure_ascii=False, separators=(",", ":"))


def card_that_stays(card: Mapping[str, object]) -> dict[str, object]:
    """A card without what was said; `blanked` tells a page why it is empty."""
    kept = {name: _emptied(name, value) for name, value in card.items() if name not in ("fields", "blanked")}
    rows = card.get("fields")
    fields = [_card_row(row) for row in rows] if isinstance(rows, list) else []
    return {**kept, "fields": fields, "blanked": True}


def fields_that_stay(fields: Mapping[str, object]) -> dict[str, str]:
    """Which fields there were, without their values."""
    return dict.fromkeys(fields, "")


def _emptied(name: str, value: object) -> object:
    match value:
        case str():
            return value if name in _STAYS else ""
        case dict() if name in _WHOLE:
            return {}
        case dict() if name == "fields":
            return fields_that_stay(value)
        case dict():
            return _emptied_object(value)
        case list():
            return [_emptied(name, item) for item in value]
        case _:
            return value


def _emptied_object(value: Mapping[str, object]) -> dict[str, object]:
    if value.get("command") == "ShowCard" and isinstance(card := value.get("card"), dict):
        return {"command": "ShowCard", "handoff": value.get("handoff", ""), "card": card_that_stays(card)}
    kept = {name: _emptied(name, item) for name, item in value.items()}
    command = str(value.get("command"))
    if command in _GOES:
        kept[_GOES[command]] = ""
    if command in _STAYS_TOO:
        kept[_STAYS_TOO[command]] = value.get(_STAYS_TOO[command])
    return kept


def _card_row(row: object) -> dict[str, object]:
    given = row if isinstance(row, dict) else {}
    return {name: given[name] for name in _CARD_ROWS & given.keys()} | {"value": ""}
