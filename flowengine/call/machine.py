"""A call's whole life as one table: what happens in which phase leads where. `step()` is the one door."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flowengine.call import closing, handoff, listening, prompt
from flowengine.call import events as e
from flowengine.call.card import values
from flowengine.call.closing import BACK, story_so_far
from flowengine.call.commands import (
    AddWork,
    Answer,
    AnswerTool,
    CancelLeg,
    CheckCaller,
    Command,
    ConnectCaller,
    EndAgent,
    EndCall,
    HangUp,
    JoinCaller,
    LetAgentHear,
    LetAgentSpeak,
    MoveCaller,
    MoveStaff,
    PlayLine,
    PlayMusic,
    RecordCaller,
    StartTimer,
    StopMusic,
    StopTimer,
)
from flowengine.call.prompt import ASKED, CONNECTING, SAY_NOTHING, opening
from flowengine.call.rules import Trigger, is_judged
from flowengine.call.saying import Step, moved, say_by_carrier, together
from flowengine.call.state import (
    Call,
    Phase,
    Turn,
    attempt_on,
    open_attempts,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.flow.fill import fill
from flowengine.flow.hours import office_open
from flowengine.flow.model import CallLongerThan, Flow, VoicemailStep

Asking = e.CallerReturned | e.CallerLeftRoom | e.ReferAnswered | e.DialEnded
Handler = Callable[[Flow, Call, Any], Step]

MOST_RETURNS = 4  # in a row without a word from the caller: the stream does not open
MOST_STREAMS = 8  # a caller whose stream ends this often gets voicemail instead of another one
BACK_SECONDS = 3.0  # for a caller whose stream ended to come back by the recovery address
SORRY = (
    "We are sorry, something went wrong on our side. Please leave a message after the tone and we will call you back."
)


def step(flow: Flow, call: Call, event: e.Event) -> Step:
    """Advance one call by one event. Pure and total: same arguments, same answer; what is stale changes nothing.

    Every question of the carrier (an event with a `request`) is answered.
    """
    call = replace(call, at=max(call.at, event.at))
    handler = TRANSITIONS.get((call.phase, type(event))) or ANYWHERE.get(type(event))
    call, commands = handler(flow, call, event) if handler else (call, ())
    request = getattr(event, "request", "")
    if request and not any(isinstance(c, Answer) and c.request == request for c in commands):
        commands = (*commands, Answer(request, HangUp()))
    return call, commands


def rescue(call: Call) -> Step:
    """After a mistake of ours: phones stop ringing and the caller can at least leave a message."""
    call, released = handoff.release_all(call, "failed", handoff.NOT_CONNECTED) if call.handoff else (call, ())
    call = replace(call, phase=Phase.RECORDING, handoff=None, line=None, agent="failed", outcome="failed")
    return together((call, (*released, EndAgent())), lambda c: moved(c, RecordCaller(SORRY)))


# ---- arriving and coming back ----------------------------------------------------------------------------------------


def arrived(flow: Flow, call: Call, event: e.CallArrived) -> Step:
    if call.call_id:  # the carrier asks again
        return call, (Answer(event.request, call.heading or ConnectCaller(call.stream)),)
    document = ConnectCaller(1)
    call = Call(
        call_id=event.call_id,
        ref=event.ref,
        caller=event.caller,
        dialled=event.dialled,
        arrives_by=event.arrives_by,
        now=event.now,
        at=event.at,
        stream=1,
        heading=document,
        fields=_known_at_start(flow, event),
    )
    return call, (Answer(event.request, document),)


def _known_at_start(flow: Flow, event: e.CallArrived) -> dict[str, str]:
    starts = {
        "the number they call from": event.caller,
        "the number they called": flow.office.phone_numbers.get(event.dialled, ""),
    }
    known = {f.name: starts.get(f.start_from, "") for f in flow.receptionist.find_out}
    return {name: value for name, value in known.items() if value}


def greet(flow: Flow, call: Call, event: e.MediaStarted) -> Step:
    """The first audio: the agent's session opens, with the greeting of this hour."""
    if event.stream != call.stream:
        return call, ()
    call = replace(call, phase=Phase.TALKING, caller_at="stream", returns=0, talking_since=call.at)
    if call.agent == "failed":
        return _without_agent(flow, call)
    who = flow.receptionist
    line = who.greeting if office_open(flow, call.wall()) else who.greeting_when_closed
    start = opening(flow, call, fill(line.text, values(flow, call)))
    return replace(call, agent="starting"), (start, LetAgentSpeak(True), LetAgentHear(True), *_call_timers(flow))


