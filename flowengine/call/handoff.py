"""Where a transfer is decided: department, people, attempt, acceptance, and what happens when nobody comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest

from flowengine.call import closing
from flowengine.call.card import briefing, card, ringing_names, values
from flowengine.call.commands import (
    Answer,
    AskAgent,
    BriefStaff,
    CancelLeg,
    ClearAudio,
    Command,
    ConnectCaller,
    DialNumber,
    EndAgent,
    HangUp,
    JoinCaller,
    JoinStaff,
    LetAgentHear,
    LetAgentSpeak,
    MoveStaff,
    PlayMusic,
    PrepareLine,
    ReferCaller,
    RingStaff,
    SendCard,
    ShowCard,
    StartTimer,
    StopTimer,
    TellAgent,
)
from flowengine.call.prompt import ask_for, prompt
from flowengine.call.rules import Fired, fires_once
from flowengine.call.saying import Step, moved, say, together
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
from flowengine.flow.fill import fill
from flowengine.flow.model import (
    Briefing,
    CallerSays,
    Flow,
    Method,
    ReceptionistStep,
    Ring,
    TakeMessageStep,
    Topic,
    Transfer,
)
from flowengine.flow.routing import RingPlan, ring_list, ring_person

ASKING_SECONDS = 20.0  # for all questions before a hand-off (language.md section 4)
BRIDGE_SECONDS = 12.0  # from the accept key to both parties in the room
RING_GRACE = 6.0  # beyond the ring time, before we stop waiting for the carrier's word
BRIEFING_SECONDS = 15.0  # beyond `accept_within`, for the briefing itself

TAKEN = "Thank you. This call has already been taken."
GIVEN_UP = "Thank you. The caller is no longer waiting."
CALLER_GONE = "I'm sorry, the caller has just hung up. Thank you."
NOT_CONNECTED = "I'm sorry, the caller could not be connected. Thank you."


# ---- the decision ----------------------------------------------------------------------------------------------------


def decide(
    flow: Flow, call: Call, fired: Fired, *, summary: str = "", next_step: str = "", cut_in: bool = True
) -> Step:
    """A rule fired: who is rung is fixed now, the card is published, then what is missing is asked or the line is
    spoken.

    `cut_in` stops what the caller hears at this moment; the agent's own tool call lets it finish.
    """
    call, cancelled = _drop_handoff(flow, call)
    plan = _plan(flow, call, fired)
    handoff = _handoff(flow, call, fired, plan, summary, next_step)
    call = replace(call, handoff=handoff, spent=call.spent | {fired.rule.key} if fires_once(fired.rule) else call.spent)
    call = _note_reason(call, fired)
    before: list[Command] = [*cancelled, ShowCard(handoff.id, card(flow, call, handoff))]
    if cut_in:
        before.append(ClearAudio())
    if flow.card.crm_webhook:
        before.append(SendCard(handoff.id, flow.card.crm_webhook, card(flow, call, handoff)))
    return together((call, tuple(before)), lambda c: _begin(flow, c))


def _drop_handoff(flow: Flow, call: Call) -> Step:
    """A running hand-off is replaced (an emergency came up): its phones stop ringing."""
    if call.handoff is None:
        return call, ()
    call, commands = release_all(call, "cancelled", TAKEN)
    return archive(flow, call, "cancelled", "ended", commands)


def _plan(flow: Flow, call: Call, fired: Fired) -> RingPlan:
    if fired.person:
        return ring_person(flow, fired.person, call.wall(), already_rung=call.rung)
    return ring_list(flow, fired.rule.to, call.wall(), already_rung=call.rung, rule=fired.rule)


def _handoff(flow: Flow, call: Call, fired: Fired, plan: RingPlan, summary: str, next_step: str) -> Handoff:
    stages = tuple(_stages(flow, call, plan))
    return Handoff(
        id=f"{call.call_id}-h{len(call.past) + 1}",
        rule=fired.rule.key,
        matched=fired.matched,
        department=plan.department,
        method=str(transfer(flow, plan.department).method) if stages else str(Method.CONFERENCE),
        decided=call.at,
        stages=stages,
        then=plan.then,
        emergency=fired.rule.emergency,
        say=fired.rule.say.text if fired.rule.say else "",
        summary=summary,
        next_step=next_step,
    )


def _stages(flow: Flow, call: Call, plan: RingPlan) -> Iterator[Stage]:
    """Who is rung together, one after another; a person's further numbers come after the first."""
    for stage in plan.stages:
        numbers = [list(_targets(flow, call, p, stage.department)) for p in stage.people]
        if stage.ring == Ring.IN_ORDER:
            yield from (Stage((t,), Ring.IN_ORDER) for person in numbers for t in person)
        else:
            yield from (Stage(tuple(t for t in row if t), Ring.ALL_AT_ONCE) for row in zip_longest(*numbers))


