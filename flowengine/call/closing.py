"""What a call comes to when no person takes it: a message, a callback,
voicemail, the receptionist again, or the end.
"""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import events as e
from flowengine.call import gauging
from flowengine.call.card import local, values, work_fields
from flowengine.call.commands import (
    AddWork,
    Answer,
    AskAgent,
    Command,
    EndAgent,
    HangUp,
    LetAgentHear,
    LetAgentSpeak,
    PrepareLine,
    RecordCaller,
    StartTimer,
    StopMusic,
    StopTimer,
    TellAgent,
)
from flowengine.call.prompt import TAKING_MESSAGE, ask_for, opening, prompt
from flowengine.call.saying import Step, moved, say, together
from flowengine.call.state import Call, Handoff, Phase
from flowengine.call.wording import BACK, GOODBYE, THANKS, ours, worded
from flowengine.flow import model
from flowengine.flow.fill import fill
from flowengine.flow.hours import office_open
from flowengine.flow.model import Flow, Spoken

MESSAGE_SECONDS = 30.0  # for each question while a message is taken
RECORDED = "Thank you. Goodbye."


def possible(call: Call, step: model.Step) -> model.Step:
    """Without the agent, steps that need it become voicemail (language.md section 4, `receptionist_fails`)."""
    needs_agent = isinstance(
        step, model.TakeMessageStep | model.CallbackStep | model.ReceptionistStep | model.ToDepartment
    )
    return model.VoicemailStep() if call.agent == "failed" and needs_agent else step


def outcome_of(step: model.Step) -> tuple[str, str]:
    """(outcome of the hand-off that ends in this step, status on its card)."""
    match step:
        case model.TakeMessageStep():
            return "message", "message"
        case model.CallbackStep():
            return "callback", "callback"
        case model.VoicemailStep():
            return "voicemail", "voicemail"
        case model.HangUpStep():
            return "ended", "ended"
        case model.ReceptionistStep() | model.ToDepartment():
            return "receptionist", "returned"


def perform(flow: Flow, call: Call, step: model.Step, *, repeat: str = "") -> Step:
    """Do a step that is not a department. `repeat` is said first (an emergency's sentence)."""
    quiet: tuple[Command, ...] = (StopMusic(), LetAgentSpeak(False), PrepareLine(ours(THANKS, call.language)))
    match possible(call, step):
        case model.TakeMessageStep():
            text = fill(worded(message_line(flow, call), call.language), values(flow, call, for_message=True))
            return together(
                (replace(call, phase=Phase.MESSAGE), quiet), lambda c: say(c, f"{repeat} {text}".strip(), "message")
            )
        case model.CallbackStep():
            text = fill(worded(flow.callback.say, call.language), values(flow, call))
            call, added = add_work(flow, call, "callback", flow.take_message.collect)
            return together(
                (replace(call, phase=Phase.CLOSING, outcome="callback"), (*quiet, *added)),
                lambda c: say(c, f"{repeat} {text} {ours(GOODBYE, call.language)}".strip(), "hang_up"),
            )
        case model.VoicemailStep():
            text = fill(worded(flow.voicemail.say, call.language), values(flow, call))
            ended: Step = (
                replace(call, phase=Phase.RECORDING, agent="ended" if call.agent != "failed" else "failed"),
                (*quiet, EndAgent()),
            )
            return together(ended, lambda c: moved(c, RecordCaller(f"{repeat} {text}".strip())))
        case model.HangUpStep(spoken):
            text = fill(worded(spoken, call.language), values(flow, call))
            return together(
                (replace(call, phase=Phase.CLOSING, outcome="ended"), quiet),
                lambda c: say(c, f"{repeat} {text}".strip(), "hang_up"),
            )
        case model.ReceptionistStep() | model.ToDepartment():
            return back_to_receptionist(flow, call, *_what_happened(flow, call))


def _what_happened(flow: Flow, call: Call) -> tuple[str, str]:
    """The last hand-off in a sentence for the agent to know, and what it says first: names are not read out."""
    tried = call.past[-1].attempts if call.past else ()
    if tried and all(a.outcome == "cancelled" for a in tried):
        return (
            "the caller changed their mind and would rather talk to you",
            "Ask the caller, in one short friendly sentence, how you can help instead.",
        )
    names = (f"{flow.people[a.target.person].name} {(a.outcome or 'unknown').replace('_', ' ')}" for a in tried)
    happened = f"nobody could take the call: {', '.join(names)}" if tried else "nobody can be reached right now"
    return happened, "Tell the caller that nobody answered just now. Then offer to help yourself or to take a message."


