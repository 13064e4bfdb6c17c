"""What the page of one hand-off shows beyond its card: who calls, who may take it, what was said of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowengine.call.answering import WHY
from flowengine.desk import words
from flowengine.desk.views import Office, View, card_view
from flowengine.runtime.rows import Note, WrapUp

REASONS = tuple(WHY.values())  # the phone offers the same
_ASIDE = ("For", "Handed over")  # less urgent than who calls and why
_OURS = ("rule", "already_offered", "suggested_next_step")  # fields no caller was asked for
WRAP_UP = frozenset({"connected", "ended", "referred", "dialled"})  # a person has talked, or talks, with the caller


def handoff_view(card: Mapping[str, Any], office: Office, *, call_over: bool) -> View:
    """The card's view with its fields in the order in which they are asked about, and what may be done now."""
    view = card_view(card, office, call_over=call_over)
    return {
        **view,
        "pairs": list(_pairs(card, view["pairs"])),
        "deciders": [] if call_over else list(deciders(card)),
        "over": call_over or not view["live"],
        "talked": str(card.get("status", "")) in WRAP_UP,
    }


def _pairs(card: Mapping[str, Any], pairs: Sequence[View]) -> Iterator[View]:
    """Who it is, what is known, where it went; what was asked for and not said is one line at the end."""
    given = [pair for pair in pairs if not pair["missing"]]
    identity = card.get("identity") or {}
    if (text := str(identity.get("text") or "")) and identity.get("match") != "withheld":  # no number is said already
        numbers = [at for at, pair in enumerate(given, 1) if pair["dial"]]
        given.insert(numbers[0] if numbers else 0, _pair("Known caller?", text))
    yield from (pair for pair in given if pair["label"] not in _ASIDE)
    yield from (pair for pair in given if pair["label"] in _ASIDE)
    ours = {str(field.get("label")) for field in card.get("fields", ()) if field.get("name") in _OURS}
    if missing := [pair["label"] for pair in pairs if pair["missing"] and pair["label"] not in ours]:
        named = words.sentence(", ".join(label[:1].lower() + label[1:] for label in missing))
        yield {**_pair("Not known", named), "missing": True}


def _pair(label: str, value: str) -> View:
    return {"label": label, "value": value, "missing": False, "dial": ""}


def deciders(card: Mapping[str, Any]) -> Iterator[View]:
    """Who is being rung and may say here what the phone's keys say; first who has picked up (`answered`)."""
    if card.get("status") not in words.WAITING:
        return
    states = {str(p.get("person", "")): p["state"] for p in card.get("people", ()) if p.get("state")}
    for name, state in sorted(states.items(), key=lambda each: each[1] != "answered"):
        answered = state == "answered"
        waits = f"{name} has picked up" if answered else f"{name} is ringing"
        yield {"person": name, "answered": answered, "waits": waits}


def afterwards_view(wrap: WrapUp | None, notes: Sequence[Note], office: Office) -> View:
    """What staff said of a hand-off: two answers, and notes."""
    return {
        "resolved": _yes_no(wrap.resolved if wrap else None),
        "needed_person": _yes_no(wrap.needed_person if wrap else None),
        "by": _by(wrap.by, wrap.at, office) if wrap else "",
        "notes": [{"text": note.text, "by": _by(note.by, note.at, office)} for note in notes],
    }


def _by(who: str, at: str, office: Office) -> str:
    return ", ".join(part for part in (words.named(who), office.time(at)) if part)


def _yes_no(said: bool | None) -> str:
    return "" if said is None else "yes" if said else "no"
