"""A call's whole life as one table: what happens in which phase leads where. `step()` is the one door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flowengine.call import (
    agent,
    arrivals,
    closing,
    gauging,
    giving_up,
    handoff,
    leaving,
    legs,
    letting_go,
    listening,
    quiet,
    ringing,
    wondering,
)
from flowengine.call import events as e
from flowengine.call.commands import (
    Answer,
    EndAgent,
    HangUp,
    RecordCaller,
    StartTimer,
)
from flowengine.call.saying import Step, moved, together
from flowengine.call.state import (
    Call,
    Phase,
)
from flowengine.flow.model import Flow

Handler = Callable[[Flow, Call, Any], Step]

RULE_AGAIN = 4.0  # seconds after which a timed rule is looked at again while the caller is being handed over
WITH_US = (Phase.ASKING, Phase.ANNOUNCING, Phase.CONFIRMING, Phase.RINGING, Phase.BRIDGING, Phase.RETURNING)


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
    call, released = giving_up.release_all(call, "failed", giving_up.NOT_CONNECTED) if call.handoff else (call, ())
    call = replace(call, phase=Phase.RECORDING, handoff=None, line=None, agent="failed", outcome="failed")
    return together((call, (*released, EndAgent())), lambda c: moved(c, RecordCaller(arrivals.SORRY)))


def timer_fired(flow: Flow, call: Call, event: e.TimerFired) -> Step:
    name, _, leg = event.timer.partition(":")
    match name:
        case "fields" if call.phase == Phase.ASKING:
            return handoff.announce(flow, call)
        case "ring" | "key":
            return legs.waited_long_enough(flow, call, leg, answered=name == "key")
        case "hold" if call.phase == Phase.RINGING:
            return giving_up.give_up(flow, call)
        case "update" if call.phase == Phase.RINGING:
            return ringing.update(flow, call)
        case "bridge" if call.phase == Phase.BRIDGING:
            return ringing.bridge_failed(flow, call, "the two did not meet in time")
        case "confirm" if call.phase == Phase.CONFIRMING:
            return letting_go.not_confirmed(flow, call)
        case "message" if call.phase == Phase.MESSAGE:
            return closing.deliver(flow, call)
        case "unclear":
            return listening.not_understood(flow, call)
        case "back" if call.caller_at == "lost":
            return leaving.hung_up(flow, call, event)
        case "goodbye" if call.phase == Phase.CONNECTED:
            return moved(call, HangUp())
        case "gauged":
            return gauging.never_worded(flow, call)
        case "quiet":
            return quiet.timer(flow, call)
        case "only_if":
            return wondering.no_answer_came(flow, call)
        case "rule" if call.phase == Phase.TALKING:
            return listening.after_count(flow, call)
        case "rule" if call.handoff is not None and call.phase in WITH_US:  # the caller may yet come back to talk
            return call, (StartTimer(event.timer, RULE_AGAIN),)
    return call, ()


TRANSITIONS: dict[tuple[Phase, type], Handler] = {
    (Phase.ARRIVING, e.MediaStarted): arrivals.greet,
    (Phase.TALKING, e.SpeechStarted): quiet.speech_started,
    (Phase.TALKING, e.SpeechEnded): listening.speech_ended,
    (Phase.TALKING, e.SpeechGauged): gauging.gauged,
    (Phase.TALKING, e.ReplyStarted): quiet.reply_started,
    (Phase.TALKING, e.ReplyHeard): quiet.reply_heard,
    (Phase.TALKING, e.CallerSaid): listening.talking,
    (Phase.TALKING, e.KeyPressed): listening.key_pressed,
    (Phase.ASKING, e.CallerSaid): listening.in_handoff,
    (Phase.ANNOUNCING, e.CallerSaid): listening.in_handoff,
    (Phase.RINGING, e.CallerSaid): listening.on_hold,
    (Phase.RINGING, e.KeyPressed): listening.key_on_hold,
    (Phase.RECORDING, e.MessageRecorded): closing.recorded,
    (Phase.AWAY, e.ReferAnswered): legs.refer_answered,
    (Phase.AWAY, e.DialEnded): legs.dial_ended,
    (Phase.ENDED, e.LegAnswered): legs.late_answer,
    (Phase.ENDED, e.StaffPressed): legs.late_answer,
    (Phase.ENDED, e.CallerHungUp): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.CallerMoveFailed): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.CallerReturned): arrivals.over,
    (Phase.ENDED, e.CallerLeftRoom): arrivals.over,
    (Phase.ENDED, e.ReferAnswered): arrivals.over,
    (Phase.ENDED, e.DialEnded): arrivals.over,
    (Phase.ENDED, e.MessageRecorded): arrivals.over,
    (Phase.ENDED, e.MediaStarted): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.ToolCalled): lambda flow, call, event: (call, ()),
    (Phase.ENDED, e.TimerFired): lambda flow, call, event: (call, ()),
}  # fmt: skip


ANYWHERE: dict[type, Handler] = {
    e.CallArrived: arrivals.arrived,
    e.MediaStarted: arrivals.media_back,
    e.MediaEnded: arrivals.stream_lost,
    e.CallerReturned: arrivals.returned,
    e.CallerLeftRoom: legs.caller_left_room,
    e.ReferAnswered: arrivals.returned,
    e.DialEnded: arrivals.returned,
    e.CallerHungUp: leaving.hung_up,
    e.CallerMoveFailed: leaving.move_failed,
    e.MessageRecorded: arrivals.returned,
    e.CallerSaid: listening.caller_said,
    e.AgentSaid: listening.agent_said,
    e.StaffSaid: listening.staff_said,
    e.AgentReady: agent.agent_ready,
    e.AgentFailed: agent.agent_failed,
    e.ToolCalled: agent.tool_called,
    e.LinePlayed: arrivals.line_played,
    e.LineFailed: arrivals.line_failed,
    e.LegCreated: legs.leg_created,
    e.LegRinging: legs.leg_created,
    e.LegUnknown: legs.leg_unknown,
    e.LegAnswered: legs.leg_answered,
    e.StaffPressed: legs.staff_pressed,
    e.MachineDetected: legs.machine_detected,
    e.LegEnded: legs.leg_ended,
    e.JoinedRoom: legs.joined_room,
    e.LeftRoom: legs.left_room,
    e.CardShown: legs.card_shown,
    e.CardConfirmed: legs.card_confirmed,
    e.TimerFired: timer_fired,
    e.EngineRestarted: arrivals.restarted,
    e.EngineFailed: lambda flow, call, event: rescue(call),
}  # fmt: skip
