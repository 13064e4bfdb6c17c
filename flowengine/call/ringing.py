"""Staff are rung while the caller holds: one phone after another or all at once, until one accepts or none is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowengine.call import closing, parking
from flowengine.call.card import card, ringing_names, values
from flowengine.call.commands import (
    Command,
    EndConsult,
    LetAgentSpeak,
    PlayMusic,
    PrepareLine,
    RingStaff,
    ShowCard,
    StartTimer,
    StopTimer,
    TellAgent,
)
from flowengine.call.giving_up import give_up
from flowengine.call.prompt import ON_HOLD, prompt
from flowengine.call.saying import Step, in_room, prepared, say, together, transfer
from flowengine.call.state import (
    Attempt,
    Call,
    Handoff,
    Phase,
    Stage,
    Target,
    attempt_on,
    open_attempts,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.call.wording import worded
from flowengine.flow.abilities import NEW_CALL_SECONDS, Line, digits_for, leaves_note, line_of, shows_caller
from flowengine.flow.fill import fill
from flowengine.flow.model import Flow

RING_GRACE = 6.0  # beyond the ring time, before we stop waiting for the carrier's word
LATER = 2.0  # seconds until it is tried again to tell the caller something
LONGEST_SPEECH = 8.0  # seconds somebody speaks before we speak all the same
NO_KEY = "no key"  # the evidence of a briefing that nobody answered with a key
TOLD_AS = {"voicemail": "no_answer", "timed_out": "no_answer", "unknown": "no_answer"}  # of `hold.says`


def start_ringing(flow: Flow, call: Call) -> Step:
    """Staff are rung while the caller holds: with the receptionist, or alone in a room."""
    call = replace(call, phase=Phase.RINGING)
    wait: Step = (call, (StartTimer("hold", transfer(flow, running(call).department).longest_wait),))
    if in_room(call) and running(call).room:
        return together(wait, lambda c: ring_next(flow, c))
    if parking.parks(flow) and call.caller_at in ("stream", "room"):  # a room of an earlier hand-off is not this one's
        return together(wait, lambda c: parking.park(flow, c), lambda c: ring_next(flow, c))
    return together(
        wait, lambda c: closing.woken(flow, c, ON_HOLD), lambda c: (c, _hold(flow, c)), lambda c: ring_next(flow, c)
    )


def _hold(flow: Flow, call: Call) -> tuple[Command, ...]:
    return (
        TellAgent(prompt(flow, call, ON_HOLD)),
        LetAgentSpeak(True),
        PlayMusic(flow.hold.music),
        StartTimer("update", flow.hold.update_every),
    )


def ring_next(flow: Flow, call: Call) -> Step:
    """The next stage of phones, unless some still ring; with none left, what the flow says then."""
    handoff = running(call)
    if open_attempts(call):
        return show(flow, call, "ringing")
    left = flow.most_phones_rung - call.phones_rung
    stages = _without_those_who_declined(handoff)
    if not stages or left <= 0:
        return give_up(flow, call)
    stage, rest = stages[0], stages[1:]
    call, commands = _ring(flow, with_handoff(call, stages=rest), stage.targets[:left])
    return together((call, commands), lambda c: show(flow, c, "ringing"), lambda c: (c, (_prepare_update(flow, c),)))


def _without_those_who_declined(handoff: Handoff) -> tuple[Stage, ...]:
    """What is left to ring: a person who said no on one phone is not rung on the next."""
    said_no = {a.target.person for a in handoff.attempts if a.outcome == "declined" and a.evidence != NO_KEY}
    left = (Stage(tuple(t for t in s.targets if t.person not in said_no), s.ring) for s in handoff.stages)
    return tuple(stage for stage in left if stage.targets)


def _ring(flow: Flow, call: Call, targets: Iterable[Target]) -> Step:
    commands: list[Command] = []
    for place, target in enumerate(targets):
        call, command = _ring_one(flow, call, target, place * NEW_CALL_SECONDS)
        commands += command
    return call, tuple(commands)


def _ring_one(flow: Flow, call: Call, target: Target, late: float) -> tuple[Call, list[Command]]:
    """`late`: seconds the carrier may wait before it begins this one."""
    leg = f"{call.call_id}-staff-{call.phones_rung + 1}"
    settings, line = transfer(flow, target.department), line_of(target.address)
    extension = digits_for(settings, line, flow.people[target.person].extension)
    attempts = (*running(call).attempts, Attempt(leg, target, call.at))
    call = replace(call, phones_rung=call.phones_rung + 1, rung=tuple(dict.fromkeys((*call.rung, target.person))))
    call = with_handoff(call, attempts=attempts, first_ring_at=running(call).first_ring_at or call.at)
    ring = RingStaff(
        leg,
        target.address,
        settings.ring_for,
        caller_id=call.dialled if call.arrives_by == "phone" else next(iter(flow.office.phone_numbers)),
        show_caller=call.caller if shows_caller(settings, Line(call.arrives_by)) else "",
        extension=extension,
        hear_machine_out=leaves_note(settings, extension),
    )
    return call, [ring, StartTimer(f"ring:{leg}", settings.ring_for + RING_GRACE + late)]


def _prepare_update(flow: Flow, call: Call) -> PrepareLine:
    return prepared(call, fill(worded(flow.hold.update_says, call.language), values(flow, call)))


def show(flow: Flow, call: Call, status: str) -> Step:
    call = with_handoff(call, status=status)
    return call, (ShowCard(running(call).id, card(flow, call, running(call))),)


def update(flow: Flow, call: Call) -> Step:
    """What is true at this moment, for the caller on hold with the receptionist."""
    again: Step = (call, (StartTimer("update", flow.hold.update_every),))
    if not ringing_names(flow, running(call)) or call.line or call.caller_at != "stream":
        return again
    if busy(call):
        return call, (StartTimer("update", LATER),)
    text = fill(worded(flow.hold.update_says, call.language), values(flow, call))
    return together(again, lambda c: say(c, text, then="hold"))


def attempt_over(flow: Flow, call: Call, leg: str, outcome: str, evidence: str = "") -> Step:
    """One phone came to nothing: the others of its stage ring on, or the next is tried, and the caller is told."""
    attempt = attempt_on(call, leg)
    consulted = (EndConsult(leg), StopTimer(f"consult:{leg}")) if attempt and attempt.consulting else ()
    call = with_attempt(call, leg, outcome=outcome, ended=call.at, evidence=evidence, consulting=False)
    stop = (*consulted, StopTimer(f"ring:{leg}"), StopTimer(f"key:{leg}"))
    if call.phase != Phase.RINGING or call.handoff is None or all(a.leg != leg for a in call.handoff.attempts):
        return call, stop
    return together((call, stop), lambda c: ring_next(flow, c), lambda c: _tell(flow, c, leg, outcome))


def _tell(flow: Flow, call: Call, leg: str, outcome: str) -> Step:
    """What the flow says of such an outcome, while others are still being tried."""
    attempt, line = attempt_on(call, leg), flow.hold.says.get(TOLD_AS.get(outcome, outcome))
    if line is None or attempt is None or call.phase != Phase.RINGING or call.handoff is None:
        return call, ()
    who = {**values(flow, call), "person": flow.people[attempt.target.person].name}
    return break_news(with_handoff(call, news=fill(worded(line, call.language), who)))


def busy(call: Call) -> bool:
    """Whether a sentence of ours would cut somebody short: the caller or the receptionist speaks, or somebody who
    picked up is about to say yes or no."""
    speaks = call.speaks != "" and call.at - call.speaks_since < LONGEST_SPEECH
    return speaks or any(attempt.answered is not None for attempt in open_attempts(call))


def break_news(call: Call) -> Step:
    """News for the caller on hold is said at once, or when what is being said is over."""
    news = call.handoff.news if call.handoff else ""
    if not news or call.line is not None or call.caller_at != "stream":
        return call, ()
    if busy(call):
        return call, (StartTimer("news", LATER),)
    return say(with_handoff(call, news=""), news, then="hold")
