"""What a page shows, as plain values: the same for the first rendering and for each later update."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flowengine.desk import words
from flowengine.runtime.rows import CallRow, Entry

View = dict[str, Any]

PROMISED = "promised_by"  # the field of a callback that says until when it was promised: ISO, or words
_RECORDING = "recording"
_NAMES = ("caller_name", "patient_name", "name")  # fields that say whom a thing is about
_KINDS = {"message": "Message", "callback": "Call back", "voicemail": "Voicemail", "missed_call": "Missed call"}
_LONGEST_WAIT_FIRST = 1e12  # a page puts the greatest order first; what presses stands above every moment
_SPEAKERS = {"CallerSaid": "caller", "AgentSaid": "agent", "LinePlayed": "agent", "StaffSaid": "staff"}


@dataclass(frozen=True, slots=True)
class Office:
    """Whose desk this is; `now` is for telling today from other days."""

    name: str
    where: ZoneInfo
    now: datetime
    departments: Mapping[str, str] = field(default_factory=dict)  # what the office calls each, by key

    def department(self, key: str) -> str:
        return words.department(self.departments.get(key) or words.sentence(key))

    def time(self, iso: object) -> str:
        return words.clock_words(words.moment(str(iso)), self.where, self.now)


def card_view(card: Mapping[str, Any], office: Office, *, call_over: bool = False) -> View:
    """A hand-off. A card left behind by a call that is over shows as over, whatever it last said."""
    status, decided = str(card.get("status", "")), words.moment(str(card.get("decided_at", "")))
    live = status in words.LIVE and not call_over
    waiting = status in words.WAITING and not call_over
    began, kept = words.epoch(decided), not card.get("blanked")
    return {
        "handoff": card["handoff"],
        "call_id": card["call_id"],
        "href": f"/desk/handoffs/{card['handoff']}",
        "headline": card.get("headline") or ("A caller needs a person" if kept else "No longer kept"),
        "summary": card.get("summary", ""),
        "department": words.department(str(card.get("department", ""))),
        "kept": kept,  # false once retention has emptied it
        "caller": words.phone(str(card.get("caller", ""))) or ("Number withheld" if kept else ""),
        "tone": "over" if call_over and status in words.LIVE else words.tone(status),
        "live": live,
        "waiting": waiting,  # the caller waits for a person: a phone is about to ring, or rings
        "since": began,
        "waited": words.stopwatch(office.now.timestamp() - began) if waiting and began else "",
        "order": _LONGEST_WAIT_FIRST - began if waiting else began,
        "today": words.same_day(decided, office.now, office.where),
        "notice": words.about_to_ring(str(card.get("department", ""))),
        "back": status == "returned" and not call_over,  # the caller talks with the receptionist again
        "status_text": _status_text(card, status, call_over),
        "time": office.time(card.get("decided_at", "")),
        "pairs": list(_pairs(card, office) if kept else _where_and_when(card, office)),
        "recording": _web_address(card.get("recording")),
        "people": [_person(person, status) for person in card.get("people", ())],
    }


def _web_address(value: object) -> str:
    """An address that may be a link; anything else is none."""
    text = str(value or "")
    return text if text.startswith("https://") else ""


def _status_text(card: Mapping[str, Any], status: str, call_over: bool) -> str:
    """The card's own words while they hold; afterwards what became of it."""
    took = _who_took(card)
    if status == "ended" or (call_over and status in words.LIVE):
        return f"Talked with {took}" if took else "Over"
    return (call_over and words.AFTERWARDS.get(status)) or str(card.get("status_text", ""))


def _pairs(card: Mapping[str, Any], office: Office) -> Iterator[View]:
    """What there is to know, with the number the caller calls from unless a field says it already."""
    fields, caller = card.get("fields", ()), str(card.get("caller", ""))
    if caller not in (str(field.get("value", "")) for field in fields):
        yield _pair("Calls from", caller or "Number withheld")
    yield from _where_and_when(card, office)
    for given in fields:
        value, matched = str(given.get("value", "")), str(card.get("matched", ""))
        if given.get("name") == "rule":
            value = words.sentence(value) + (f" (“{matched}”)" if matched else "")
        yield _pair(str(given.get("label", "")), value)


def _where_and_when(card: Mapping[str, Any], office: Office) -> Iterator[View]:
    yield _pair("For", words.department(str(card.get("department", ""))))
    yield _pair("Handed over", office.time(card.get("decided_at", "")))


def _pair(label: str, value: str) -> View:
    missing = value in ("", words.NOT_GIVEN)
    dial = f"tel:{value}" if words.dialable(value) else ""
    return {"label": label, "value": words.day(words.phone(value)) or words.NOT_GIVEN, "missing": missing, "dial": dial}


def _person(person: Mapping[str, Any], status: str) -> View:
    outcome = person.get("outcome")
    why = str(person.get("why") or "")
    text = words.outcome_words(outcome, status, person.get("state")) + (f": {why}" if why else "")
    trying = outcome is None and status in words.WAITING
    return {"name": person.get("person", ""), "text": text, "took": words.took_the_call(outcome), "trying": trying}


def staff_name(card: Mapping[str, Any]) -> str:
    """Who speaks for the office after the hand-off."""
    return _who_took(card) or "Staff"


