"""A call told as a story with times, from its journal as it grows."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.journal import Replayed
from flowengine.call.state import attempt_on
from flowengine.flow.model import Flow

_OUTCOMES = {
    "connected": "The hand-off connected them; both have hung up.",
    "message": "A message was taken and is on the desk.",
    "callback": "A callback was promised and is on the desk.",
    "voicemail": "A voicemail was recorded and is on the desk.",
    "receptionist": "The receptionist carried on.",
    "referred": "The caller was handed to the office's own phone system.",
    "dialled": "The caller was connected directly.",
    "ended": "The call ended.",
    "abandoned": "The caller hung up before anybody took the call.",
    "failed": "The call failed.",
}


def tell(flow: Flow, replayed: Replayed, *, rehearsed: bool = False) -> Iterator[str]:
    """The lines one event adds to the story, each with its second. In a rehearsal nobody knows what the receptionist
    says in her own words, so the story says what she was asked to say."""
    for who, what in _lines(flow, replayed, rehearsed):
        yield f"{replayed.event.at:7.1f} s  {who:<12} {what}"


def _lines(flow: Flow, replayed: Replayed, rehearsed: bool) -> Iterator[tuple[str, str]]:
    yield from _happened(flow, replayed)
    for command in replayed.commands:
        if rehearsed and isinstance(command, c.AskAgent):
            yield flow.receptionist.name, f"(in her own words) {command.instructions.partition('. ')[0]}"
        yield from _done(flow, replayed, command)


def _happened(flow: Flow, replayed: Replayed) -> Iterator[tuple[str, str]]:
    match replayed.event:
        case e.CallArrived(caller=caller, dialled=dialled):
            yield "ring", f"{caller or 'a withheld number'} calls {dialled}, {flow.office.name}"
        case e.CallerSaid(_, text) if text.strip():
            yield "caller", f"“{text}”"
        case e.AgentSaid(_, text, interrupted) if text.strip():
            yield flow.receptionist.name, f"“{text}”" + (" (interrupted)" if interrupted else "")
        case e.StaffSaid(_, text):
            yield _winner(flow, replayed), f"“{text}”"
        case e.KeyPressed(_, key):
            yield "caller", f"presses {key}"
        case e.AgentFailed():
            yield "receptionist", "cannot be reached"
        case e.CardShown(at) if replayed.call.handoff and replayed.call.handoff.card_at == at:
            yield "card", "is on the desk"
        case e.LegAnswered(_, leg, _, _):
            yield _person(flow, replayed, leg), "picks up"
        case e.ConsultSaid(_, leg, speaker, text) if text.strip():
            name = _person(flow, replayed, leg)
            yield (name, f"“{text}”") if speaker == "staff" else (flow.receptionist.name, f"“{text}” (to {name})")
        case e.StaffSaidWhy(_, leg, key, _):
            attempt = attempt_on(replayed.call, leg)
            yield (
                _person(flow, replayed, leg),
                f"says why: {attempt.why}" if attempt and attempt.why else "does not say why",
            )
        case e.StaffPressed(_, leg, key, _):
            yield _person(flow, replayed, leg), f"presses {key}" if key else "presses nothing"
        case e.LegEnded(_, leg, outcome, _):
            attempt = attempt_on(replayed.call, leg)
            if attempt and attempt.outcome != "accepted":
                yield _person(flow, replayed, leg), (attempt.outcome or outcome).replace("_", " ")
        case e.JoinedRoom() if replayed.call.handoff and replayed.call.handoff.connected_at == replayed.event.at:
            yield "connected", f"the caller and {_winner(flow, replayed)} are in the same room"
        case e.CallerHungUp() if any(isinstance(command, c.EndCall) for command in replayed.commands):
            yield "caller", "hangs up"


def _done(flow: Flow, replayed: Replayed, command: c.Command) -> Iterator[tuple[str, str]]:
    handoff = replayed.call.handoff
    match command:
        case c.ShowCard(_, card) if card["status"] == "deciding" and handoff and handoff.decided == replayed.event.at:
            yield "rule", f"{handoff.rule} fires ({handoff.matched}); {card['department'] or 'nobody'} should help"
            yield "card", f"“{card['headline']}”"
        case c.PlayLine(_, text, _):
            yield flow.receptionist.name, f"“{text}” (as written)"
        case c.MoveCaller(_, documents.ConnectCaller(_, say) | documents.RecordCaller(say) | documents.HangUp(say)) if (
            say
        ):
            yield "carrier", f"“{say}” (as written)"
        case c.Answer(_, documents.BriefStaff(leg, say) | documents.AskWhy(leg, say)) | c.MoveStaff(
            leg, _, documents.HangUp(say)
        ) if say:
            yield _person(flow, replayed, leg), f"hears “{say}”"
        case c.MoveStaff(leg, _, documents.BriefStaff(_, briefing)):
            yield _person(flow, replayed, leg), f"hears “{briefing}”"
        case c.StartConsult(leg, opening):
            yield _person(flow, replayed, leg), f"is told by {flow.receptionist.name}: “{opening.greeting}”"
        case c.Answer(_, documents.Wait(say, _)) if say:
            yield "caller", f"hears “{say}”"
        case c.Answer(_, documents.SayToRoom(say)) if say:
            yield "both", f"hear “{say}”"
        case c.MoveCaller(_, documents.ParkCaller()):
            yield "move", "the caller waits alone, with music"
        case c.RingStaff(leg, address, seconds):
            yield "ring", f"{_person(flow, replayed, leg)} at {address}, for {seconds:.0f} s"
        case c.MoveCaller(_, documents.JoinCaller()):
            yield "move", "the caller moves, once"
        case c.MoveCaller(_, documents.ConnectCaller(_, "")):
            yield "move", "the caller comes back to us"
        case c.MoveCaller(_, documents.ReferCaller(address, _) | documents.DialNumber(address)):
            yield "move", f"the caller is sent to {address}"
        case c.AddWork(_, kind, department, fields):
            yield (
                "desk",
                f"{kind.replace('_', ' ')} for {department}: " + ", ".join(f"{k} {v}" for k, v in fields.items()),
            )
        case c.EndCall(outcome):
            yield "end", _OUTCOMES.get(outcome, outcome)


def _person(flow: Flow, replayed: Replayed, leg: str) -> str:
    attempt = attempt_on(replayed.call, leg)
    return flow.people[attempt.target.person].name if attempt else "staff"


def _winner(flow: Flow, replayed: Replayed) -> str:
    handoff = replayed.call.handoff or (replayed.call.past[-1] if replayed.call.past else None)
    return _person(flow, replayed, handoff.winner) if handoff and handoff.winner else "staff"
