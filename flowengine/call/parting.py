"""When two who met part again: the introduction they hear, and what the caller gets when the person leaves first."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import arrivals, closing, giving_up
from flowengine.call.commands import Answer, Command, MoveCaller, StartTimer, StopTimer
from flowengine.call.documents import ConnectCaller, HangUp
from flowengine.call.saying import Step, moved, sent, together, transfer
from flowengine.call.state import Call, Phase, attempt_on, running
from flowengine.call.wording import MEET, MEET_NAMELESS, ours
from flowengine.flow.fill import fill
from flowengine.flow.model import Flow, TakeMessageStep
from flowengine.flow.needs import private_fields

PARTED = "the caller has just talked with {person}, who has hung up"
ANYTHING_ELSE = "Ask the caller in one short friendly sentence whether there is anything else you can do."


def winner_name(flow: Flow, call: Call) -> str:
    """Who the caller talks with."""
    attempt = attempt_on(call, running(call).winner)
    return flow.people[attempt.target.person].name if attempt else ""


def introduction(flow: Flow, call: Call) -> str:
    """The one sentence both hear when they meet; without the caller's name where it is not known or is private."""
    private = private_fields(flow)
    caller = "" if "caller_name" in private else call.fields.get("caller_name", "")
    line = ours(MEET if caller else MEET_NAMELESS, call.language)
    return fill(line, {"person": winner_name(flow, call), "caller_name": caller})


def staff_left(flow: Flow, call: Call) -> Step:
    """The person hung up first; the room ends with them and the carrier asks what the caller gets."""
    return call, (StartTimer("goodbye", arrivals.BACK_SECONDS),)


def goes_on(flow: Flow, call: Call, request: str = "") -> Step:
    """What the flow says the caller gets now; without a `request` the caller is fetched, for nobody asked."""
    hand = running(call)
    wish = transfer(flow, hand.department).after_staff_hang_up
    stop = StopTimer("goodbye")
    if wish == "end" or call.agent == "failed":
        if request:
            return call, (Answer(request, HangUp()), stop)
        return together((call, (stop,)), lambda c: moved(c, HangUp()))
    story = PARTED.replace("{person}", winner_name(flow, call))
    call, shown = giving_up.archive(flow, call, "connected", "ended")
    call = replace(call, phase=Phase.RETURNING, after=f"after {wish}", stream=call.stream + 1, agent="ended")
    document = ConnectCaller(call.stream)
    go: Command = Answer(request, document) if request else MoveCaller(call.ref, document)
    return together((sent(call, document), (*shown, stop, go)), lambda c: closing.woken(flow, c, story))


def after_receptionist(flow: Flow, call: Call) -> Step:
    """The caller is back with the receptionist, who knows whom they talked with."""
    return closing.back_to_receptionist(flow, call, "the caller has talked with a person", ANYTHING_ELSE)


def after_message(flow: Flow, call: Call) -> Step:
    """The caller leaves a message for whatever is still open."""
    return closing.perform(flow, call, TakeMessageStep())