def _targets(flow: Flow, call: Call, person: str, department: str) -> Iterator[Target]:
    """Numbers that may be rung: never the caller's own, never the office's (a loop); REFER goes to SIP only."""
    forbidden = {call.caller, call.dialled, *flow.office.phone_numbers}
    start = "sip" if transfer(flow, department).method == Method.REFER else ""
    phones = (phone for phone in flow.people[person].phones if phone.startswith(start))
    return (Target(person, phone, department) for phone in phones if phone not in forbidden)


def transfer(flow: Flow, department: str) -> Transfer:
    found = flow.departments.get(department)
    return found.transfer if found else Transfer()


def _note_reason(call: Call, fired: Fired) -> Call:
    """For `topic` and `caller_says` rules the field `reason` is the turn that fired."""
    said = next((t.text for t in reversed(call.turns) if t.speaker == "caller"), "")
    if said and isinstance(fired.rule.condition, Topic | CallerSays) and not call.fields.get("reason"):
        return replace(call, fields={**call.fields, "reason": said})
    return call


def _begin(flow: Flow, call: Call) -> Step:
    handoff = running(call)
    if not handoff.stages:
        return give_up(flow, call)
    if missing(flow, call) and not handoff.emergency and call.agent == "ready":
        return _ask(flow, call)
    return announce(flow, call)


def improve_card(flow: Flow, call: Call, summary: str, next_step: str) -> Step:
    """The agent's sentence came after the engine had decided: the card gets it, nothing else changes."""
    if call.handoff is None or call.handoff.summary or not summary:
        return call, ()
    call = with_handoff(call, summary=summary, next_step=next_step)
    return call, (ShowCard(running(call).id, card(flow, call, running(call))),)


def missing(flow: Flow, call: Call) -> tuple[str, ...]:
    """Required fields nobody has told us and nobody was asked for."""
    return tuple(
        f.name
        for f in flow.receptionist.find_out
        if f.required and not call.fields.get(f.name) and f.name not in call.asked
    )


def _ask(flow: Flow, call: Call) -> Step:
    first = missing(flow, call)[0]
    call = replace(call, phase=Phase.ASKING, asked=(*call.asked, first))
    return call, (LetAgentSpeak(True), AskAgent(ask_for(flow, first)), StartTimer("fields", ASKING_SECONDS))


def answered(flow: Flow, call: Call) -> Step:
    """A field was noted while we were asking: the next question, or on with the hand-off."""
    if any(not call.fields.get(name) for name in call.asked):
        return call, ()
    if not missing(flow, call):
        return together((call, (StopTimer("fields"),)), lambda c: announce(flow, c))
    first = missing(flow, call)[0]
    return replace(call, asked=(*call.asked, first)), (AskAgent(ask_for(flow, first)),)


# ---- the announcement ------------------------------------------------------------------------------------------------


def announce(flow: Flow, call: Call) -> Step:
    """The hand-off line, as written; the agent is silent until it has been heard."""
    call = with_handoff(replace(call, phase=Phase.ANNOUNCING), status="announcing")
    handoff = running(call)
    text = fill(handoff.say or transfer(flow, handoff.department).say_before.text, values(flow, call))
    shown = (LetAgentSpeak(False), StopTimer("fields"), ShowCard(handoff.id, card(flow, call, handoff)))
    return together((call, shown), lambda c: say(c, text, then="announced"), lambda c: (c, _prepared(flow, c)))


def _prepared(flow: Flow, call: Call) -> tuple[Command, ...]:
    """Sentences soon needed whose values are known already."""
    known = values(flow, call)
    return tuple(PrepareLine(fill(line.text, known)) for line in (closing.message_line(flow, call), flow.callback.say))


