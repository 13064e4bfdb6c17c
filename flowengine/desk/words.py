"""How the desk puts things: plain words, numbers and times a person reads at a glance."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

LIVE = frozenset({"deciding", "announcing", "ringing", "accepted", "connected"})  # a hand-off that goes on
WAITING = frozenset({"deciding", "announcing", "ringing"})  # one in which the caller waits for a person
NOT_GIVEN = "not given"  # what a card says of a field nobody named
_TONES = {"deciding": "soon", "announcing": "soon", "ringing": "ringing", "accepted": "good", "connected": "good"}
_TONES |= {"message": "task", "callback": "task", "voicemail": "task", "failed": "bad", "abandoned": "bad"}

# What a hand-off came to, once its call is over: the card's own words told what was going on.
AFTERWARDS = {
    "returned": "Stayed with the receptionist",
    "message": "Left a message",
    "callback": "Waits for a call back",
    "voicemail": "Left a voicemail",
    "referred": "Passed on",
    "dialled": "Put through",
}

_OUTCOMES = {
    "accepted": "took the call",
    "connected": "took the call",
    "completed": "took the call",
    "busy": "busy",
    "no_answer": "no answer",
    "declined": "declined",
    "voicemail": "went to voicemail",
    "failed": "could not be reached",
    "timed_out": "picked up, pressed no key",
    "caller_gone": "the caller had left",
    "cancelled": "no longer needed",
    "unknown": "not clear",
}
_TOOK = frozenset({"accepted", "connected", "completed"})


def tone(status: str) -> str:
    """soon, ringing, good, task, bad or over: how a state looks."""
    return _TONES.get(status, "over")


def outcome_words(outcome: object, status: str, state: object = None) -> str:
    """What became of trying somebody; `state` is what goes on with who has not answered for good yet."""
    if outcome is None:
        if status not in ("ringing", "announcing"):
            return "called"
        return "picked up" if state == "answered" else "ringing now"
    return _OUTCOMES.get(str(outcome), str(outcome).replace("_", " "))


def took_the_call(outcome: object) -> bool:
    return outcome in _TOOK


def sentence(key: str) -> str:
    """`front_desk` → `Front desk`."""
    text = key.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def named(who: str) -> str:
    """A colleague's name as the trail has it; "" for a link, which is nobody's name: whoever holds it."""
    return "" if who == "office link" or who.startswith("link of ") else who


def department(say_as: str) -> str:
    """As the office says it to itself: `our clinical team` → `Clinical team`."""
    return sentence(re.sub(r"^(our|the)\s+", "", say_as.strip(), flags=re.IGNORECASE))


def about_to_ring(say_as: str) -> str:
    """For a notification, which others may see over a shoulder: who is rung and nothing of the caller."""
    who = re.sub(r"^(our|the)\s+", "the ", say_as.strip(), flags=re.IGNORECASE)
    return f"A caller is about to ring {who}" if who else "A caller is about to ring"


@lru_cache(maxsize=4_096)
def phone(value: str) -> str:
    """`+13125550199` → `(312) 555-0199`; anything else as it is. Remembered: it is most of the work of a long list."""
    if not dialable(value):
        return value
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return value
    national = number.country_code == 1
    form = phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, form)


def dialable(value: str) -> bool:
    return re.fullmatch(r"\+[1-9]\d{6,14}", value) is not None


def day(value: str) -> str:
    """`2026-11-12` → `Thu 12 Nov 2026`; anything else as it is."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return value
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{date:%a} {date.day} {date:%b} {date:%Y}"


def zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(text: str) -> datetime | None:
    """An ISO 8601 time with offset; None for anything else."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def clock_words(at: datetime | None, where: ZoneInfo, now: datetime) -> str:
    """`10:15 AM`, with the day when it was not today; "" when unknown."""
    if at is None:
        return ""
    local = at.astimezone(where)
    time = f"{local:%I:%M %p}".lstrip("0")
    return time if local.date() == now.astimezone(where).date() else f"{local:%a} {local.day} {local:%b}, {time}"


def same_day(one: datetime | None, other: datetime, where: ZoneInfo) -> bool:
    return one is not None and one.astimezone(where).date() == other.astimezone(where).date()


def epoch(at: datetime | None) -> float:
    """Seconds since 1970; 0 when unknown."""
    return at.timestamp() if at else 0.0


def stopwatch(seconds: float) -> str:
    """`0:09`, `12:30`, `1:02:03`: since the call began."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
