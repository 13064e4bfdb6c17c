"""What the call makes of words and keys: turns are kept, counters counted, and the rules read at each final."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import consenting, giving_up, handoff, wondering
from flowengine.call import events as e
from flowengine.call.commands import AskAgent, Command, StartTimer, StopTimer
from flowengine.call.conditions import Trigger
from flowengine.call.quiet import not_quiet
from flowengine.call.rules import Wondering, first_true, nearly, promised_rule
from flowengine.call.saying import Step, together
from flowengine.call.state import Call, Phase, Turn
from flowengine.flow import words
from flowengine.flow.model import Flow

TURN_GAP = 3.0  # seconds between finals that are still one turn (language.md section 3)
UNCLEAR_SECONDS = 4.0  # from the end of speech to a final, before it counts as not understood
PROMISE_SECONDS = 3.0  # from the promise of a transfer to its beginning
TAKE_BACK = "You said that you would connect the caller; you cannot. Say so kindly and offer to take a message."
MOST_WORDS = 300  # characters kept of what the model writes


def read_rules(
    flow: Flow,
    call: Call,
    trigger: Trigger,
    *,
    summary: str = "",
    next_step: str = "",
    cut_in: bool = True,
    emergencies_only: bool = False,
) -> Step | None:
    """The hand-off of the first true rule, or the question on which that hangs, or None."""
    may_ask = call.phase == Phase.TALKING and call.agent in ("starting", "ready") and not emergencies_only
    fired = first_true(flow, call, trigger, emergencies_only=emergencies_only, may_ask=may_ask)
    if fired is None:
        return None
    if isinstance(fired, Wondering):
        return wondering.wonder(flow, call, fired.field, trigger, summary, next_step)
    close = nearly(flow, call, trigger, fired)
    return handoff.decide(flow, call, fired, summary=summary, next_step=next_step, cut_in=cut_in, close=close)


def heard(call: Call, text: str) -> Call:
    """The caller's words kept; finals that follow closely are one turn and count once."""
    last = call.turns[-1] if call.turns else None
    if last and last.speaker == "caller" and call.at - last.at < TURN_GAP:
        merged = replace(last, text=f"{last.text} {text}", at=call.at)
        return replace(call, turns=(*call.turns[:-1], merged), unclear=0, unheard=0)
    turns = (*call.turns, Turn(call.at, "caller", text))
    call = replace(call, caller_turns=call.caller_turns + 1, mood_turns=call.mood_turns + 1)
    return replace(call, turns=turns, unclear=0, unheard=0)


def last_said(call: Call) -> str:
    return next((t.text for t in reversed(call.turns) if t.speaker == "caller"), "")


def caller_said(flow: Flow, call: Call, event: e.CallerSaid) -> Step:
    """Outside the conversation with the receptionist, words are only kept."""
    return (heard(call, event.text.strip()), ()) if event.text.strip() else (call, ())


def talking(flow: Flow, call: Call, event: e.CallerSaid) -> Step:
    """A final while the receptionist and the caller talk."""
    if not event.text.strip():
        return call, ()
    confidence = call.confidence
    call, quiet = not_quiet(flow, replace(heard(call, event.text.strip()), confidence=None))
    gauged: tuple[Command, ...] = () if confidence is None else (StopTimer("gauged"),)
    understood: Step = (call, (StopTimer("unclear"), *quiet, *gauged))
    understood = together(understood, lambda c: consenting.answered(flow, c, event.text))
    decided = read_rules(flow, understood[0], Trigger(text=last_said(call), confidence=confidence))
    return together(understood, lambda c: decided or consenting.not_answered(flow, c, event.text))


def in_handoff(flow: Flow, call: Call, event: e.CallerSaid) -> Step:
    """During a hand-off only emergency rules are read; once decided, talking does not cancel it."""
    if not event.text.strip():
        return call, ()
    call = heard(call, event.text.strip())
    if words.hold_word(event.text) == "receptionist":
        return giving_up.never_mind(flow, call)
    return read_rules(flow, call, Trigger(text=last_said(call)), emergencies_only=True) or (call, ())


def on_hold(flow: Flow, call: Call, event: e.CallerSaid) -> Step:
    if words.hold_word(event.text) == "take_message":
        return giving_up.rather_a_message(flow, heard(call, event.text.strip()))
    return in_handoff(flow, call, event)


def key_pressed(flow: Flow, call: Call, event: e.KeyPressed) -> Step:
    call, quiet = not_quiet(flow, call)
    decided = read_rules(flow, call, Trigger(key=event.key))
    return together((call, quiet), lambda _: decided) if decided else (call, quiet)


def key_on_hold(flow: Flow, call: Call, event: e.KeyPressed) -> Step:
    """On hold, keys belong to the hold: star is never mind, one is a message."""
    match event.key:
        case "*":
            return giving_up.never_mind(flow, call)
        case "1":
            return giving_up.rather_a_message(flow, call)
    return call, ()


def speech_ended(flow: Flow, call: Call, event: e.SpeechEnded) -> Step:
    return replace(call, unheard=call.unheard + 1), (StartTimer("unclear", UNCLEAR_SECONDS),)


def not_understood(flow: Flow, call: Call) -> Step:
    """Speech ended and no words came."""
    if call.phase != Phase.TALKING:
        return replace(call, unheard=0), ()
    call = replace(call, unclear=call.unclear + max(1, call.unheard), unheard=0)
    again = AskAgent("Tell the caller kindly that you could not make out the words and ask them to say it again.")
    return read_rules(flow, call, Trigger()) or consenting.not_understood(flow, call) or (call, (again,))


def after_count(flow: Flow, call: Call) -> Step:
    """A counter or timer moved: the rules are read again."""
    if call.phase != Phase.TALKING:
        return call, ()
    return read_rules(flow, call, Trigger()) or (call, ())


def agent_said(flow: Flow, call: Call, event: e.AgentSaid) -> Step:
    text = event.text.strip()
    if not text:
        return call, ()
    call = replace(call, turns=(*call.turns, Turn(event.at, "agent", text, event.interrupted)))
    call, cut = consenting.cut_short(flow, call, event)
    if call.phase == Phase.TALKING and call.held is None and words.promises_transfer(text):
        return replace(call, promised=call.at), (*cut, StartTimer("promised", PROMISE_SECONDS))
    return call, cut


def promise_not_kept(flow: Flow, call: Call) -> Step:
    """The receptionist told the caller of a transfer and nobody has begun one: it is begun, or taken back."""
    if call.phase != Phase.TALKING or call.promised is None:
        return call, ()
    call = replace(call, promised=None)
    fired = promised_rule(flow, call, last_said(call))
    if fired is None:
        return call, (AskAgent(TAKE_BACK),)
    return handoff.decide(flow, call, fired, close=("promised by the receptionist without the tool",))


def staff_said(flow: Flow, call: Call, event: e.StaffSaid) -> Step:
    return replace(call, turns=(*call.turns, Turn(event.at, "staff", event.text))), ()
