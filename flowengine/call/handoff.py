"""Where a transfer is decided: the department, the people, what is asked first, and the line the caller hears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import zip_longest

from flowengine.call import closing, consenting, parting, quiet
from flowengine.call.card import card, values
from flowengine.call.commands import (
    AskAgent,
    ClearAudio,
    Command,
    GaugeSpeech,
    LetAgentHear,
    LetAgentSpeak,
    NoteDecision,
    PlayMusic,
    ShowCard,
    StartTimer,
    StopTimer,
)
from flowengine.call.conditions import gauges_speech, quiet_limits, spoken_language
from flowengine.call.giving_up import TAKEN, archive, give_up, release_all
from flowengine.call.letting_go import release
from flowengine.call.prompt import ask_for, introduce
from flowengine.call.ringing import start_ringing
from flowengine.call.rules import Fired, fires_once, ring_plan
from flowengine.call.saying import Step, prepared, say, together, transfer
from flowengine.call.state import (
    Call,
    Handoff,
    Phase,
    Quiet,
    Stage,
    Target,
    running,
    with_handoff,
)
from flowengine.call.wording import worded
from flowengine.flow.abilities import ASKING_SECONDS
from flowengine.flow.fill import fill
from flowengine.flow.model import (
    CallerSays,
    Flow,
    Method,
    Ring,
    Topic,
)
from flowengine.flow.routing import RingPlan


def decide(
    flow: Flow,
    call: Call,
    fired: Fired,
    *,
    summary: str = "",
    next_step: str = "",
    cut_in: bool = True,
    close: tuple[str, ...] = (),
) -> Step:
    """A rule fired: who is rung is fixed now, the card is published, then what is missing is asked or the line is
    spoken.

    `cut_in` stops what the caller hears at this moment; the agent's own tool call lets it finish.
    """
    call, dropped = _drop_handoff(flow, call)
    call, over = _talk_is_over(flow, call)
    plan = ring_plan(flow, call, fired)
    handoff = replace(_handoff(flow, call, fired, plan, summary, next_step), close=close)
    call = replace(call, handoff=handoff, spent=call.spent | {fired.rule.key} if fires_once(fired.rule) else call.spent)
    call = _note_reason(call, fired)
    why = NoteDecision(handoff.id, handoff.rule, handoff.matched, close)
    before: list[Command] = [*dropped, *over, why, ShowCard(handoff.id, card(flow, call, handoff))]
    if cut_in:
        before.append(ClearAudio())
    return together((call, tuple(before)), lambda c: _begin(flow, c))


def _talk_is_over(flow: Flow, call: Call) -> Step:
    """A hand-off begins: nothing that was being waited for or measured matters any more."""
    commands: list[Command] = [StopTimer("only_if")] if call.held else []
    commands += [quiet.STOP] if quiet_limits(flow, call) else []
    commands += [GaugeSpeech(False)] if gauges_speech(flow, call) else []
    commands += [StopTimer("promised")] if call.promised is not None else []
    return replace(call, held=None, quiet=Quiet(), confidence=None, promised=None), tuple(commands)


def _drop_handoff(flow: Flow, call: Call) -> Step:
    """A running hand-off is replaced (an emergency came up): its phones stop ringing."""
    if call.handoff is None:
        return call, ()
    call, commands = release_all(call, "cancelled", TAKEN)
    return archive(flow, call, "cancelled", "ended", commands)


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
        say=worded(fired.rule.say, call.language) if fired.rule.say else "",
        summary=summary,
        next_step=next_step,
    )


def _stages(flow: Flow, call: Call, plan: RingPlan) -> Iterator[Stage]:
    """Who is rung together, one after another; a person's further numbers come after the first."""
    for stage in plan.stages:
        for people in _speakers_first(flow, call, stage.people):
            numbers = [list(_targets(flow, call, p, stage.department)) for p in people]
            if stage.ring == Ring.IN_ORDER:
                yield from (Stage((t,), Ring.IN_ORDER) for person in numbers for t in person)
            else:
                yield from (Stage(tuple(t for t in row if t), Ring.ALL_AT_ONCE) for row in zip_longest(*numbers))