def _call_timers(flow: Flow) -> tuple[Command, ...]:
    return tuple(
        StartTimer(f"rule:{r.key}", r.condition.seconds) for r in flow.rules if isinstance(r.condition, CallLongerThan)
    )


def media_back(flow: Flow, call: Call, event: e.MediaStarted) -> Step:
    """The caller is on a stream of ours again: after the carrier spoke for us, after a break, after a failed move."""
    if event.stream != call.stream:
        return call, ()
    spoken = isinstance(call.heading, ConnectCaller) and call.heading.say
    call = replace(call, caller_at="stream", returns=0)
    stop = (StopTimer("back"),)
    if call.line is not None:
        if spoken == call.line.text:
            return together((call, stop), lambda c: line_over(flow, c))
        return call, (*stop, PlayLine(call.line.id, call.line.text))
    if call.phase == Phase.RETURNING:
        return together((call, stop), lambda c: handoff.go_on(flow, c))
    return together((call, stop), lambda c: _carry_on(flow, c))


def _carry_on(flow: Flow, call: Call) -> Step:
    """The stream is new, the rest is as before; a lost agent session is opened again with the story."""
    music: tuple[Command, ...] = (
        (PlayMusic(flow.hold.music),) if call.phase in (Phase.RINGING, Phase.CONFIRMING) else ()
    )
    if call.agent == "none" and call.phase in (Phase.TALKING, Phase.RINGING, Phase.MESSAGE):
        greeting = BACK if call.phase == Phase.TALKING else ""
        return replace(call, agent="starting"), (
            opening(flow, call, greeting, story=story_so_far(call)),
            LetAgentSpeak(True),
            LetAgentHear(True),
            *music,
        )
    return call, music


def stream_lost(flow: Flow, call: Call, event: e.MediaEnded) -> Step:
    """A stream ended that we did not end: the caller hung up, or comes back by the recovery address."""
    if event.stream != call.stream or call.caller_at != "stream":
        return call, ()
    return replace(call, caller_at="lost"), (CheckCaller(call.ref), StartTimer("back", BACK_SECONDS))


def returned(flow: Flow, call: Call, event: Asking) -> Step:
    """The carrier asks what the caller gets now; the same answer for the same question twice."""
    match call.phase:
        case Phase.BRIDGING | Phase.CONNECTED:
            return call, (Answer(event.request, JoinCaller(running(call).room)),)
        case Phase.AWAY | Phase.RECORDING:
            return call, (Answer(event.request, call.heading or HangUp()),)
        case Phase.CLOSING if call.line is None:
            return call, (Answer(event.request, HangUp()),)
    call = replace(call, returns=call.returns + 1)
    if call.stream >= MOST_STREAMS or call.returns > MOST_RETURNS:
        call = replace(call, phase=Phase.RECORDING, heading=RecordCaller(SORRY), caller_at="moving")
        return call, (Answer(event.request, RecordCaller(SORRY)), EndAgent())
    if call.caller_at == "moving" and call.heading is not None:
        return call, (Answer(event.request, call.heading),)
    document = ConnectCaller(call.stream + 1)
    call = replace(call, stream=call.stream + 1, heading=document, caller_at="moving")
    return call, (Answer(event.request, document), StopTimer("back"))


