"""Recording with consent: callers are told or asked before anything is recorded, and the engine hears their answer.

The line is part of the greeting, so that callers are interrupted once and not twice: before a closing question where
they are only told, in its place where they are asked, since it is the last question that people answer. Whoever cuts
the greeting short before it hears it by itself, as soon as they have said what they want and no rule is true of that.
Nobody is recorded without a yes in so many words (`consent_words`), and whatever leads elsewhere ends the question.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flowengine.call import events as e
from flowengine.call import taping
from flowengine.call.card import values
from flowengine.call.commands import (
    AskAgent,
    ClearAudio,
    Command,
    LetAgentSpeak,
    NoteConsent,
    PrepareLine,
    StartTimer,
    StopTimer,
    TellAgent,
)
from flowengine.call.conditions import spoken_language
from flowengine.call.prompt import prompt
from flowengine.call.saying import Step, say, together
from flowengine.call.state import Call, Consent, Phase
from flowengine.call.wording import worded
from flowengine.flow import consent_words
from flowengine.flow.fill import fill
from flowengine.flow.model import Flow

TIMER = "consent"
LINE = "consent"  # what a pending sentence that is ours leads to
GREETED_SECONDS = 40.0  # for the greeting to be heard or cut short; after that nobody waits for it
ANSWER_SECONDS = 8.0  # for an answer to be begun
STILL_SPEAKS = 4.0  # more for somebody who is speaking or whose words are on their way
OPEN = ("telling", "cut", "saying", "waiting")
ASKED_FIRST = (
    "the caller is asked whether the call may be recorded, and has not heard what you said last. When they have "
    "answered that, answer what they said before."
)
GO_ON = "Ask the caller in one short, friendly sentence how you can help. Say nothing about recording."
ANSWER_THEM = "The caller did not hear what you said last. Answer what they said before. Say nothing about recording."


# ---- what the caller is told -----------------------------------------------------------------------------------------


def line(flow: Flow, call: Call) -> str:
    """The flow's sentence about recording, "" where nothing is recorded."""
    spoken = flow.privacy.consent_line
    if flow.privacy.recording == "none" or spoken is None:
        return ""
    return fill(worded(spoken, call.language), values(flow, call))


def greeting_with_line(flow: Flow, call: Call, greeting: str) -> str:
    """The greeting as it is spoken. Of one that closes with a question, that question comes after being told; where
    the caller is asked, the receptionist puts it after the answer (`prompt`)."""
    said = line(flow, call)
    opening, closing = closing_question(greeting)
    if not said or not opening:
        return f"{greeting} {said}".strip()
    return f"{opening} {said}" if _asks(flow) else f"{opening} {said} {closing}".strip()


def closing_question(greeting: str) -> tuple[str, str]:
    """A greeting without the question it closes with, and that question."""
    *before, last = re.split(r"(?<=[.!?])\s+", greeting)
    return (" ".join(before), last) if last.endswith("?") else (greeting, "")


def _asks(flow: Flow) -> bool:
    return flow.privacy.recording == "with consent"


def begins(flow: Flow, call: Call, greeting: str) -> Step:
    """The greeting is about to be spoken, with the line in it."""
    if not line(flow, call) or not greeting:
        return call, ()
    call = replace(call, consent=Consent(stage="telling"))
    return call, (PrepareLine(line(flow, call)), StartTimer(TIMER, GREETED_SECONDS))


# ---- whether it was heard --------------------------------------------------------------------------------------------


def reply_started(flow: Flow, call: Call, event: e.ReplyStarted) -> Step:
    """The first reply is the greeting. Another one while the line was to be heard or answered: the talk has gone on
    to something else, and a yes could be the answer to that."""
    consent = call.consent
    if consent.stage == "telling" and not consent.reply:
        return replace(call, consent=replace(consent, reply=event.reply)), ()
    if event.reply == consent.reply or consent.stage not in ("telling", "cut", "waiting"):
        return call, ()
    return _settled(call, "none") if _asks(flow) else _said_now(flow, call)


