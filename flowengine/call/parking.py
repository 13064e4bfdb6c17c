"""A caller who waits without the receptionist: alone in a room, with our music and what is true at that moment."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import arrivals
from flowengine.call import events as e
from flowengine.call.card import ringing_names, values
from flowengine.call.commands import Answer, Command, EndAgent, LetAgentHear, LetAgentSpeak, MoveCaller
from flowengine.call.conditions import spoken_language
from flowengine.call.documents import ParkCaller, Wait
from flowengine.call.saying import Step, in_room, moved, sent, together
from flowengine.call.state import Call, Phase, open_attempts, running, with_handoff
from flowengine.call.wording import worded
from flowengine.flow.fill import fill
from flowengine.flow.model import Flow

PIECE = 20.0  # seconds of music at most between two questions of the carrier; as long as ours is
LEAST_PIECE = 2.0
WORDS_A_SECOND = 2.6
SLACK = 1.0  # seconds by which an update may come before its time rather than a whole piece of music after it


def parks(flow: Flow) -> bool:
    """Whether callers wait without the receptionist."""
    return not flow.hold.receptionist_stays


def park(flow: Flow, call: Call) -> Step:
    """The caller goes into a room of the hand-off's own at once; the receptionist's session ends."""
    talked = call.agent in ("starting", "ready")
    quiet: tuple[Command, ...] = (LetAgentSpeak(False), LetAgentHear(False), *((EndAgent(),) if talked else ()))
    call = _new_room(replace(call, agent="ended" if talked else call.agent))
    return together(moved(call, ParkCaller(running(call).room)), lambda c: (c, quiet))


def _new_room(call: Call) -> Call:
    call = replace(call, rooms=call.rooms + 1)
    return with_handoff(call, room=f"{call.call_id}-room-{call.rooms}", caller_in=False, staff_in=False)


def wait_asked(flow: Flow, call: Call, event: e.WaitAsked) -> Step:
    """The carrier wants to know what the waiting caller hears next; that it asks shows where the caller is."""
    if call.phase not in (Phase.RINGING, Phase.BRIDGING) or call.handoff is None or call.handoff.room != event.room:
        return _elsewhere(flow, call, event)
    if call.phase == Phase.BRIDGING:
        return with_handoff(call, caller_in=True), (Answer(event.request, _wait(flow, call)),)
    call = with_handoff(replace(call, caller_at="room", returns=0), caller_in=True)
    say = _news(flow, call)
    last = running(call).updated
    updated = call.at if say or last is None else last
    spoken = len(say.split()) / WORDS_A_SECOND
    seconds = max(LEAST_PIECE, min(PIECE, round(updated + flow.hold.update_every - call.at - spoken, 1)))
    return with_handoff(call, news="" if say else running(call).news, updated=updated), (
        Answer(event.request, _wait(flow, call, say, seconds)),
    )


def _wait(flow: Flow, call: Call, say: str = "", seconds: float = PIECE) -> Wait:
    return Wait(say, flow.hold.music, seconds, spoken_language(flow, call))


def _elsewhere(flow: Flow, call: Call, event: e.WaitAsked) -> Step:
    """The caller should be somewhere else by now. Who could not be moved is moved again."""
    music: Step = (call, (Answer(event.request, _wait(flow, call)),))
    if call.caller_at != "room" or call.heading is None or isinstance(call.heading, ParkCaller):
        return music
    return together(music, lambda c: (sent(c, call.heading), (MoveCaller(c.ref, call.heading),)))  # type: ignore[arg-type]


def _news(flow: Flow, call: Call) -> str:
    """What there is to tell: how the last attempt ended, or, when it is time, whom it rings now."""
    hand = running(call)
    if any(attempt.answered is not None for attempt in open_attempts(call)):
        return ""  # somebody is about to say yes or no: nothing that their coming would cut short
    due = hand.updated is not None and call.at - hand.updated >= flow.hold.update_every - SLACK
    update = worded(flow.hold.update_says, call.language) if due and ringing_names(flow, hand) else ""
    return hand.news or fill(update, values(flow, call))


def again(flow: Flow, call: Call, event: e.CallerLeftRoom) -> Step:
    """The room ended under a waiting caller (somebody came in and left): a new one, and the phones ring on."""
    call = replace(call, returns=call.returns + 1)
    if call.returns > arrivals.MOST_RETURNS:
        return arrivals.returned(flow, call, event)
    call = _new_room(call)
    document = ParkCaller(running(call).room)
    return sent(call, document), (Answer(event.request, document),)


def waits_alone(call: Call) -> bool:
    """Whether the caller waits in a room, or is on the way there, while phones ring."""
    return call.phase == Phase.RINGING and in_room(call)