def _who_took(card: Mapping[str, Any]) -> str:
    took = [str(p.get("person")) for p in card.get("people", ()) if words.took_the_call(p.get("outcome"))]
    return took[-1] if took else ""


def work_view(work: Mapping[str, Any], office: Office) -> View:
    """Something left to do, or done. A promise to call back says by when; the soonest promise stands first."""
    fields = {str(name): str(value) for name, value in dict(work.get("fields") or {}).items()}
    kind, at, done = str(work.get("kind", "")), words.moment(str(work.get("at", ""))), str(work.get("done_at") or "")
    by = words.moment(fields.get(PROMISED, ""))
    title = next((fields[name] for name in _NAMES if fields.get(name) not in (None, "", words.NOT_GIVEN)), "")
    unnamed = (title, "", words.NOT_GIVEN)
    left_out = {PROMISED, _RECORDING, *(name for name in _NAMES if fields.get(name) in unnamed)}
    return {
        "work": work["work"],
        "kind": _KINDS.get(kind, words.sentence(kind)),
        "title": title or "Caller did not give a name",
        "department": office.department(str(work.get("department", ""))),
        "time": office.time(work.get("at", "")),
        "fields": [_pair(words.sentence(name), value) for name, value in fields.items() if name not in left_out],
        "promised": _promised(fields.get(PROMISED, ""), by, office),
        "due": words.epoch(by) if not done else 0.0,
        "late": bool(by and not done and by < office.now),
        "listen": _web_address(fields.get(_RECORDING)),
        "order": _LONGEST_WAIT_FIRST - words.epoch(by) if by and not done else words.epoch(at),
        "done": bool(done),
        "done_text": _done_text(str(work.get("done_by") or ""), done, office),
    }


def _promised(said: str, by: datetime | None, office: Office) -> str:
    """Until when it was promised, as the office says it."""
    when = office.time(said) if by else said.removeprefix("by ")
    return f"Promised by {when}" if when else ""


def _done_text(who: str, at: str, office: Office) -> str:
    when, name = office.time(at), words.named(who)
    return (f"Done by {name}, {when}" if name else f"Done {when}") if at else ""


def call_view(call_id: str, caller: str, since: str, office: Office) -> View:
    """A caller who talks with the receptionist."""
    began = words.epoch(words.moment(since))
    return {
        "call_id": call_id,
        "caller": words.phone(caller) or "Number withheld",
        "time": office.time(since),
        "since": began,
        "waited": words.stopwatch(office.now.timestamp() - began) if began else "",
        "order": began,
    }


# ---- what was said -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcript:
    """How the lines of one call are shown on one card's page."""

    card: Mapping[str, Any]
    began: datetime
    office: Office

    @classmethod
    def of(cls, card: Mapping[str, Any], row: CallRow | None, office: Office) -> Transcript:
        began = words.moment(row.started) if row else None
        return cls(card, began or words.moment(str(card.get("decided_at"))) or office.now, office)

    @property
    def live(self) -> bool:
        return self.card.get("transcript_shown") == "live"

    def shows(self, at: float) -> bool:
        """`none` shows nothing, `so far` what was said before the hand-off, `live` everything."""
        match self.card.get("transcript_shown"):
            case "none":
                return False
            case "so far":
                decided = words.moment(str(self.card.get("decided_at")))
                return decided is None or self._wall(at) <= decided
        return True

    def of_journal(self, entries: Iterable[Entry]) -> Iterator[View]:
        for entry in entries:
            if entry.kind in _SPEAKERS or entry.kind == "TranscriptGap":
                body = json.loads(entry.body)
                if self.shows(body["at"]):
                    yield from self._entry(entry, body)

    def _entry(self, entry: Entry, body: Mapping[str, Any]) -> Iterator[View]:
        if entry.kind == "TranscriptGap":
            yield self.gap(body["open"], body["leg"], entry.sequence, body["at"])
        elif str(body["text"]).strip():
            yield self.line(_SPEAKERS[entry.kind], body["text"], body["at"], id=entry.sequence)

    def line(self, speaker: str, text: str, at: float, *, id: int | None, turn: str = "", final: bool = True) -> View:
        names = {"caller": "Caller", "agent": "Receptionist", "staff": staff_name(self.card)}
        said = {"type": "line", "speaker": speaker, "name": names.get(speaker, "Staff"), "text": text, "final": final}
        return {**said, "turn": turn, "time": words.stopwatch(at), "id": id}

    def gap(self, open_: bool, leg: str, id: int, at: float | None = None) -> View:
        """The transcript of one side broke off, or goes on."""
        whose = "the caller's side" if leg.endswith("-caller") else f"{staff_name(self.card)}'s side"
        text = f"Transcript of {whose} interrupted" if open_ else f"Transcript of {whose} goes on"
        return {"type": "gap", "text": text, "open": open_, "time": "" if at is None else words.stopwatch(at), "id": id}

    def _wall(self, at: float) -> datetime:
        return self.began + timedelta(seconds=at)

    @property
    def began_words(self) -> str:
        return words.clock_words(self.began, self.office.where, self.office.now)


def last_id(entries: Sequence[Entry]) -> int:
    return entries[-1].sequence if entries else 0