def reply_heard(flow: Flow, call: Call, event: e.ReplyHeard) -> Step:
    if call.consent.stage == "telling" and event.reply == call.consent.reply:
        return _heard(flow, call)
    return call, ()


def cut_short(flow: Flow, call: Call, event: e.AgentSaid) -> Step:
    """The caller spoke into the greeting; the text is what was spoken of it. Being told counts when something behind
    the line was spoken too; a question counts only when it was heard to its end (`reply_heard`)."""
    if call.consent.stage != "telling" or not event.interrupted:
        return call, ()
    _, found, behind = event.text.partition(line(flow, call))
    if found and behind.strip() and not _asks(flow):
        return _heard(flow, call)
    return replace(call, consent=replace(call.consent, stage="cut")), ()


def line_heard(flow: Flow, call: Call) -> Step:
    """The line has been heard by itself; the receptionist may speak again."""
    if call.consent.stage != "saying":
        return call, ()
    return together((call, (LetAgentSpeak(True),)), lambda c: _heard(flow, c))


def line_failed(flow: Flow, call: Call) -> Step:
    """The line could not be spoken: nobody is recorded who was not told."""
    call = replace(call, line=None)
    return together((call, (LetAgentSpeak(True),)), lambda c: _settled(c, "not told"), lambda c: _go_on(flow, c))


def _heard(flow: Flow, call: Call) -> Step:
    consent = replace(call.consent, asked=call.consent.asked + 1, heard_at=call.at)
    call = replace(call, consent=consent)
    if _asks(flow):
        return replace(call, consent=replace(consent, stage="waiting")), (StartTimer(TIMER, ANSWER_SECONDS),)
    told = together(_settled(call, "told"), taping.record)
    return together(told, lambda c: _go_on(flow, c)) if consent.owed else told


def _said_now(flow: Flow, call: Call) -> Step:
    """The line by itself, as written: nothing else is heard meanwhile, and what it cut off is answered after it."""
    owed = call.consent.owed or call.consent.asked == 0
    call = replace(call, consent=replace(call.consent, stage="saying", by_itself=True, owed=owed))
    hush: tuple[Command, ...] = (LetAgentSpeak(False), ClearAudio(), StartTimer(TIMER, GREETED_SECONDS))
    if owed and _asks(flow):
        hush = (TellAgent(prompt(flow, call, ASKED_FIRST)), *hush)
    return together((call, hush), lambda c: say(c, line(flow, c), then=LINE))


# ---- told in passing, where a call was handed over before ------------------------------------------------------------


def with_line(flow: Flow, call: Call, text: str) -> str:
    """A sentence of a hand-off, with the line before it for a caller who is to be told and was not."""
    return f"{line(flow, call)} {text}" if _to_be_told(flow, call) else text


def told_with(flow: Flow, call: Call, text: str) -> Step:
    """The caller has heard a sentence, perhaps one with the line before it."""
    if not _to_be_told(flow, call) or not text.startswith(f"{line(flow, call)} "):
        return call, ()
    call = replace(call, consent=replace(call.consent, asked=1, heard_at=call.at))
    return together(_settled(call, "told"), taping.record)


def _to_be_told(flow: Flow, call: Call) -> bool:
    known = call.consent.heard_at is not None or call.consent.answer == "no"
    return flow.privacy.recording == "always" and not known and call.agent != "failed"


# ---- the answer ------------------------------------------------------------------------------------------------------


def answered(flow: Flow, call: Call, text: str) -> Step:
    """What the caller's words say about being recorded, if anything; a clear answer settles it."""
    consent, language = call.consent, spoken_language(flow, call)
    if consent.stage not in OPEN:
        return call, ()
    meant = consent_words.answer(text, language) if _asks(flow) else ""
    if meant == "no" or consent_words.objects(text, language):
        return together(_unmuted(call), lambda c: _settled(c, "no"))
    if meant == "yes" and consent.stage == "waiting":
        return together(_settled(call, "yes"), taping.record)
    return call, ()