def restarted(flow: Flow, call: Call, event: e.EngineRestarted) -> Step:
    """Taken up from the journal: timers are set again; the caller comes by the recovery address."""
    call = replace(
        call,
        agent="none" if call.agent in ("starting", "ready") else call.agent,
        caller_at="lost" if call.caller_at == "stream" else call.caller_at,
    )
    timers: list[Command] = [StartTimer("back", BACK_SECONDS)] if call.caller_at == "lost" else []
    if call.phase == Phase.ASKING:
        call = replace(call, phase=Phase.RETURNING, after="announce")
    if call.phase == Phase.RINGING and call.handoff is not None:
        transfer = handoff.transfer(flow, call.handoff.department)
        timers += [StartTimer("hold", transfer.longest_wait), StartTimer("update", flow.hold.update_every)]
    timers += [
        StartTimer(f"ring:{a.leg}", handoff.transfer(flow, a.target.department).ring_for + handoff.RING_GRACE)
        for a in open_attempts(call)
    ]
    if call.phase == Phase.BRIDGING:
        timers.append(StartTimer("bridge", handoff.BRIDGE_SECONDS))
    return call, (*timers, *_call_timers(flow))


# ---- the agent -------------------------------------------------------------------------------------------------------


def agent_ready(flow: Flow, call: Call, event: e.AgentReady) -> Step:
    return replace(call, agent="ready" if call.agent == "starting" else call.agent), ()


def agent_failed(flow: Flow, call: Call, event: e.AgentFailed) -> Step:
    """The receptionist is gone. Whoever is on hold keeps holding; whoever talked to it gets the rule, or voicemail."""
    if call.agent in ("failed", "ended"):
        return call, ()
    call = replace(call, agent="failed")
    match call.phase:
        case Phase.TALKING:
            return _without_agent(flow, call)
        case Phase.ASKING:
            return handoff.announce(flow, call)
        case Phase.MESSAGE if call.line is None:
            return closing.perform(flow, call, VoicemailStep())
    return call, ()


def _without_agent(flow: Flow, call: Call) -> Step:
    decided = listening.read_rules(flow, call, Trigger())
    return decided or closing.perform(flow, call, VoicemailStep())


