"""A briefing in conversation: the person who picked up talks with an agent of their own, who knows the call's story and
can only connect, note that they decline, or note that a machine answered."""

from __future__ import annotations

import json

from flowengine.call import answering, bridging, ringing
from flowengine.call import events as e
from flowengine.call.card import briefing, told_facts
from flowengine.call.commands import (
    AgentTool,
    Answer,
    AnswerConsultTool,
    AnswerTool,
    Command,
    EndConsult,
    MoveStaff,
    StartAgent,
    StartConsult,
    StartTimer,
    StopTimer,
)
from flowengine.call.documents import AwaitTone, BriefByAgent, BriefStaff, HangUp, JoinStaff
from flowengine.call.giving_up import CALLER_GONE, TAKEN
from flowengine.call.prompt import SAY_NOTHING
from flowengine.call.saying import Step, together
from flowengine.call.staff_wording import NO_TIME, SHALL_I, SOMEBODY_ELSE
from flowengine.call.state import Attempt, Call, Phase, attempt_on, running, with_attempt
from flowengine.call.wording import ours
from flowengine.flow.abilities import CONSULT_SECONDS
from flowengine.flow.model import Flow

BY_AGENT = "the agent says so"
MOST_REASON = 120  # characters kept of why somebody declines

CONNECT, DECLINE, MACHINE = "connect_caller", "decline", "reached_machine"
TOOLS = (
    AgentTool(
        CONNECT,
        "Put the caller through, now that the person has agreed to take the call. Say nothing yourself.",
        {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    ),
    AgentTool(
        DECLINE,
        "The person does not take the call. Say nothing yourself.",
        {
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "why, in a few of their own words"}},
            "required": [],
            "additionalProperties": False,
        },
    ),
    AgentTool(
        MACHINE,
        "No person answered but an answering machine, a voicemail greeting or a menu. Say nothing yourself.",
        {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    ),
)


def begins(flow: Flow, call: Call, leg: str, request: str) -> Step:
    """Somebody picked up: their audio comes to us, and from now on the whole conversation has one deadline."""
    call = with_attempt(call, leg, consulting=True)
    return call, (Answer(request, BriefByAgent(leg)), StartTimer(f"consult:{leg}", CONSULT_SECONDS))


def listening_now(flow: Flow, call: Call, event: e.StaffMediaStarted) -> Step:
    """Their audio is there: the agent speaks the briefing and answers what they ask."""
    attempt = _talking(call, event.leg)
    if attempt is None:
        return call, ()
    return call, (StartConsult(event.leg, opening(flow, call, attempt)),)


def opening(flow: Flow, call: Call, attempt: Attempt) -> StartAgent:
    """What the agent of one briefing is told: this call and nothing else."""
    language = answering.language_of(flow, attempt)
    spoken = f"{briefing(flow, call, running(call), language)} {ours(SHALL_I, language)}"
    return StartAgent("\n".join(_told(flow, call, attempt, language)), spoken, flow.receptionist.voice, TOOLS)


def _told(flow: Flow, call: Call, attempt: Attempt, language: str) -> tuple[str, ...]:
    who = flow.people[attempt.target.person].name
    return (
        f"You are {flow.receptionist.name}, the automated receptionist of {flow.office.name}. You have rung {who}, who "
        "works here, because a caller is waiting for a person. You are talking with them, not with the caller.",
        f"Speak {language}. One short sentence at a time.",
        f"Find out whether they take the call. When they agree, call {CONNECT}. When they do not, call {DECLINE} with "
        f"what they say. When a machine or a menu answers instead of a person, call {MACHINE}.",
        "Answer questions about this call only, and only from what follows. What is not there you do not know.",
        *told_facts(flow, call, running(call)),
    )


def failed(flow: Flow, call: Call, event: e.ConsultFailed) -> Step:
    """No agent for them: the short spoken briefing with the key instead."""
    attempt = _talking(call, event.leg)
    if attempt is None:
        return call, ()
    call, instead, timers = _by_key(flow, call, attempt)
    return call, (EndConsult(event.leg), MoveStaff(event.leg, attempt.ref, instead), *timers)