def not_answered(flow: Flow, call: Call, text: str) -> Step:
    """No rule was true of the caller's words, and they were no answer: it is asked once more where they were unclear,
    and for the first time where the greeting was cut short; else they were about something else, which is a no."""
    consent = call.consent
    if consent.stage in ("cut", "telling"):
        early = consent_words.answer(text, spoken_language(flow, call)) in ("yes", "unclear")
        return _said_now(flow, call) if consent.stage == "cut" or (_asks(flow) and early) else (call, ())
    if consent.stage != "waiting":
        return call, ()
    match consent_words.answer(text, spoken_language(flow, call)):
        case "silence":
            return call, (StartTimer(TIMER, ANSWER_SECONDS),)
        case "unclear" if not consent.by_itself:
            return _said_now(flow, call)
    return _settled(call, "none")


def not_understood(flow: Flow, call: Call) -> Step | None:
    """Somebody spoke and there are no words: like an unclear answer. None when nothing was asked."""
    if call.consent.stage == "cut" or (call.consent.stage == "waiting" and not call.consent.by_itself):
        return _said_now(flow, call)
    return together(_settled(call, "none"), lambda c: _go_on(flow, c)) if call.consent.stage == "waiting" else None


def timer(flow: Flow, call: Call) -> Step:
    """Nobody answered, or nothing was heard of the greeting or the line."""
    consent = call.consent
    if consent.stage not in OPEN or call.phase != Phase.TALKING:
        return call, ()
    if consent.stage == "waiting" and (_speaks(call) or call.unheard):
        return call, (StartTimer(TIMER, STILL_SPEAKS),)
    if consent.stage == "cut":
        return _said_now(flow, call)
    over = together(_unmuted(call), lambda c: _settled(c, "none" if c.consent.asked else "not told"))
    return over if consent.stage == "telling" else together(over, lambda c: _go_on(flow, c))


def _speaks(call: Call) -> bool:
    return call.speaks == "caller" and call.at - call.speaks_since < 2 * ANSWER_SECONDS


def _settled(call: Call, answer: str) -> Step:
    """The one answer, for the journal and the card."""
    consent = replace(call.consent, stage="settled", answer=answer, answered_at=call.at)  # type: ignore[arg-type]
    return replace(call, consent=consent), (NoteConsent(answer, consent.heard_at), StopTimer(TIMER))


def _unmuted(call: Call) -> Step:
    """A line that is still being spoken is not heard out."""
    if call.line is None or call.line.then != LINE:
        return call, ()
    return replace(call, line=None), (ClearAudio(), LetAgentSpeak(True))


def _go_on(flow: Flow, call: Call) -> Step:
    """Nobody has said anything the receptionist would answer by herself: she is made to."""
    if call.agent != "ready" or call.phase != Phase.TALKING:
        return call, ()
    ask = AskAgent(ANSWER_THEM if call.consent.owed else GO_ON)
    return replace(call, consent=replace(call.consent, owed=False)), (ask,)


# ---- after every event -----------------------------------------------------------------------------------------------


def follows(flow: Flow, call: Call, event: e.Event) -> Step:
    """What holds wherever a call is: an open question ends when the call goes on to something else, and a caller who
    does not want to be recorded any more is not."""
    if flow.privacy.recording == "none":
        return call, ()
    return together(_led_elsewhere(flow, call, event), lambda c: taping.withdrawn(flow, c, event))


def _led_elsewhere(flow: Flow, call: Call, event: e.Event) -> Step:
    consent = call.consent
    talks = call.phase == Phase.TALKING and call.agent in ("starting", "ready") and call.held is None
    if consent.stage not in OPEN or (talks and not isinstance(event, e.EngineRestarted)):
        return call, ()
    muted = consent.stage == "saying" and call.phase == Phase.TALKING
    if call.line is not None and call.line.then == LINE:
        call = replace(call, line=None)
    settled = _settled(call, "none" if consent.asked else "not told")
    return together(settled, lambda c: (c, (LetAgentSpeak(True),) if muted else ()))