def tool_called(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    match event.name:
        case prompt.TRANSFER:
            return _proposed(flow, call, event)
        case prompt.NOTE_ANSWER:
            return _noted(flow, call, event)
        case prompt.NOTE_MOOD:
            mood = _text(event, "mood")
            call = replace(call, mood=mood, mood_turns=0 if mood != call.mood else call.mood_turns)
            return together(
                (call, (AnswerTool(event.tool_call, SAY_NOTHING),)), lambda c: listening.after_count(flow, c)
            )
        case prompt.NOTE_UNSOLVED:
            call = replace(call, unsolved=call.unsolved + 1)
            answer = AnswerTool(event.tool_call, '{"status": "noted"}')
            return together((call, (answer,)), lambda c: listening.after_count(flow, c))
    return _flow_tool(flow, call, event)


def _proposed(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    """The model names a rule; it never names a department, and a second call while one is under way changes nothing."""
    matched, summary, next_step = (
        _text(event, name)[: listening.MOST_WORDS] for name in ("matched", "summary", "next_step")
    )
    if call.phase not in (Phase.TALKING, Phase.ARRIVING):
        answer = (AnswerTool(event.tool_call, ASKED if call.phase == Phase.ASKING else CONNECTING),)
        return together((call, answer), lambda c: handoff.improve_card(flow, c, summary, next_step))
    rule = _text(event, "rule")
    judged = [r.key for r in flow.rules if is_judged(r)]
    if rule not in judged:
        refusal = json.dumps({"status": "refused", "why": f"there is no rule {rule[:60]!r}", "rules": judged})
        return call, (AnswerTool(event.tool_call, refusal, is_error=True),)
    trigger = Trigger(proposed=rule, matched=matched or listening.last_said(call), text="")
    decided = listening.read_rules(flow, call, trigger, summary=summary, next_step=next_step, cut_in=False)
    if decided is None:  # the rule fired once already
        refusal = json.dumps(
            {
                "status": "refused",
                "why": "this was tried already in this call; offer to take a message or help yourself",
            }
        )
        return call, (AnswerTool(event.tool_call, refusal, is_error=True),)
    return together((call, (AnswerTool(event.tool_call, CONNECTING),)), lambda _: decided)


def _text(event: e.ToolCalled, name: str) -> str:
    """An argument as one line of text; whatever else the model sent is not trusted."""
    value = event.arguments.get(name, "")
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def _noted(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    name, value = _text(event, "field"), _text(event, "value")[: listening.MOST_WORDS]
    field = next((f for f in flow.receptionist.find_out if f.name == name), None)
    if field is None or not value:
        known = [f.name for f in flow.receptionist.find_out]
        return call, (
            AnswerTool(
                event.tool_call,
                json.dumps({"status": "refused", "why": "unknown field or no value", "fields": known}),
                is_error=True,
            ),
        )
    call = replace(call, fields={**call.fields, name: value})
    quiet = call.phase in (Phase.ASKING, Phase.MESSAGE)
    answer: Step = (call, (AnswerTool(event.tool_call, SAY_NOTHING if quiet else '{"status": "noted"}'),))
    if call.phase == Phase.ASKING:
        return together(answer, lambda c: handoff.answered(flow, c))
    if call.phase == Phase.MESSAGE:
        return together(answer, lambda c: closing.message_noted(flow, c))
    return answer


def _flow_tool(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    """A tool of the flow: work on a department's desk."""
    tool = next((t for t in flow.tools if t.name == event.name), None)
    if tool is None:
        return call, (
            AnswerTool(event.tool_call, '{"status": "refused", "why": "there is no such tool"}', is_error=True),
        )
    call = replace(call, works=call.works + 1, tools_run=(*call.tools_run, tool.name))
    fields = {a.name: _text(event, a.name)[: listening.MOST_WORDS] or "not given" for a in tool.asks_for}
    work = AddWork(f"{call.call_id}-w{call.works}", tool.name, tool.sends_to or next(iter(flow.departments)), fields)
    return call, (
        work,
        AnswerTool(event.tool_call, '{"status": "noted", "do": "tell the caller the office will confirm it"}'),
    )


# ---- sentences -------------------------------------------------------------------------------------------------------


def line_played(flow: Flow, call: Call, event: e.LinePlayed) -> Step:
    if call.line is None or call.line.id != event.line:
        return call, ()
    return line_over(flow, call)


def line_over(flow: Flow, call: Call) -> Step:
    """The pending sentence has been heard; what it announced follows."""
    assert call.line is not None
    said = Turn(call.at, "agent", call.line.text)
    then, call = call.line.then, replace(call, line=None, turns=(*call.turns, said))
    return AFTER_LINE[then](flow, call)


def _hold_again(flow: Flow, call: Call) -> Step:
    return call, (PlayMusic(flow.hold.music),) if call.phase == Phase.RINGING else ()


AFTER_LINE: dict[str, Callable[[Flow, Call], Step]] = {
    "announced": handoff.announced,
    "hold": _hold_again,
    "message": closing.message_begins,
    "hang_up": closing.hang_up,
}


def line_failed(flow: Flow, call: Call, event: e.LineFailed) -> Step:
    """The receptionist's voice cannot be had: the carrier's speaks, except for updates on hold, which are left out."""
    if call.line is None or call.line.id != event.line or call.caller_at != "stream":
        return call, ()
    if call.line.then == "hold":
        return line_over(flow, call)
    return say_by_carrier(call)


# ---- staff -----------------------------------------------------------------------------------------------------------


def leg_created(flow: Flow, call: Call, event: e.LegCreated | e.LegRinging) -> Step:
    """The carrier named a leg; if it is wanted no longer, it is ended now that it can be."""
    attempt = attempt_on(call, event.leg)
    if attempt is None:
        return call, (CancelLeg(event.leg, event.ref),)
    unwanted = attempt.outcome not in (None, "accepted") and not attempt.over and not attempt.ref
    call = with_attempt(call, event.leg, ref=event.ref)
    return call, (CancelLeg(event.leg, event.ref),) if unwanted else ()


def leg_unknown(flow: Flow, call: Call, event: e.LegUnknown) -> Step:
    return with_attempt(call, event.leg, unknown=True), ()


def leg_answered(flow: Flow, call: Call, event: e.LegAnswered) -> Step:
    return handoff.brief(flow, with_attempt(call, event.leg, ref=event.ref), event.leg, event.request)


def staff_pressed(flow: Flow, call: Call, event: e.StaffPressed) -> Step:
    if event.key == "1":
        return handoff.accept(flow, call, event.leg, event.request)
    attempt = attempt_on(call, event.leg)
    ended = (Answer(event.request, HangUp()),)
    if attempt is None or attempt.outcome is not None:
        return call, ended
    outcome = "voicemail" if attempt.machine and not event.key else "declined"
    return together(
        (call, ended), lambda c: handoff.attempt_over(flow, c, event.leg, outcome, f"key {event.key or 'none'}")
    )


def machine_detected(flow: Flow, call: Call, event: e.MachineDetected) -> Step:
    """Only names the outcome: a machine cannot press one. A key that came earlier stands."""
    attempt = attempt_on(call, event.leg)
    call = with_attempt(call, event.leg, machine=True)
    if attempt and attempt.outcome == "declined" and "none" in attempt.evidence:
        call = with_attempt(call, event.leg, outcome="voicemail")
    return call, ()


def leg_ended(flow: Flow, call: Call, event: e.LegEnded) -> Step:
    attempt = attempt_on(call, event.leg)
    if attempt is None or attempt.over:
        return call, ()
    call = with_attempt(call, event.leg, over=True, evidence=attempt.evidence or event.evidence)
    if attempt.outcome is None:
        return handoff.attempt_over(
            flow,
            call,
            event.leg,
            _why_ended(attempt.answered is not None, attempt.machine, event.outcome),
            event.evidence,
        )
    if call.handoff and call.handoff.winner == event.leg:
        if call.phase == Phase.BRIDGING:
            return handoff.bridge_failed(flow, call, event.evidence or "left before the caller came")
        if call.phase == Phase.CONNECTED:
            return staff_left(flow, call)
    return call, ()


def _why_ended(answered: bool, machine: bool, outcome: str) -> str:
    """What an ended leg means for the attempt that had no verdict yet."""
    if answered:
        return "voicemail" if machine else "declined"
    return "failed" if outcome == "completed" else outcome


def staff_left(flow: Flow, call: Call) -> Step:
    """The person hung up first; the room ends with them and the carrier asks what the caller gets."""
    return call, (StartTimer("goodbye", BACK_SECONDS),)


def joined_room(flow: Flow, call: Call, event: e.JoinedRoom) -> Step:
    return handoff.joined(flow, call, event.leg) if call.handoff and call.handoff.room == event.room else (call, ())


def left_room(flow: Flow, call: Call, event: e.LeftRoom) -> Step:
    if call.phase != Phase.CONNECTED or call.handoff is None or call.handoff.room != event.room:
        return call, ()
    if event.leg == call.caller_leg:
        return call, (CheckCaller(call.ref),)
    return staff_left(flow, call)


def caller_left_room(flow: Flow, call: Call, event: e.CallerLeftRoom) -> Step:
    """The caller's stay in the room is over: the person hung up, or never came."""
    match call.phase:
        case Phase.CONNECTED:
            return call, (Answer(event.request, HangUp()), StopTimer("goodbye"))
        case Phase.BRIDGING if call.handoff is not None and call.handoff.room == event.room:
            failed, commands = handoff.bridge_failed(flow, call, "the room ended before both were in it")
            document = ConnectCaller(failed.stream)
            return failed, (Answer(event.request, document), *(c for c in commands if not isinstance(c, MoveCaller)))
        case Phase.RETURNING:
            return call, (Answer(event.request, call.heading or ConnectCaller(call.stream)),)
    return returned(flow, call, event)


def card_shown(flow: Flow, call: Call, event: e.CardShown) -> Step:
    if call.handoff and call.handoff.id == event.handoff and call.handoff.card_at is None:
        return with_handoff(call, card_at=event.at), ()
    return call, ()


def card_confirmed(flow: Flow, call: Call, event: e.CardConfirmed) -> Step:
    if call.handoff is None:
        return call, ()
    call = with_handoff(call, confirmed=True)
    return handoff.release(flow, call) if call.phase == Phase.CONFIRMING else (call, ())


def refer_answered(flow: Flow, call: Call, event: e.ReferAnswered) -> Step:
    if event.accepted:
        return handoff.left_us(flow, call, event.request, "referred")
    return handoff.came_back(flow, call, event.request, "failed", event.evidence)


def dial_ended(flow: Flow, call: Call, event: e.DialEnded) -> Step:
    if event.bridged:
        return handoff.left_us(flow, call, event.request, "dialled")
    outcome = "failed" if event.outcome == "completed" else event.outcome
    return handoff.came_back(flow, call, event.request, outcome, event.evidence)


# ---- time ------------------------------------------------------------------------------------------------------------


def timer_fired(flow: Flow, call: Call, event: e.TimerFired) -> Step:
    name, _, leg = event.timer.partition(":")
    match name:
        case "fields" if call.phase == Phase.ASKING:
            return handoff.announce(flow, call)
        case "ring" | "key":
            return _waited_long_enough(flow, call, leg, answered=name == "key")
        case "hold" if call.phase == Phase.RINGING:
            return handoff.give_up(flow, call)
        case "update" if call.phase == Phase.RINGING:
            return handoff.update(flow, call)
        case "bridge" if call.phase == Phase.BRIDGING:
            return handoff.bridge_failed(flow, call, "the two did not meet in time")
        case "confirm" if call.phase == Phase.CONFIRMING:
            return handoff.not_confirmed(flow, call)
        case "message" if call.phase == Phase.MESSAGE:
            return closing.deliver(flow, call)
        case "unclear":
            return listening.not_understood(flow, call)
        case "back" if call.caller_at == "lost":
            return hung_up(flow, call, event)
        case "goodbye" if call.phase == Phase.CONNECTED:
            return moved(call, HangUp())
        case "rule" if call.phase == Phase.TALKING:
            return listening.after_count(flow, call)
    return call, ()


def _waited_long_enough(flow: Flow, call: Call, leg: str, *, answered: bool) -> Step:
    """The carrier has not told us in time how a leg ended: we end it and go on."""
    attempt = attempt_on(call, leg)
    if attempt is None or attempt.outcome is not None:
        return call, ()
    outcome = "unknown" if attempt.unknown and not attempt.ref else "timed_out" if answered else "no_answer"
    return together(
        (call, (CancelLeg(leg, attempt.ref),)),
        lambda c: handoff.attempt_over(flow, c, leg, outcome, "no word from the carrier"),
    )


# ---- the end ---------------------------------------------------------------------------------------------------------


def move_failed(flow: Flow, call: Call, event: e.CallerMoveFailed) -> Step:
    """The caller could not be moved: gone, or still where they were."""
    if event.gone:
        return hung_up(flow, call, event)
    call = replace(call, caller_at="stream" if call.caller_at == "moving" else call.caller_at)
    match call.phase:
        case Phase.BRIDGING:
            return handoff.bridge_failed(flow, call, f"the caller could not be moved: {event.evidence}")
        case Phase.RETURNING:
            return handoff.go_on(flow, call)
        case Phase.AWAY:
            return handoff.give_up(flow, with_handoff(call, winner=""))
    if call.line is not None:
        return line_over(flow, call)
    return call, (CheckCaller(call.ref),)


def hung_up(flow: Flow, call: Call, event: e.Event) -> Step:
    """The caller is gone: staff are told and released, what was begun is kept, the call has its one outcome."""
    commands: list[Command] = []
    if call.phase == Phase.MESSAGE:
        call, added = closing.add_work(flow, call, "message", flow.take_message.collect)
        commands += added
        call = replace(call, outcome="message")
    outcome = _final_outcome(call)
    if call.handoff is not None:
        call, more = _leave_staff(flow, call, outcome)
        commands += more
    if call.agent in ("starting", "ready"):
        commands.append(EndAgent())
    call = replace(
        call,
        phase=Phase.ENDED,
        caller_at="gone",
        agent="ended" if call.agent in ("starting", "ready") else call.agent,
        line=None,
    )
    return replace(call, outcome=outcome), (*commands, StopMusic(), EndCall(outcome))


def _final_outcome(call: Call) -> str:
    if call.outcome:
        return call.outcome
    if call.handoff is not None:
        return "abandoned"
    if call.phase in (Phase.TALKING, Phase.CLOSING):
        return "receptionist" if any(h.outcome == "receptionist" for h in call.past) else "ended"
    return "abandoned"


def _leave_staff(flow: Flow, call: Call, outcome: str) -> Step:
    call, released = handoff.release_all(call, "caller_gone", handoff.CALLER_GONE)
    winner = attempt_on(call, running(call).winner)
    told: tuple[Command, ...] = ()
    if winner is not None and not winner.over and call.phase == Phase.BRIDGING:
        told = (MoveStaff(winner.leg, winner.ref, HangUp(handoff.CALLER_GONE)),)
        call = with_attempt(call, winner.leg, outcome="caller_gone", ended=call.at)
    elif winner is not None and not winner.over and winner.ref:
        told = (CancelLeg(winner.leg, winner.ref),)
    status = (
        "ended" if call.phase == Phase.CONNECTED else outcome if outcome in ("referred", "dialled") else "abandoned"
    )
    ended = running(call).outcome or outcome
    return handoff.archive(flow, call, ended, status, (*released, *told))


def over(flow: Flow, call: Call, event: Asking) -> Step:
    return call, (Answer(event.request, HangUp()),)


def late_answer(flow: Flow, call: Call, event: e.LegAnswered | e.StaffPressed) -> Step:
    return call, (Answer(event.request, HangUp(handoff.CALLER_GONE)),)


TRANSITIONS: dict[tuple[Phase, type], Handler] = {
    (Phase.ARRIVING, e.MediaStarted): greet,
    (Phase.TALKING, e.SpeechEnded): listening.speech_ended,
    (Phase.TALKING, e.CallerSaid): listening.talking,
    (Phase.TALKING, e.KeyPressed): listening.key_pressed,
    (Phase.ASKING, e.CallerSaid): listening.in_handoff,
    (Phase.ANNOUNCING, e.CallerSaid): listening.in_handoff,
    (Phase.RINGING, e.CallerSaid): listening.on_hold,
    (Phase.RINGING, e.KeyPressed): listening.key_on_hold,
    (Phase.AWAY, e.ReferAnswered): refer_answered,
    (Phase.AWAY, e.DialEnded): dial_ended,
    (Phase.ENDED, e.LegAnswered): late_answer,
    (Phase.ENDED, e.StaffPressed): late_answer,
    (Phase.ENDED, e.CallerHungUp): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.CallerMoveFailed): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.CallerReturned): over,
    (Phase.ENDED, e.CallerLeftRoom): over,
    (Phase.ENDED, e.ReferAnswered): over,
    (Phase.ENDED, e.DialEnded): over,
    (Phase.ENDED, e.MediaStarted): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.ToolCalled): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.TimerFired): lambda flow, call, event: (call, ()),
}  # fmt: skip