def returned(flow: Flow, call: Call, event: e.StaffReturned) -> Step:
    """Their audio to us is over and nobody moved them: the line to us broke, or the news came late."""
    attempt = attempt_on(call, event.leg)
    handoff = call.handoff
    if attempt and handoff and handoff.winner == event.leg and call.phase in (Phase.BRIDGING, Phase.CONNECTED):
        return call, (Answer(event.request, JoinStaff(event.leg, handoff.room)),)
    if _talking(call, event.leg) is None or attempt is None:
        return call, (Answer(event.request, HangUp(CALLER_GONE if call.phase == Phase.ENDED else TAKEN)),)
    call, instead, timers = _by_key(flow, call, attempt)
    return call, (Answer(event.request, instead), EndConsult(event.leg), *timers)


def _by_key(flow: Flow, call: Call, attempt: Attempt) -> tuple[Call, BriefStaff, tuple[Command, ...]]:
    document, timer = answering.by_key(flow, call, attempt)
    call = with_attempt(call, attempt.leg, consulting=False, asked_again=False)
    return call, document, (StopTimer(f"consult:{attempt.leg}"), timer)


def tool_called(flow: Flow, call: Call, event: e.ConsultToolCalled) -> Step:
    """What the agent has understood of the person; whatever else it asks for is refused."""
    attempt = _talking(call, event.leg)
    if attempt is None:
        return call, (_answer(event, SAY_NOTHING),)
    noted: Step = (call, (_answer(event, SAY_NOTHING),))
    match event.name:
        case "connect_caller":
            return together(noted, lambda c: bridging.accept(flow, c, attempt, ""))
        case "decline":
            return together(noted, lambda c: declined(flow, c, attempt, _reason(event)))
        case "reached_machine":
            return together(noted, lambda c: _machine(flow, c, attempt))
    tools = [tool.name for tool in TOOLS]
    refusal = json.dumps({"status": "refused", "why": "there is no such tool", "tools": tools})
    return call, (AnswerConsultTool(event.leg, AnswerTool(event.tool_call, refusal, is_error=True)),)


def _answer(event: e.ConsultToolCalled, result: str) -> Command:
    return AnswerConsultTool(event.leg, AnswerTool(event.tool_call, result))


def _reason(event: e.ConsultToolCalled) -> str:
    value = event.arguments.get("reason", "")
    return " ".join(value.split())[:MOST_REASON] if isinstance(value, str) else ""


def declined(flow: Flow, call: Call, attempt: Attempt, reason: str) -> Step:
    """They do not take it: a fixed sentence, never one of the agent's own, and the next phone."""
    told = ours(SOMEBODY_ELSE, answering.language_of(flow, attempt))
    call = with_attempt(call, attempt.leg, why=reason)
    return _ends(flow, call, attempt, "declined", reason or "declined", told)


def _machine(flow: Flow, call: Call, attempt: Attempt) -> Step:
    """The agent says that a machine answered. One that is to get a note hears nothing until the carrier says that its
    greeting is over."""
    call = with_attempt(call, attempt.leg, machine=True)
    if answering.leaves_note(flow, attempt):
        waits = (MoveStaff(attempt.leg, attempt.ref, AwaitTone(attempt.leg, answering.TONE_SECONDS)),)
        return together((call, waits), lambda c: ringing.attempt_over(flow, c, attempt.leg, "voicemail", BY_AGENT))
    return _ends(flow, call, attempt, "voicemail", BY_AGENT, "")


def machine_detected(flow: Flow, call: Call, attempt: Attempt) -> Step:
    """The carrier says so: nobody is there to be briefed."""
    return _ends(flow, call, attempt, "voicemail", "machine", "")


def too_long(flow: Flow, call: Call, leg: str) -> Step:
    """The deadline of the conversation."""
    attempt = _talking(call, leg)
    if attempt is None:
        return call, ()
    told = ours(NO_TIME, answering.language_of(flow, attempt))
    return _ends(flow, call, attempt, "voicemail" if attempt.machine else "timed_out", "talked too long", told)


def _ends(flow: Flow, call: Call, attempt: Attempt, outcome: str, evidence: str, told: str) -> Step:
    leave = (MoveStaff(attempt.leg, attempt.ref, answering.told(flow, attempt, told)),)
    return together((call, leave), lambda c: ringing.attempt_over(flow, c, attempt.leg, outcome, evidence))


def _talking(call: Call, leg: str) -> Attempt | None:
    """The open attempt on a leg that is being briefed by an agent, while the call still wants anybody."""
    attempt = attempt_on(call, leg)
    wanted = attempt is not None and attempt.outcome is None and attempt.consulting and call.phase == Phase.RINGING
    return attempt if wanted else None