def announced(flow: Flow, call: Call) -> Step:
    """The caller has heard the line."""
    call = with_handoff(call, announced=True)
    if running(call).method == Method.CONFERENCE:
        return start_ringing(flow, call)
    if running(call).confirmed:
        return release(flow, call)
    seconds = transfer(flow, running(call).department).card_confirmed_within
    return replace(call, phase=Phase.CONFIRMING), (PlayMusic(flow.hold.music), StartTimer("confirm", seconds))


# ---- ringing ---------------------------------------------------------------------------------------------------------


def start_ringing(flow: Flow, call: Call) -> Step:
    """Staff are rung while the caller holds with the receptionist."""
    call = replace(call, phase=Phase.RINGING)
    situation = "staff are being rung and the caller is holding. If the caller speaks, answer in one short sentence."
    hold = (
        TellAgent(prompt(flow, call, situation)),
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
        return _show(flow, call, "ringing")
    left = flow.most_phones_rung - call.phones_rung
    if not handoff.stages or left <= 0:
        return give_up(flow, call)
    stage, rest = handoff.stages[0], handoff.stages[1:]
    call, commands = _ring(flow, with_handoff(call, stages=rest), stage.targets[:left])
    return together((call, commands), lambda c: _show(flow, c, "ringing"), lambda c: (c, (_prepare_update(flow, c),)))


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
    return PrepareLine(fill(flow.hold.update_says.text, values(flow, call)))


def _show(flow: Flow, call: Call, status: str) -> Step:
    call = with_handoff(call, status=status)
    return call, (ShowCard(running(call).id, card(flow, call, running(call))),)


def update(flow: Flow, call: Call) -> Step:
    """What is true at this moment, for the caller on hold."""
    again: Step = (call, (StartTimer("update", flow.hold.update_every),))
    if not ringing_names(flow, running(call)) or call.line:
        return again
    return together(again, lambda c: say(c, fill(flow.hold.update_says.text, values(flow, c)), then="hold"))


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


# ---- acceptance ------------------------------------------------------------------------------------------------------


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
        *_stop_hold(),
        StopTimer(f"key:{leg}"),
        StartTimer("bridge", BRIDGE_SECONDS),
    )
    first: Step = (others[0], (Answer(request, JoinStaff(leg, room)), *join[1], *others[1], *quiet))
    return together(first, lambda c: _show(flow, c, "accepted"))


def _stop_hold() -> tuple[Command, ...]:
    return StopTimer("hold"), StopTimer("update")


def release_all(call: Call, outcome: str, told: str) -> Step:
    """Every open leg of the running hand-off is ended; whoever picked up is told why."""
    commands: list[Command] = []
    for attempt in open_attempts(call):
        call = with_attempt(call, attempt.leg, outcome=outcome, ended=call.at)
        commands += [let_go(attempt, told), StopTimer(f"ring:{attempt.leg}"), StopTimer(f"key:{attempt.leg}")]
    return call, tuple(commands)


def let_go(attempt: Attempt, told: str) -> Command:
    if attempt.answered is not None and attempt.ref:
        return MoveStaff(attempt.leg, attempt.ref, HangUp(told))
    return CancelLeg(attempt.leg, attempt.ref)


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
    return together((call, (StopTimer("bridge"), EndAgent())), lambda c: _show(flow, c, "connected"))


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
    return together((call, leave), lambda c: bring_back(flow, c, "ring"))


def bring_back(flow: Flow, call: Call, after: str) -> Step:
    """The caller comes back to a stream of ours, then `after` goes on."""
    call = replace(call, after=after)
    if call.caller_at == "stream":
        return go_on(flow, call)
    call = replace(call, phase=Phase.RETURNING, stream=call.stream + 1)
    return moved(call, ConnectCaller(call.stream))


def go_on(flow: Flow, call: Call) -> Step:
    """The caller is with us again: what was to follow follows."""
    after, call = call.after, replace(call, after="")
    hear: Step = (call, (LetAgentHear(True),))
    return together(hear, lambda c: AFTER[after](flow, c))


def _ring_again(flow: Flow, call: Call) -> Step:
    return start_ringing(flow, call) if call.handoff else back_to_talk(flow, call)


def back_to_talk(flow: Flow, call: Call) -> Step:
    return closing.back_to_receptionist(flow, call, "the line broke for a moment and is back")


AFTER: dict[str, Callable[[Flow, Call], Step]] = {
    "ring": _ring_again,
    "give_up": lambda flow, call: give_up(flow, call),
    "announce": lambda flow, call: announce(flow, call),
    "talk": back_to_talk,
    "": back_to_talk,
}


