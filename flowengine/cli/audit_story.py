"""One line of a journal in an auditor's words: (who, what), for those lines that matter to a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowengine.call import prompt
from flowengine.flow.model import Flow

EMPTIED = "emptied"  # marks the body of a line whose words are gone
GONE = "(words not kept any more)"
_TOOLS = {
    prompt.TRANSFER: "asks for a hand-over",
    prompt.NOTE_ANSWER: "notes an answer",
    prompt.NOTE_MOOD: "notes the caller's mood",
    prompt.NOTE_UNSOLVED: "notes that it did not help",
    prompt.SWITCH_LANGUAGE: "goes on in another language",
}
_SAID = {"CallerSaid": "caller", "AgentSaid": "receptionist", "StaffSaid": "staff", "LinePlayed": "receptionist"}


@dataclass(frozen=True, slots=True)
class Moment:
    at: str
    who: str
    what: str


class Teller:
    """Tells lines in order: who is on which leg is known from the order to ring it."""

    def __init__(self, flow: Flow | None) -> None:
        self._names = {phone: person.name for person in flow.people.values() for phone in person.phones} if flow else {}
        self._receptionist = flow.receptionist.name if flow else "receptionist"
        self._legs: dict[str, str] = {}
        self._shown: set[object] = set()  # cards, which are shown again with every change
        self._gone = False  # the caller: the carrier may tell of it twice

    def tell(self, kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What one line adds; most add nothing."""
        if kind == "Commands":
            for command in body.get("commands") or ():
                yield from self._ordered(command)
        elif kind in _SAID:
            yield from self._said(kind, body)
        else:
            yield from self._happened(kind, body)

    def _said(self, kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        who = self._receptionist if _SAID[kind] == "receptionist" else _SAID[kind]
        text = str(body.get("text", "")).strip()
        if text or body.get(EMPTIED):
            yield who, (f"“{text}”" if text else GONE) + (" (interrupted)" if body.get("interrupted") else "")

    def _happened(self, kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        leg = self._legs.get(str(body.get("leg", "")), "a phone")
        match kind:
            case "CallArrived":
                nobody = "a number not kept any more" if body.get(EMPTIED) else "a withheld number"
                yield "call", f"{body.get('caller') or nobody} calls {body.get('dialled', '')}"
            case "KeyPressed":
                yield "caller", f"presses {body.get('key') or 'a key'}"
            case "ToolCalled":
                name = str(body.get("name", ""))
                yield self._receptionist, _TOOLS.get(name, f"uses {name.replace('_', ' ')}")
            case "LegAnswered":
                yield leg, "picks up"
            case "StaffPressed":
                yield leg, f"presses {body['key']}" if body.get("key") else "answers the briefing"
            case "StaffSaidWhy":
                yield leg, "is asked why"
            case "StaffDecided":
                how = "takes the call on the page" if body.get("accepts") else "declines on the page"
                yield str(body.get("person", "")), f"{how} (signed in: {body.get('by') or 'by link'})"
            case "CallerHungUp" if not self._gone:
                self._gone = True
                yield "caller", "is off the line"
            case "LegEnded":
                yield leg, f"phone leg over: {str(body.get('outcome', '')).replace('_', ' ')}"
            case "JoinedRoom":
                known = body.get("leg") in self._legs
                yield leg if known else "caller", f"enters the room{' with the caller' if known else ''}"
            case "CardShown" if body.get("handoff") not in self._shown:
                self._shown.add(body.get("handoff"))
                yield "card", "is where staff can see it"
            case "ConsultSaid":
                text = str(body.get("text", "")).strip()
                yield (
                    (leg if body.get("speaker") == "staff" else self._receptionist),
                    (f"“{text}” (briefing)" if text else f"{GONE} (briefing)"),
                )
            case _:
                yield from _noted(kind, body)

    def _ordered(self, command: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        match command.get("command"):
            case "NoteDecision":
                matched = f", which matched “{command['matched']}”" if command.get("matched") else ""
                yield "decision", f"hand-over by the rule {str(command.get('rule', '')).replace('_', ' ')}{matched}"
                yield from (("decision", f"came close: {other}") for other in command.get("close") or () if other)
            case "RingStaff":
                address = str(command.get("address", ""))
                name = self._legs[str(command.get("leg", ""))] = self._names.get(address, address)
                yield "ring", f"{name} is rung at {address}"
            case "MoveCaller" if address := str((command.get("document") or {}).get("address", "")):
                yield "passed on", f"the caller, to {self._names.get(address, 'somebody')} at {address}"
            case "Deliver":
                yield "passed on", f"{command.get('event', '')} by {command.get('channel', '')}"
            case "AddWork":
                kind = str(command.get("kind", "")).replace("_", " ")
                yield "passed on", f"{kind} to the desk of {command.get('department', '')}"
            case "NoteConsent":
                yield "recording", f"consent: {command.get('answer', '')}"
            case "EndCall":
                yield "end", str(command.get("outcome", ""))


def _noted(kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """News without a voice."""
    match kind:
        case "CardConfirmed":
            yield "card", "was opened" if body.get("how") == "page" else "was taken by the office's system"
        case "TranscriptGap":
            yield "transcript", "stops" if body.get("open") else "goes on"
        case "MessageRecorded":
            yield "caller", f"leaves a voicemail of {body.get('seconds', 0):.0f} s"
        case "RecordingStarted":
            yield "recording", "begins"
        case "RecordingEnded":
            yield "recording", f"is over, {body.get('seconds', 0):.0f} s"
        case "ReferAnswered":
            yield "passed on", "the call is theirs now" if body.get("accepted") else "they did not take the call"
        case "DialEnded":
            spoke = "the two have spoken" if body.get("bridged") else str(body.get("outcome", "")).replace("_", " ")
            yield "passed on", f"that call is over: {spoke}"
        case "EngineRestarted":
            yield "engine", "took the call up again after a restart"
        case "EngineFailed":
            yield "engine", "had a fault of its own"
        case "Unreadable":
            yield "journal", str(body.get("why", ""))
