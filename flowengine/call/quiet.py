"""How long the caller has said nothing, for `quiet_for`: from the end of a reply to speech or a key."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import events as e
from flowengine.call import listening
from flowengine.call.commands import AskAgent, StartTimer, StopTimer
from flowengine.call.conditions import SLACK, Trigger, quiet_limits, quiet_seconds
from flowengine.call.saying import Step
from flowengine.call.state import Call, Phase, Quiet
from flowengine.flow.model import Flow

TIMER = "quiet"
STOP = StopTimer(TIMER)
QUESTION_SECONDS = 8.0  # for "are you still there" to be begun; after that the caller's quiet counts again
STILL_THERE = "The caller has gone quiet. Ask in one short, friendly sentence whether they are still there."


def reply_started(flow: Flow, call: Call, event: e.ReplyStarted) -> Step:
    """While the receptionist speaks the caller is not quiet. Her question whether somebody is there only pauses the
    count; anything else she says begins it anew."""
    if not quiet_limits(flow, call):
        return call, ()
    paused = call.quiet.asked and call.quiet.since is None
    quiet = Quiet(event.reply, None, call.quiet.counted if paused else 0.0, call.quiet.asked)
    return replace(call, quiet=quiet), (STOP,)


def reply_heard(flow: Flow, call: Call, event: e.ReplyHeard) -> Step:
    """The caller has heard her out: from now on it is the caller who is quiet."""
    if not quiet_limits(flow, call) or call.quiet.reply != event.reply or call.quiet.since is not None:
        return call, ()
    return _counting(flow, replace(call, quiet=replace(call.quiet, since=call.at)))


def _counting(flow: Flow, call: Call) -> Step:
    """The timer to the next moment at which something follows from the quiet."""
    now, limits = quiet_seconds(call), quiet_limits(flow, call)
    moments = (*limits, *(() if call.quiet.asked else (limits[0] / 2,)))
    ahead = [moment - now for moment in moments if moment > now + SLACK]
    return call, (StartTimer(TIMER, round(min(ahead), 3)),) if ahead else ()


def timer(flow: Flow, call: Call) -> Step:
    """The caller is still quiet: a rule fires, or halfway the receptionist asks once."""
    if call.phase != Phase.TALKING or call.caller_at != "stream" or not quiet_limits(flow, call):
        return call, ()
    if call.quiet.since is None:  # her question was never heard; the count goes on all the same
        return _counting(flow, replace(call, quiet=replace(call.quiet, since=call.at)))
    if decided := listening.read_rules(flow, call, Trigger()):
        return decided
    halfway = quiet_seconds(call) + SLACK >= quiet_limits(flow, call)[0] / 2
    if halfway and not call.quiet.asked and call.agent == "ready":
        quiet = replace(call.quiet, since=None, counted=quiet_seconds(call), asked=True)
        return replace(call, quiet=quiet), (AskAgent(STILL_THERE), StartTimer(TIMER, QUESTION_SECONDS))
    return _counting(flow, call)


def not_quiet(flow: Flow, call: Call) -> Step:
    """The caller is heard from, or the receptionist is at work: whoever was quiet is so no longer."""
    if not quiet_limits(flow, call) or call.quiet == Quiet():
        return call, ()
    return replace(call, quiet=Quiet()), (STOP,)


def speech_started(flow: Flow, call: Call, event: e.SpeechStarted) -> Step:
    return not_quiet(flow, call)