def back_to_receptionist(flow: Flow, call: Call, happened: str, ask: str) -> Step:
    """The receptionist carries on: it knows what `happened` and says what `ask` asks for."""
    call = replace(call, phase=Phase.TALKING)
    listen = (StopMusic(), LetAgentSpeak(True), LetAgentHear(True), *gauging.begins(flow, call))
    if call.agent in ("none", "ended"):
        story = f"{happened}. {story_so_far(call)}"
        return replace(call, agent="starting"), (*listen, opening(flow, call, ours(BACK, call.language), story=story))
    return call, (*listen, TellAgent(prompt(flow, call, happened)), AskAgent(ask))


def story_so_far(call: Call) -> str:
    """The conversation for an agent that comes in late."""
    said = " / ".join(f"{t.speaker}: {t.text}" for t in call.turns[-20:])
    return f"The conversation so far: {said}" if said else ""


# ---- a message -------------------------------------------------------------------------------------------------------


def message_line(flow: Flow, call: Call) -> Spoken:
    return flow.take_message.say if office_open(flow, local(flow, call)) else flow.take_message.say_when_closed


def message_begins(flow: Flow, call: Call) -> Step:
    """The line has been heard: what the message still wants is asked."""
    wanted = tuple(name for name in flow.take_message.collect if not _known(call, name))
    call = replace(call, collecting=wanted)
    if not wanted:
        return deliver(flow, call)
    ready = (LetAgentSpeak(True), LetAgentHear(True), TellAgent(prompt(flow, call, TAKING_MESSAGE)))
    return together((call, ready), lambda c: _ask_next(flow, c))


def _known(call: Call, name: str) -> bool:
    return bool(call.fields.get(name) or (name == "callback_number" and call.caller))


def _ask_next(flow: Flow, call: Call) -> Step:
    return call, (AskAgent(ask_for(flow, call.collecting[0])), StartTimer("message", MESSAGE_SECONDS))


def message_noted(flow: Flow, call: Call) -> Step:
    """An answer came in: the next question, or the message is complete."""
    left = tuple(name for name in call.collecting if not _known(call, name))
    if left == call.collecting:
        return call, ()
    call = replace(call, collecting=left)
    return _ask_next(flow, call) if left else deliver(flow, call)


def deliver(flow: Flow, call: Call) -> Step:
    """The message goes to the office, the caller is thanked, the call ends."""
    call, added = add_work(flow, call, "message", flow.take_message.collect)
    call = replace(call, phase=Phase.CLOSING, outcome="message", collecting=())
    told = ours(THANKS, call.language)
    return together((call, (*added, StopTimer("message"), LetAgentSpeak(False))), lambda c: say(c, told, "hang_up"))


def add_work(flow: Flow, call: Call, kind: str, fields: tuple[str, ...], **more: str) -> Step:
    """Work for the desk of the department that was tried last."""
    call = replace(call, works=call.works + 1)
    work = AddWork(
        f"{call.call_id}-w{call.works}", kind, _department(flow, call), {**work_fields(flow, call, fields), **more}
    )
    return call, (work,)


def _department(flow: Flow, call: Call) -> str:
    tried: tuple[Handoff, ...] = (*call.past, *((call.handoff,) if call.handoff else ()))
    return next((h.department for h in reversed(tried) if h.department), next(iter(flow.departments)))


# ---- the end ---------------------------------------------------------------------------------------------------------


def recorded(flow: Flow, call: Call, event: e.MessageRecorded) -> Step:
    """The carrier kept the caller's voice: work for the desk, then goodbye."""
    added: tuple[Command, ...] = ()
    if event.seconds > 0:
        call, added = add_work(flow, call, "voicemail", flow.take_message.collect, recording=event.url)
    call = replace(call, outcome="voicemail" if event.seconds > 0 else "ended", phase=Phase.CLOSING)
    return call, (*added, Answer(event.request, HangUp(RECORDED)))


def hang_up(flow: Flow, call: Call) -> Step:
    """The last sentence has been heard."""
    return moved(call, HangUp())