def _speakers_first(flow: Flow, call: Call, people: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """In another language than calls begin in: those who speak it, then the others; else everyone as listed."""
    language = spoken_language(flow, call)
    if language == flow.receptionist.languages[0]:
        return (people,)
    able = tuple(p for p in people if language in flow.people[p].languages)
    return tuple(group for group in (able, tuple(p for p in people if p not in able)) if group)


def _targets(flow: Flow, call: Call, person: str, department: str) -> Iterator[Target]:
    """Numbers that may be rung: never the caller's own, never the office's (a loop); REFER goes to SIP only."""
    forbidden = {call.caller, call.dialled, *flow.office.phone_numbers}
    start = "sip" if transfer(flow, department).method == Method.REFER else ""
    phones = (phone for phone in flow.people[person].phones if phone.startswith(start))
    return (Target(person, phone, department) for phone in phones if phone not in forbidden)


def _note_reason(call: Call, fired: Fired) -> Call:
    """For `topic` and `caller_says` rules the field `reason` is the turn that fired, unless one is known; an emergency
    is always the reason."""
    said = next((t.text for t in reversed(call.turns) if t.speaker == "caller"), "")
    is_it = fired.rule.emergency or not call.fields.get("reason")
    if said and is_it and isinstance(fired.rule.condition, Topic | CallerSays):
        return replace(call, fields={**call.fields, "reason": said})
    return call


def _begin(flow: Flow, call: Call) -> Step:
    handoff = running(call)
    if not handoff.stages:
        return give_up(flow, call)
    if missing(flow, call) and not handoff.emergency and call.agent in ("starting", "ready"):
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
        if f.required and not call.fields.get(f.name) and f.name not in (*call.asked, *call.wondered)
    )


def _ask(flow: Flow, call: Call) -> Step:
    first = missing(flow, call)[0]
    asking = question(flow, call, first)
    call = replace(call, phase=Phase.ASKING, asked=(*call.asked, first), greeted=True)
    return call, (LetAgentSpeak(True), asking, StartTimer("fields", ASKING_SECONDS))


def question(flow: Flow, call: Call, name: str) -> AskAgent:
    """The receptionist asks for a field. A caller who was not greeted hears first who is asking."""
    return AskAgent(ask_for(flow, name) if call.greeted else f"{introduce(flow)} {ask_for(flow, name)}")


def answered(flow: Flow, call: Call) -> Step:
    """A field was noted while we were asking: the next question, or on with the hand-off."""
    if any(not call.fields.get(name) for name in call.asked):
        return call, ()
    if not missing(flow, call):
        return together((call, (StopTimer("fields"),)), lambda c: announce(flow, c))
    first = missing(flow, call)[0]
    return replace(call, asked=(*call.asked, first)), (AskAgent(ask_for(flow, first)),)


def announce(flow: Flow, call: Call) -> Step:
    """The hand-off line, as written; the agent is silent until it has been heard."""
    call = with_handoff(replace(call, phase=Phase.ANNOUNCING), status="announcing")
    handoff = running(call)
    text = fill(handoff.say or worded(transfer(flow, handoff.department).say_before, call.language), values(flow, call))
    text = text if handoff.emergency else consenting.with_line(flow, call, text)
    shown = (LetAgentSpeak(False), StopTimer("fields"), ShowCard(handoff.id, card(flow, call, handoff)))
    return together((call, shown), lambda c: say(c, text, then="announced"), lambda c: (c, _prepared(flow, c)))


def _prepared(flow: Flow, call: Call) -> tuple[Command, ...]:
    """Sentences soon needed whose values are known already."""
    known = values(flow, call)
    lines = (closing.message_line(flow, call), flow.callback.say)
    return tuple(prepared(call, fill(worded(line, call.language), known)) for line in lines)


def announced(flow: Flow, call: Call) -> Step:
    """The caller has heard the line."""
    call = with_handoff(call, announced=True)
    if running(call).method == Method.CONFERENCE:
        return start_ringing(flow, call)
    if running(call).confirmed:
        return release(flow, call)
    seconds = transfer(flow, running(call).department).card_confirmed_within
    return replace(call, phase=Phase.CONFIRMING), (PlayMusic(flow.hold.music), StartTimer("confirm", seconds))


def go_on(flow: Flow, call: Call) -> Step:
    """The caller is with us again: what was to follow follows."""
    after, call = call.after, replace(call, after="")
    hear: Step = (call, (LetAgentHear(True),))
    return together(hear, lambda c: AFTER[after](flow, c))


def _ring_again(flow: Flow, call: Call) -> Step:
    return start_ringing(flow, call) if call.handoff else back_to_talk(flow, call)


def back_to_talk(flow: Flow, call: Call) -> Step:
    happened = "the line broke for a moment and is back"
    return closing.back_to_receptionist(flow, call, happened, "Say that the line broke for a moment, and go on.")


AFTER: dict[str, Callable[[Flow, Call], Step]] = {
    "receptionist": lambda flow, call: closing.back_to_receptionist(flow, call, *closing.what_happened(flow, call)),
    "after receptionist": lambda flow, call: parting.after_receptionist(flow, call),
    "after take_message": lambda flow, call: parting.after_message(flow, call),
    "ring": _ring_again,
    "give_up": lambda flow, call: give_up(flow, call),
    "announce": lambda flow, call: announce(flow, call),
    "talk": back_to_talk,
    "": back_to_talk,
}
