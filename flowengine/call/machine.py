"""A call's whole life as one table: what happens in which phase leads where. `step()` is the one door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flowengine.call import (
    agent,
    answering,
    arrivals,
    bridging,
    closing,
    consenting,
    consulting,
    gauging,
    giving_up,
    handoff,
    leaving,
    legs,
    letting_go,
    listening,
    parking,
    parting,
    quiet,
    ringing,
    switching,
    taping,
    telling,
    wondering,
)
from flowengine.call import events as e
from flowengine.call.commands import Answer, CancelLeg, Command, EndAgent, MoveStaff, StartTimer
from flowengine.call.documents import ConnectCaller, HangUp, RecordCaller
from flowengine.call.saying import Step, moved, together
from flowengine.call.state import Call, Phase, attempt_on, running, with_attempt
from flowengine.flow.model import Flow

Handler = Callable[[Flow, Call, Any], Step]

RELEASED_SECONDS = 6.0  # beyond the words by which somebody is released, before their leg is ended once more
RULE_AGAIN = 4.0  # seconds after which a timed rule is looked at again while the caller is being handed over
WITH_US = (Phase.ASKING, Phase.ANNOUNCING, Phase.CONFIRMING, Phase.RINGING, Phase.BRIDGING, Phase.RETURNING)


def step(flow: Flow, call: Call, event: e.Event) -> Step:
    """Advance one call by one event. Pure and total: same arguments, same answer; what is stale changes nothing.

    Every question of the carrier (an event with a `request`) is answered.
    """
    earlier = call
    before = call = _listened(replace(call, at=max(call.at, event.at)), event)
    handler = TRANSITIONS.get((call.phase, type(event))) or ANYWHERE.get(type(event))
    call, commands = handler(flow, call, event) if handler else (call, ())
    call, commands = together((call, commands), lambda c: consenting.follows(flow, c, event))
    request = getattr(event, "request", "")
    if request and not any(isinstance(c, Answer) and c.request == request for c in commands):
        commands = (*commands, Answer(request, HangUp()))
    call, delivered = telling.told(flow, earlier, call, commands)
    return call, (*commands, *_follows(before, call, commands), *delivered)


def _follows(before: Call, call: Call, commands: tuple[Command, ...]) -> tuple[Command, ...]:
    """The looks after people that every step brings with it, whatever it was."""
    return *_awaited(before, call), *leaving.watched(before, call), *_let_go(commands)


def _let_go(commands: tuple[Command, ...]) -> Iterator[Command]:
    """Whoever is let go is ended again a little later, after the words they hear: an order may be lost."""
    for command in commands:
        match command:
            case MoveStaff(leg, _, HangUp(say)):
                yield StartTimer(f"released:{leg}", RELEASED_SECONDS + len(say) / arrivals.LETTERS_A_SECOND)
            case CancelLeg(leg, ref) if ref:
                yield StartTimer(f"released:{leg}", RELEASED_SECONDS)


def _listened(call: Call, event: e.Event) -> Call:
    """Who speaks now, for sentences that should cut nobody short, and on which stream."""
    match event:
        case e.SpeechStarted():
            return replace(call, speaks="caller", speaks_since=call.at)
        case e.ReplyStarted():
            return replace(call, speaks="agent", speaks_since=call.at)
        case e.MediaStarted():
            return replace(call, speaks="", heard_on=event.stream)
        case e.SpeechEnded() | e.ReplyHeard():
            return replace(call, speaks="")
    return call


def _awaited(before: Call, call: Call) -> tuple[Command, ...]:
    """A caller who is on the way to a new stream of ours is waited for, but not for ever."""
    if call.stream == before.stream or not isinstance(call.heading, ConnectCaller) or call.phase == Phase.ENDED:
        return ()
    spoken = len(call.heading.say) / arrivals.LETTERS_A_SECOND
    return (StartTimer("arrive", arrivals.ARRIVES_SECONDS + spoken),)


def rescue(call: Call) -> Step:
    """After a mistake of ours: phones stop ringing and the caller can at least leave a message. Who talks with a
    person goes on talking."""
    rescued, commands = _rescued(call)
    return rescued, (*commands, *_follows(call, rescued, commands))


def _rescued(call: Call) -> Step:
    if call.phase in (Phase.CONNECTED, Phase.AWAY, Phase.ENDED):
        return call, ()
    call, released = _nobody_is_waited_for(call) if call.handoff else (call, ())
    call = replace(call, phase=Phase.RECORDING, line=None, agent="failed", outcome="failed", returns=0)
    return together((call, (*released, EndAgent())), lambda c: moved(c, RecordCaller(arrivals.SORRY)))


def _nobody_is_waited_for(call: Call) -> Step:
    """Everybody of the running hand-off is let go, and it joins the past; its card stays as it is."""
    call, released = giving_up.release_all(call, "failed", giving_up.NOT_CONNECTED)
    winner = attempt_on(call, running(call).winner)
    if winner is not None and not winner.over:
        call = with_attempt(call, winner.leg, outcome="failed", ended=call.at)
        released = (*released, MoveStaff(winner.leg, winner.ref, HangUp(giving_up.NOT_CONNECTED)))
    done = replace(running(call), outcome="failed", status="failed", ended_at=call.at)
    return replace(call, handoff=None, past=(*call.past, done)), released


def timer_fired(flow: Flow, call: Call, event: e.TimerFired) -> Step:
    """What a timer means, by the first part of its name; a leg may follow. One that comes too late means nothing."""
    name, _, leg = event.timer.partition(":")
    match name:
        case "fields" if call.phase == Phase.ASKING:
            return handoff.announce(flow, call)
        case "released":
            return legs.still_there(call, leg)
        case "ring" | "key":
            return legs.waited_long_enough(flow, call, leg, answered=name == "key")
        case "hold" if call.phase == Phase.RINGING:
            return giving_up.give_up(flow, call)
        case "update" if call.phase == Phase.RINGING:
            return ringing.update(flow, call)
        case "bridge" if call.phase == Phase.BRIDGING:
            return bridging.not_met_yet(flow, call)
        case "met" if call.phase == Phase.BRIDGING:
            return bridging.failed(flow, call, "the two did not meet in time")
        case "confirm" if call.phase == Phase.CONFIRMING:
            return letting_go.not_confirmed(flow, call)
        case "message" if call.phase == Phase.MESSAGE:
            return closing.deliver(flow, call)
        case "unclear":
            return listening.not_understood(flow, call)
        case "news":
            return ringing.break_news(call)
        case "move":
            return leaving.move_again(flow, call, event)
        case "arrive":
            return arrivals.never_arrived(flow, call)
        case "watch":
            return leaving.asked_after(call)
        case "back" if call.caller_at == "lost":
            return leaving.fetched_back(call)
        case "goodbye" if call.phase == Phase.CONNECTED:
            return parting.goes_on(flow, call)
        case "consult":
            return consulting.too_long(flow, call, leg)
        case "session":
            return switching.renewed(flow, call)
        case "promised":
            return listening.promise_not_kept(flow, call)
        case "gauged":
            return gauging.never_worded(flow, call)
        case "quiet":
            return quiet.timer(flow, call)
        case consenting.TIMER:
            return consenting.timer(flow, call)
        case taping.TIMER:
            return taping.stop_again(flow, call)
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
    (Phase.TALKING, e.ReplyStarted): lambda flow, call, event: together(
        quiet.reply_started(flow, call, event), lambda c: consenting.reply_started(flow, c, event)
    ),
    (Phase.TALKING, e.ReplyHeard): lambda flow, call, event: together(
        quiet.reply_heard(flow, call, event), lambda c: consenting.reply_heard(flow, c, event)
    ),
    (Phase.TALKING, e.CallerSaid): listening.talking,
    (Phase.TALKING, e.KeyPressed): listening.key_pressed,
    (Phase.ASKING, e.CallerSaid): listening.in_handoff,
    (Phase.ANNOUNCING, e.CallerSaid): listening.in_handoff,
    (Phase.RINGING, e.CallerSaid): listening.on_hold,
    (Phase.RINGING, e.KeyPressed): listening.key_on_hold,
    (Phase.MESSAGE, e.CallerSaid): closing.said_to_it,
    (Phase.MESSAGE, e.SpeechStarted): closing.caller_begins,
    (Phase.MESSAGE, e.ReplyHeard): closing.read_back_heard,
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
    (Phase.ENDED, e.TimerFired): lambda flow, call, event: legs.timer_after_the_end(call, event),
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
    e.WaitAsked: parking.wait_asked,
    e.AnnouncementAsked: legs.announcement_asked,
    e.CallerSaid: listening.caller_said,
    e.AgentSaid: listening.agent_said,
    e.CallerUnheard: leaving.unheard,
    e.StaffSaid: listening.staff_said,
    e.AgentReady: agent.agent_ready,
    e.AgentFailed: agent.agent_failed,
    e.ToolCalled: agent.tool_called,
    e.LinePlayed: arrivals.line_played,
    e.LineFailed: arrivals.line_failed,
    e.LegCreated: legs.leg_created,
    e.LegRinging: legs.leg_created,
    e.LegUnknown: legs.leg_unknown,
    e.LegAnswered: lambda flow, call, event: answering.picked_up(
        flow, legs.named(call, event.leg, event.ref), event
    ),
    e.StaffPressed: answering.pressed,
    e.StaffSaidWhy: answering.said_why,
    e.StaffDecided: answering.decided_on_page,
    e.ToolAnswered: agent.tool_answered,
    e.StaffMediaStarted: consulting.listening_now,
    e.StaffReturned: consulting.returned,
    e.ConsultFailed: consulting.failed,
    e.ConsultToolCalled: consulting.tool_called,
    e.MachineDetected: answering.machine_detected,
    e.LegEnded: legs.leg_ended,
    e.JoinedRoom: legs.joined_room,
    e.LeftRoom: legs.left_room,
    e.RoomSeen: bridging.seen,
    e.CardShown: legs.card_shown,
    e.CardConfirmed: legs.card_confirmed,
    e.RecordingStarted: taping.started,
    e.RecordingEnded: taping.ended,
    e.RecordingGoesOn: taping.goes_on,
    e.TimerFired: timer_fired,
    e.EngineRestarted: arrivals.restarted,
    e.EngineFailed: lambda flow, call, event: _rescued(call),
}  # fmt: skip
