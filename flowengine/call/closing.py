"""What a call comes to when no person takes it: a message, a callback,
voicemail, the receptionist again, or the end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from zoneinfo import ZoneInfo

from flowengine.call import agent, gauging, listening
from flowengine.call import events as e
from flowengine.call.card import card, local, values, work_fields
from flowengine.call.commands import (
    AddWork,
    Answer,
    AskAgent,
    Command,
    EndAgent,
    LetAgentHear,
    LetAgentSpeak,
    PrepareLine,
    ShowCard,
    StartTimer,
    StopMusic,
    StopTimer,
    TellAgent,
)
from flowengine.call.documents import HangUp, RecordCaller
from flowengine.call.prompt import TAKING_MESSAGE, ask_for, opening, prompt
from flowengine.call.saying import Step, fetched, in_room, moved, say, together, voice
from flowengine.call.state import Call, Handoff, Phase
from flowengine.call.wording import BACK, GOODBYE, THANKS, ours, worded
from flowengine.flow import model, words
from flowengine.flow.fill import fill
from flowengine.flow.hours import callback_time, office_open
from flowengine.flow.model import Flow, Spoken

MESSAGE_SECONDS = 30.0  # for each question while a message is taken
READ_SECONDS = 25.0  # for what was taken down to be read to the caller
YES_SECONDS = 2.0  # of quiet after it that mean yes
CORRECTING_SECONDS = 15.0  # for a caller who puts something right
MOST_READ_BACK = 2
READ_BACK = (
    "Read this back to the caller in one sentence and ask whether it is right; when they correct something, call "
    "note_answer with it:"
)
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
    quiet: Step = (call, (StopMusic(), LetAgentSpeak(False), PrepareLine(ours(THANKS, call.language))))
    return together(quiet, lambda c: _performed(flow, c, possible(c, step), repeat))


def _performed(flow: Flow, call: Call, step: model.Step, repeat: str) -> Step:
    match step:
        case model.TakeMessageStep():
            return _take_down(flow, call, "message", message_line(flow, call), repeat)
        case model.CallbackStep():
            return _take_down(flow, call, "callback", flow.callback.say, repeat)
        case model.VoicemailStep():
            text = fill(worded(flow.voicemail.say, call.language), values(flow, call))
            call = replace(call, phase=Phase.RECORDING, agent="ended" if call.agent != "failed" else "failed")
            return together((call, (EndAgent(),)), lambda c: _recording(c, f"{repeat} {text}".strip()))
        case model.HangUpStep(spoken):
            text = fill(worded(spoken, call.language), values(flow, call))
            call = replace(call, phase=Phase.CLOSING, outcome="ended")
            return say(call, f"{repeat} {text}".strip(), "hang_up")
        case model.ReceptionistStep() | model.ToDepartment():
            return back_to_receptionist(flow, call, *what_happened(flow, call))


def _recording(call: Call, text: str) -> Step:
    return moved(call, RecordCaller(text, language=voice(call.language)))


def _take_down(flow: Flow, call: Call, what: Literal["message", "callback"], line: Spoken, repeat: str) -> Step:
    """A message or a promised call: the line is said, then what is still wanted is asked."""
    text = fill(worded(line, call.language), values(flow, call, for_message=what == "message"))
    call = replace(call, phase=Phase.MESSAGE, taking=what, collecting=(), read_back=0)
    return together(woken(flow, call, TAKING_MESSAGE), lambda c: say(c, f"{repeat} {text}".strip(), what))


def woken(flow: Flow, call: Call, happened: str) -> Step:
    """The receptionist's session is opened again, silent at first, with the story so far; nothing if it lives."""
    if call.agent not in ("none", "ended"):
        return call, ()
    call = replace(call, agent="starting", late=True)
    return call, (opening(flow, call, "", story=happened), LetAgentSpeak(False), LetAgentHear(True))


def what_happened(flow: Flow, call: Call) -> tuple[str, str]:
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
    if in_room(call):
        call = replace(call, phase=Phase.RETURNING, after="receptionist")
        return together(woken(flow, call, happened), fetched)
    call = replace(call, phase=Phase.TALKING)
    if call.agent == "failed":
        return agent.without_agent(flow, call)
    listen = (StopMusic(), LetAgentSpeak(True), LetAgentHear(True), *gauging.begins(flow, call))
    if call.agent in ("none", "ended"):
        call = replace(call, agent="starting", late=True)
        return call, (*listen, opening(flow, call, ours(BACK, call.language), story=happened))
    return call, (*listen, TellAgent(prompt(flow, call, happened)), AskAgent(ask))


# ---- a message -------------------------------------------------------------------------------------------------------


def message_line(flow: Flow, call: Call) -> Spoken:
    return flow.take_message.say if office_open(flow, local(flow, call)) else flow.take_message.say_when_closed


def message_begins(flow: Flow, call: Call) -> Step:
    """The line has been heard: what the message still wants is asked."""
    return _collect(flow, call, flow.take_message.collect)


def callback_begins(flow: Flow, call: Call) -> Step:
    """The promise has been heard: the number it is made to is asked for where nobody knows it."""
    return _collect(flow, call, ("callback_number",))


