"""Staff are rung while the caller holds: one phone after another or all at once, until one accepts or none is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowengine.call.card import briefing, card, ringing_names, values
from flowengine.call.commands import (
    Answer,
    BriefStaff,
    Command,
    ConnectCaller,
    EndAgent,
    HangUp,
    JoinCaller,
    JoinStaff,
    LetAgentHear,
    LetAgentSpeak,
    MoveStaff,
    PlayMusic,
    PrepareLine,
    RingStaff,
    ShowCard,
    StartTimer,
    StopTimer,
    TellAgent,
)
from flowengine.call.giving_up import CALLER_GONE, NOT_CONNECTED, TAKEN, give_up, release_all, stop_hold
from flowengine.call.prompt import ON_HOLD, prompt
from flowengine.call.saying import Step, moved, prepared, say, together, transfer
from flowengine.call.state import (
    Attempt,
    Call,
    Phase,
    Target,
    attempt_on,
    open_attempts,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.call.wording import worded
from flowengine.flow.fill import fill
from flowengine.flow.model import (
    Briefing,
    Flow,
)

BRIDGE_SECONDS = 12.0  # from the accept key to both parties in the room
RING_GRACE = 6.0  # beyond the ring time, before we stop waiting for the carrier's word
BRIEFING_SECONDS = 15.0  # beyond `accept_within`, for the briefing itself


def start_ringing(flow: Flow, call: Call) -> Step:
    """Staff are rung while the caller holds with the receptionist."""
    call = replace(call, phase=Phase.RINGING)
    hold = (
        TellAgent(prompt(flow, call, ON_HOLD)),
        LetAgentSpeak(True),
        PlayMusic(flow.hold.music),
        StartTimer("hold", transfer(flow, running(call).department).longest_wait),
        StartTimer("update", flow.hold.update_every),
    )
    return together((call, hold), lambda c: ring_next(flow, c))


def ring_next(flow: Flow, call: Call) -> Step:
    """The next stage of phones, unless some still ring; with none left, what the flow says then."""
    handoff = running(call)
    if open_attempts(call):
        return show(flow, call, "ringing")
    left = flow.most_phones_rung - call.phones_rung
    if not handoff.stages or left <= 0:
        return give_up(flow, call)
    stage, rest = handoff.stages[0], handoff.stages[1:]
    call, commands = _ring(flow, with_handoff(call, stages=rest), stage.targets[:left])
    return together((call, commands), lambda c: show(flow, c, "ringing"), lambda c: (c, (_prepare_update(flow, c),)))


def _ring(flow: Flow, call: Call, targets: Iterable[Target]) -> Step:
    commands: list[Command] = []
    for target in targets:
        call, command = _ring_one(flow, call, target)
        commands += command
    return call, tuple(commands)


def _ring_one(flow: Flow, call: Call, target: Target) -> tuple[Call, list[Command]]:
    leg = f"{call.call_id}-staff-{call.phones_rung + 1}"
    seconds = transfer(flow, target.department).ring_for
    attempts = (*running(call).attempts, Attempt(leg, target, call.at))
    call = replace(call, phones_rung=call.phones_rung + 1, rung=tuple(dict.fromkeys((*call.rung, target.person))))
    call = with_handoff(call, attempts=attempts, first_ring_at=running(call).first_ring_at or call.at)
    shown = call.dialled if call.arrives_by == "phone" else next(iter(flow.office.phone_numbers))
    return call, [RingStaff(leg, target.address, seconds, shown), StartTimer(f"ring:{leg}", seconds + RING_GRACE)]


def _prepare_update(flow: Flow, call: Call) -> PrepareLine:
    return prepared(call, fill(worded(flow.hold.update_says, call.language), values(flow, call)))


def show(flow: Flow, call: Call, status: str) -> Step:
    call = with_handoff(call, status=status)
    return call, (ShowCard(running(call).id, card(flow, call, running(call))),)


def update(flow: Flow, call: Call) -> Step:
    """What is true at this moment, for the caller on hold."""
    again: Step = (call, (StartTimer("update", flow.hold.update_every),))
    if not ringing_names(flow, running(call)) or call.line:
        return again
    text = fill(worded(flow.hold.update_says, call.language), values(flow, call))
    return together(again, lambda c: say(c, text, then="hold"))


def brief(flow: Flow, call: Call, leg: str, request: str) -> Step:
    """Somebody picked up: the briefing, if the call still wants anybody."""
    attempt = attempt_on(call, leg)
    handoff = call.handoff
    if attempt is None or handoff is None or attempt.outcome is not None or call.phase != Phase.RINGING:
        gone = call.phase == Phase.ENDED
        return call, (Answer(request, HangUp(CALLER_GONE if gone else TAKEN)),)
    settings = transfer(flow, attempt.target.department)
    words = briefing(flow, call, handoff) if settings.briefing != Briefing.CARD_ONLY else f"{flow.office.name}."
    text = f"{words} Press one to take the call."
    call = with_attempt(call, leg, answered=attempt.answered or call.at)
    wait = settings.accept_within + BRIEFING_SECONDS
    return call, (
        Answer(request, BriefStaff(leg, text, settings.accept_within)),
        StopTimer(f"ring:{leg}"),
        StartTimer(f"key:{leg}", wait),
    )


def attempt_over(flow: Flow, call: Call, leg: str, outcome: str, evidence: str = "") -> Step:
    """One phone came to nothing: the others of its stage ring on, or the next is tried."""
    call = with_attempt(call, leg, outcome=outcome, ended=call.at, evidence=evidence)
    stop = (StopTimer(f"ring:{leg}"), StopTimer(f"key:{leg}"))
    if call.phase != Phase.RINGING or call.handoff is None or all(a.leg != leg for a in call.handoff.attempts):
        return call, stop
    return together((call, stop), lambda c: ring_next(flow, c))


def accept(flow: Flow, call: Call, leg: str, request: str) -> Step:
    """The first to accept wins; the caller moves once, now."""
    attempt = attempt_on(call, leg)
    handoff = call.handoff
    if handoff and handoff.winner == leg and call.phase in (Phase.BRIDGING, Phase.CONNECTED):
        return call, (Answer(request, JoinStaff(leg, handoff.room)),)  # the same news twice
    if handoff is None or attempt is None or attempt.outcome is not None or call.phase != Phase.RINGING:
        return call, (Answer(request, HangUp(CALLER_GONE if call.phase == Phase.ENDED else TAKEN)),)
    room = f"{call.call_id}-room-{len(call.past) + 1}-{len(handoff.attempts)}"
    call = with_attempt(call, leg, outcome="accepted")
    call = with_handoff(
        replace(call, phase=Phase.BRIDGING), winner=leg, room=room, accepted_at=call.at, status="accepted"
    )
    join = moved(call, JoinCaller(room))
    others = release_all(join[0], "cancelled", TAKEN)
    quiet = (
        LetAgentSpeak(False),
        LetAgentHear(False),
        *stop_hold(),
        StopTimer(f"key:{leg}"),
        StartTimer("bridge", BRIDGE_SECONDS),
    )
    first: Step = (others[0], (Answer(request, JoinStaff(leg, room)), *join[1], *others[1], *quiet))
    return together(first, lambda c: show(flow, c, "accepted"))


def joined(flow: Flow, call: Call, leg: str) -> Step:
    """One of the two is in the room; with both there, they are connected."""
    handoff = call.handoff
    if handoff is None or call.phase != Phase.BRIDGING or leg not in (call.caller_leg, handoff.winner):
        return call, ()
    mine = leg == call.caller_leg
    call = with_handoff(call, caller_in=handoff.caller_in or mine, staff_in=handoff.staff_in or not mine)
    call = replace(call, caller_at="room") if mine else call
    if not (running(call).caller_in and running(call).staff_in):
        return call, ()
    call = with_handoff(
        replace(call, phase=Phase.CONNECTED, outcome="connected", agent="ended"),
        connected_at=call.at,
        outcome="connected",
    )
    return together((call, (StopTimer("bridge"), EndAgent())), lambda c: show(flow, c, "connected"))


def bridge_failed(flow: Flow, call: Call, why: str) -> Step:
    """Somebody accepted but the two did not meet: the person is released and the caller comes back to us."""
    handoff = running(call)
    winner = attempt_on(call, handoff.winner)
    assert winner is not None
    call = with_attempt(call, winner.leg, outcome="failed", ended=call.at, evidence=why)
    call = with_handoff(call, winner="", room="", accepted_at=None, caller_in=False, staff_in=False)
    leave: tuple[Command, ...] = (
        StopTimer("bridge"),
        *(() if winner.over else (MoveStaff(winner.leg, winner.ref, HangUp(NOT_CONNECTED)),)),
    )
    return together((call, leave), lambda c: bring_back(flow, c))


def bring_back(flow: Flow, call: Call) -> Step:
    """The caller comes back to a stream of ours, then the next phone rings."""
    if call.caller_at == "stream":
        return together((call, (LetAgentHear(True),)), lambda c: start_ringing(flow, c))
    call = replace(call, phase=Phase.RETURNING, stream=call.stream + 1, after="ring")
    return moved(call, ConnectCaller(call.stream))