ANYWHERE: dict[type, Handler] = {
    e.CallArrived: arrived,
    e.MediaStarted: media_back,
    e.MediaEnded: stream_lost,
    e.CallerReturned: returned,
    e.CallerLeftRoom: caller_left_room,
    e.ReferAnswered: returned,
    e.DialEnded: returned,
    e.CallerHungUp: hung_up,
    e.CallerMoveFailed: move_failed,
    e.MessageRecorded: lambda flow, call, event: closing.recorded(flow, call, event.request, event.url, event.seconds),
    e.CallerSaid: listening.caller_said,
    e.AgentSaid: listening.agent_said,
    e.StaffSaid: listening.staff_said,
    e.AgentReady: agent_ready,
    e.AgentFailed: agent_failed,
    e.ToolCalled: tool_called,
    e.LinePlayed: line_played,
    e.LineFailed: line_failed,
    e.LegCreated: leg_created,
    e.LegRinging: leg_created,
    e.LegUnknown: leg_unknown,
    e.LegAnswered: leg_answered,
    e.StaffPressed: staff_pressed,
    e.MachineDetected: machine_detected,
    e.LegEnded: leg_ended,
    e.JoinedRoom: joined_room,
    e.LeftRoom: left_room,
    e.CardShown: card_shown,
    e.CardConfirmed: card_confirmed,
    e.TimerFired: timer_fired,
    e.EngineRestarted: restarted,
}  # fmt: skip