def _collect(flow: Flow, call: Call, fields: tuple[str, ...]) -> Step:
    call = replace(call, collecting=tuple(name for name in fields if not _known(call, name)))
    if call.agent == "failed":
        return _collected_alone(flow, call)
    ready = (LetAgentSpeak(True), LetAgentHear(True), TellAgent(prompt(flow, call, TAKING_MESSAGE)))
    return together((call, ready), lambda c: _ask_next(flow, c) if c.collecting else _read_back(flow, c))


def _collected_alone(flow: Flow, call: Call) -> Step:
    """The receptionist is gone: what is known is delivered, for the rest the caller's own voice is recorded."""
    return _performed(flow, call, model.VoicemailStep(), "") if call.collecting else deliver(flow, call)


def agent_lost(flow: Flow, call: Call) -> Step:
    """The receptionist failed while something was being taken down; a line being said is heard out first."""
    return (call, ()) if call.line is not None else _collected_alone(flow, call)


def _known(call: Call, name: str) -> bool:
    return bool(call.fields.get(name) or (name == "callback_number" and call.caller))


def _ask_next(flow: Flow, call: Call) -> Step:
    return call, (AskAgent(ask_for(flow, call.collecting[0])), StartTimer("message", MESSAGE_SECONDS))


def _read_back(flow: Flow, call: Call) -> Step:
    """What was taken down is read to the caller, who may put it right."""
    known = work_fields(flow, call, flow.take_message.collect)
    if call.taking == "callback":
        known = {"callback_number": work_fields(flow, call, ("callback_number",))["callback_number"]}
    told = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in known.items())
    call = replace(call, read_back=call.read_back + 1)
    return call, (AskAgent(f"{READ_BACK} {told}"), StartTimer("message", READ_SECONDS))


def read_back_heard(flow: Flow, call: Call, event: e.ReplyHeard) -> Step:
    """The caller has heard what was taken down; saying nothing to it is as good as yes."""
    return call, (StartTimer("message", YES_SECONDS),) if _reading(call) else ()


def caller_begins(flow: Flow, call: Call, event: e.SpeechStarted) -> Step:
    return call, (StartTimer("message", CORRECTING_SECONDS),) if _reading(call) else ()


def _reading(call: Call) -> bool:
    return call.read_back > 0 and not call.collecting and call.line is None


def said_to_it(flow: Flow, call: Call, event: e.CallerSaid) -> Step:
    """What the caller says while a message is taken: a no to what was read back waits for the correction."""
    text = event.text.strip()
    if not text:
        return call, ()
    call = listening.heard(call, text)
    if not _reading(call):
        return call, ()
    if words.denies(text):
        return call, (StartTimer("message", CORRECTING_SECONDS),)
    return deliver(flow, call)


def message_noted(flow: Flow, call: Call) -> Step:
    """An answer came in: the next question, or what was taken down is read back; a correction once more."""
    if call.line is not None:
        return call, ()
    if _reading(call):
        return _read_back(flow, call) if call.read_back < MOST_READ_BACK else deliver(flow, call)
    left = tuple(name for name in call.collecting if not _known(call, name))
    if left == call.collecting:
        return call, ()
    call = replace(call, collecting=left)
    return _ask_next(flow, call) if left else _read_back(flow, call)


def deliver(flow: Flow, call: Call) -> Step:
    """What was taken down goes to the office, the caller is thanked, the call ends."""
    thanks = ours(THANKS if call.taking == "message" else GOODBYE, call.language)
    call, added = taken_down(flow, call)
    call = replace(call, phase=Phase.CLOSING, collecting=())
    return together((call, (*added, StopTimer("message"), LetAgentSpeak(False))), lambda c: say(c, thanks, "hang_up"))


def taken_down(flow: Flow, call: Call) -> Step:
    """The work that a message or a promised call makes."""
    more = {"promised_by": _promised_by(flow, call)} if call.taking == "callback" else {}
    call, added = add_work(flow, call, call.taking, flow.take_message.collect, **more)
    return replace(call, outcome=call.taking), added


def _promised_by(flow: Flow, call: Call) -> str:
    """Until when the call is promised, ISO 8601: as the caller heard it when the promise was made."""
    department = call.past[-1].department if call.past else ""
    made = call.past[-1].ended_at if call.past else None
    at = call.wall(made).astimezone(ZoneInfo(flow.office.timezone))
    by = callback_time(flow, department, at)
    return by.isoformat() if by else "as soon as possible"


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
        call, shown = _linked(flow, call, event.url)
        added = (*added, *shown)
    call = replace(call, outcome="voicemail" if event.seconds > 0 else "ended", phase=Phase.CLOSING)
    return call, (*added, Answer(event.request, HangUp(RECORDED)))


def _linked(flow: Flow, call: Call, url: str) -> Step:
    """The card of the hand-off that came to nothing leads to the recording."""
    if not call.past:
        return call, ()
    last = replace(call.past[-1], recording=url)
    return replace(call, past=(*call.past[:-1], last)), (ShowCard(last.id, card(flow, call, last)),)


def hang_up(flow: Flow, call: Call) -> Step:
    """The last sentence has been heard."""
    return moved(call, HangUp())