# ---- refer and dial --------------------------------------------------------------------------------------------------


def release(flow: Flow, call: Call) -> Step:
    """The card is confirmed and the line heard: the caller is let go to the next target."""
    handoff = running(call)
    left = flow.most_phones_rung - call.phones_rung
    if not handoff.stages or left <= 0:
        return give_up(flow, call)
    target = handoff.stages[0].targets[0]
    leg = f"{call.call_id}-staff-{call.phones_rung + 1}"
    call = replace(call, phase=Phase.AWAY, phones_rung=call.phones_rung + 1, rung=(*call.rung, target.person))
    attempts = (*handoff.attempts, Attempt(leg, target, call.at))
    call = with_handoff(
        call, stages=handoff.stages[1:], attempts=attempts, winner=leg, first_ring_at=handoff.first_ring_at or call.at
    )
    call, commands = moved(call, _way_out(flow, call, target, handoff))
    return together((call, (*commands, StopTimer("confirm"), LetAgentHear(False))), lambda c: _show(flow, c, "ringing"))


def _way_out(flow: Flow, call: Call, target: Target, handoff: Handoff) -> ReferCaller | DialNumber:
    if handoff.method == Method.REFER:
        return ReferCaller(target.address, handoff.id)
    return DialNumber(target.address, transfer(flow, target.department).ring_for, call.dialled)


def left_us(flow: Flow, call: Call, request: str, outcome: str) -> Step:
    """The caller is with somebody else for good (`referred` or `dialled`)."""
    call = with_attempt(call, running(call).winner, outcome="accepted", ended=call.at)
    call = with_handoff(call, outcome=outcome, accepted_at=call.at, connected_at=call.at)
    done = (Answer(request, HangUp()), EndAgent())
    return together((replace(call, outcome=outcome, agent="ended"), done), lambda c: _show(flow, c, outcome))


def came_back(flow: Flow, call: Call, request: str, outcome: str, evidence: str) -> Step:
    """Refer or dial came to nothing: the caller is back, and the next target or the fallback follows."""
    call = with_attempt(call, running(call).winner, outcome=outcome, ended=call.at, evidence=evidence)
    more = bool(running(call).stages)
    call = replace(
        with_handoff(call, winner=""),
        phase=Phase.RETURNING,
        stream=call.stream + 1,
        after="announce" if more else "give_up",
    )
    document = ConnectCaller(call.stream)
    return replace(call, heading=document, caller_at="moving"), (Answer(request, document),)


def not_confirmed(flow: Flow, call: Call) -> Step:
    """Nobody has the card: the caller is not let go."""
    step = transfer(flow, running(call).department).if_card_not_confirmed
    return give_up(flow, with_handoff(call, then=step))


# ---- nobody came -----------------------------------------------------------------------------------------------------


def give_up(flow: Flow, call: Call, released_as: str = "timed_out") -> Step:
    """The list is exhausted or the wait too long: the named next step. An
    emergency's own sentence is repeated before it.
    """
    call, released = release_all(call, released_as, GIVEN_UP)
    step = closing.possible(call, running(call).then)
    outcome, status = closing.outcome_of(step)
    repeat = running(call).say if running(call).emergency else ""
    call, shown = archive(flow, call, outcome, status, released)
    return together((call, (*shown, *_stop_hold())), lambda c: closing.perform(flow, c, step, repeat=repeat))


def archive(flow: Flow, call: Call, outcome: str, status: str, before: tuple[Command, ...] = ()) -> Step:
    """The running hand-off is over and joins the past."""
    done = replace(running(call), outcome=outcome, status=status, ended_at=call.at)
    call = replace(call, handoff=None, past=(*call.past, done), line=None)
    return call, (*before, ShowCard(done.id, card(flow, call, done)))


def never_mind(flow: Flow, call: Call) -> Step:
    """The caller would rather talk to the receptionist after all."""
    return _instead(flow, call, ReceptionistStep())


def rather_a_message(flow: Flow, call: Call) -> Step:
    return _instead(flow, call, TakeMessageStep())


def _instead(flow: Flow, call: Call, step: ReceptionistStep | TakeMessageStep) -> Step:
    return give_up(flow, with_handoff(call, then=step), "cancelled")
