"""The caller's ear: arriving, the greeting, sentences heard, and coming back when a stream ends for whatever reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from flowengine.call import (
    agent,
    answering,
    bridging,
    closing,
    consenting,
    gauging,
    giving_up,
    handoff,
    leaving,
    listening,
    ringing,
)
from flowengine.call import events as e
from flowengine.call.card import values
from flowengine.call.commands import (
    Answer,
    CheckCaller,
    CheckRoom,
    Command,
    EndAgent,
    LetAgentHear,
    LetAgentSpeak,
    PlayLine,
    PlayMusic,
    StartTimer,
    StopTimer,
)
from flowengine.call.conditions import Trigger
from flowengine.call.documents import ConnectCaller, HangUp, JoinCaller, RecordCaller
from flowengine.call.prompt import opening
from flowengine.call.saying import Step, keepable, moved, say_by_carrier, sent, together, transfer
from flowengine.call.state import (
    Attempt,
    Call,
    Phase,
    Quiet,
    Turn,
    handoffs,
    open_attempts,
    running,
)
from flowengine.call.wording import BACK, ours, worded
from flowengine.flow.abilities import ASKING_SECONDS
from flowengine.flow.fill import fill
from flowengine.flow.hours import office_open
from flowengine.flow.model import CallLongerThan, Flow

Asking = e.CallerReturned | e.CallerLeftRoom | e.ReferAnswered | e.DialEnded | e.MessageRecorded


MOST_RETURNS = 4  # in a row without a word from the caller: the stream does not open
MOST_SILENT = 2  # recordings of silence
ARRIVES_SECONDS = 8.0  # for a caller who was sent to a stream of ours to be there, beyond what the carrier says first
LETTERS_A_SECOND = 10.0  # of a slow voice
MOST_STREAMS = 8  # a caller whose stream ends this often gets voicemail instead of another one
BACK_SECONDS = 3.0  # for a caller whose stream ended to come back by the recovery address
LINE_BROKE = "the line broke for a moment and is back"
ARRIVING = Trigger(arriving=True)
RECOGNISED = "the caller's number was recognised. Greet nobody; wait to be told what to ask."
SORRY = (
    "We are sorry, something went wrong on our side. Please leave a message after the tone and we will call you back."
)


def arrived(flow: Flow, call: Call, event: e.CallArrived) -> Step:
    if call.call_id:  # the carrier asks again
        return call, (Answer(event.request, call.heading or ConnectCaller(call.stream)),)
    document = ConnectCaller(1)
    call = Call(
        call_id=event.call_id,
        ref=event.ref,
        caller=event.caller,
        dialled=event.dialled,
        arrives_by=event.arrives_by,
        now=event.now,
        rehearsed=event.rehearsed,
        called_before=event.called_before,
        language=flow.receptionist.languages[0],
        at=event.at,
        stream=1,
        heading=document,
        fields=_known_at_start(flow, event),
    )
    return call, (Answer(event.request, document),)


def _known_at_start(flow: Flow, event: e.CallArrived) -> dict[str, str]:
    starts = {
        "the number they call from": event.caller,
        "the number they called": flow.office.phone_numbers.get(event.dialled, ""),
    }
    known = {f.name: starts.get(f.start_from, "") for f in flow.receptionist.find_out}
    return {name: value for name, value in known.items() if value}


def greet(flow: Flow, call: Call, event: e.MediaStarted) -> Step:
    """The first audio: the agent's session opens, with the greeting of this hour."""
    if event.stream != call.stream:
        return call, ()
    call = replace(call, phase=Phase.TALKING, caller_at="stream", returns=0, talking_since=call.at)
    if call.agent == "failed":
        return listening.read_rules(flow, call, ARRIVING) or agent.without_agent(flow, call)
    call = replace(call, agent="starting")
    known = listening.read_rules(flow, call, ARRIVING, cut_in=False)
    start = opening(flow, call, "", story=RECOGNISED) if known else opening(flow, call, _greeting(flow, call))
    hear = (start, LetAgentSpeak(True), LetAgentHear(True), *_call_timers(flow))
    if known and known[0].held is None:
        return together((call, hear), lambda _: known)
    talk: Step = (replace(call, greeted=True), (*hear, *gauging.begins(flow, call)))
    return together(talk, lambda c: known or consenting.begins(flow, c, start.greeting))


def _greeting(flow: Flow, call: Call) -> str:
    who = flow.receptionist
    line = who.greeting if office_open(flow, call.wall()) else who.greeting_when_closed
    return consenting.greeting_with_line(flow, call, fill(worded(line, call.language), values(flow, call)))


def _call_timers(flow: Flow) -> tuple[Command, ...]:
    return tuple(
        StartTimer(f"rule:{r.key}", r.condition.seconds) for r in flow.rules if isinstance(r.condition, CallLongerThan)
    )


def media_back(flow: Flow, call: Call, event: e.MediaStarted) -> Step:
    """The caller is on a stream of ours again: after the carrier spoke for us, after a break, after a failed move."""
    if event.stream != call.stream:
        return call, ()
    if call.caller_at == "moving" and not isinstance(call.heading, ConnectCaller):
        return replace(call, left="stream"), ()  # it opened late: the order to leave it is under way
    if isinstance(call.heading, HangUp | RecordCaller):
        return moved(replace(call, caller_at="stream"), call.heading)  # the last there is to come
    spoken = isinstance(call.heading, ConnectCaller) and call.heading.say
    call = replace(call, caller_at="stream", returns=0, moves_failed=0)
    stop = (StopTimer("back"),)
    if call.line is not None:
        if spoken == call.line.text:
            return together((call, stop), lambda c: line_over(flow, c))
        return call, (*stop, PlayLine(call.line.id, call.line.text, keepable(call, call.line.text)))
    if call.phase == Phase.RETURNING:
        return together((call, stop), lambda c: handoff.go_on(flow, c))
    return together((call, stop), lambda c: _carry_on(flow, c))


def _carry_on(flow: Flow, call: Call) -> Step:
    """The stream is new, the rest is as before; a lost agent session is opened again with the story."""
    music: tuple[Command, ...] = (
        (PlayMusic(flow.hold.music),) if call.phase in (Phase.RINGING, Phase.CONFIRMING) else ()
    )
    begins = gauging.begins(flow, call) if call.phase == Phase.TALKING else ()
    if call.agent == "none" and call.phase in (Phase.TALKING, Phase.RINGING, Phase.MESSAGE):
        greeting = ours(BACK, call.language) if call.phase == Phase.TALKING else ""
        call = replace(call, agent="starting", late=True)
        return call, (
            opening(flow, call, greeting, story=LINE_BROKE),
            LetAgentSpeak(True),
            LetAgentHear(True),
            *begins,
            *music,
        )
    return call, (*begins, *music)


def stream_lost(flow: Flow, call: Call, event: e.MediaEnded) -> Step:
    """A stream ended that we did not end: the caller hung up, or comes back by the recovery address."""
    if call.caller_at == "moving" and call.left == "stream" and event.stream in (call.stream, call.stream - 1):
        return replace(call, left="lost"), ()  # as it should, if the move is carried out
    if event.stream != call.heard_on or call.caller_at != "stream":  # not `stream`: a move to a new one may have failed
        return call, ()
    return replace(call, caller_at="lost"), (CheckCaller(call.ref), StartTimer("back", BACK_SECONDS))


def returned(flow: Flow, call: Call, event: Asking) -> Step:
    """The carrier asks what the caller gets now; the same answer for the same question twice."""
    if call.heading is not None and _is_old(call, event):
        return call, (Answer(event.request, call.heading),)
    match call.phase:
        case Phase.BRIDGING | Phase.CONNECTED:
            return call, (Answer(event.request, JoinCaller(running(call).room)),)
        case Phase.AWAY:
            return call, (Answer(event.request, call.heading or HangUp()),)
        case Phase.RECORDING:
            return _asked_while_recording(call, event)
        case Phase.CLOSING if call.line is None:
            return call, (Answer(event.request, HangUp()),)
    call = replace(call, returns=call.returns + 1)
    if call.stream >= MOST_STREAMS or call.returns > MOST_RETURNS:
        call, released = giving_up.release_all(call, "failed", giving_up.NOT_CONNECTED)
        call = sent(replace(call, phase=Phase.RECORDING, returns=0), RecordCaller(SORRY))
        return call, (Answer(event.request, RecordCaller(SORRY)), *released, EndAgent())
    if call.caller_at == "moving" and call.heading is not None:
        return call, (Answer(event.request, call.heading),)
    document = ConnectCaller(call.stream + 1)
    call = sent(replace(call, stream=call.stream + 1), document)
    return call, (Answer(event.request, document), StopTimer("back"))


def _is_old(call: Call, event: Asking) -> bool:
    """A stream ended because the caller was moved away from it, or the same question is asked once more: the caller is
    elsewhere by now (twilio.md 7.4)."""
    if not isinstance(event, e.CallerReturned) or not event.stream:
        return False
    on_it = call.caller_at in ("arriving", "stream", "lost") or isinstance(call.heading, ConnectCaller)
    return event.stream != call.stream or not on_it


def _asked_while_recording(call: Call, event: Asking) -> Step:
    """A recording of silence never reports: whoever says nothing after the tone twice has nothing to say."""
    call = replace(call, returns=call.returns + 1)
    if call.returns > MOST_SILENT:
        call = replace(call, phase=Phase.CLOSING, outcome=call.outcome or "ended")
        return call, (Answer(event.request, HangUp()),)
    return call, (Answer(event.request, call.heading or HangUp()),)


def never_arrived(flow: Flow, call: Call) -> Step:
    """The caller was sent to a stream of ours and has not come: another one, or after many of them voicemail."""
    sent_to = call.heading
    if call.caller_at not in ("arriving", "moving") or not isinstance(sent_to, ConnectCaller):
        return call, ()
    if call.stream >= MOST_STREAMS:
        call, released = giving_up.release_all(call, "failed", giving_up.NOT_CONNECTED)
        call = replace(call, phase=Phase.RECORDING, line=None, returns=0)
        return together((call, (*released, EndAgent())), lambda c: moved(c, RecordCaller(SORRY)))
    call = replace(call, stream=call.stream + 1)
    return moved(call, replace(sent_to, stream=call.stream))


def over(flow: Flow, call: Call, event: Asking) -> Step:
    return call, (Answer(event.request, HangUp()),)


def restarted(flow: Flow, call: Call, event: e.EngineRestarted) -> Step:
    """Taken up from the journal: timers are set again; the caller comes by the recovery address."""
    call = replace(
        call,
        agent="none" if call.agent in ("starting", "ready") else call.agent,
        quiet=Quiet(),
        caller_at="lost" if call.caller_at == "stream" else call.caller_at,
    )
    timers: list[Command] = [StartTimer("back", BACK_SECONDS)] if call.caller_at == "lost" else []
    if call.phase == Phase.ASKING:
        call = replace(call, phase=Phase.RETURNING, after="announce")
    if call.phase == Phase.RINGING and call.handoff is not None:
        longest = transfer(flow, call.handoff.department).longest_wait
        timers += [StartTimer("hold", longest), StartTimer("update", flow.hold.update_every)]
    if call.phase == Phase.MESSAGE:
        timers.append(StartTimer("message", closing.MESSAGE_SECONDS))
    if call.phase == Phase.CONFIRMING and call.handoff is not None:
        timers.append(StartTimer("confirm", transfer(flow, call.handoff.department).card_confirmed_within))
    timers += [_leg_timer(flow, a) for a in open_attempts(call)]
    timers += [StartTimer(f"released:{leg}", answering.TONE_SECONDS) for leg in _let_go(call)]
    if call.phase in leaving.OUT_OF_SIGHT:
        timers.append(StartTimer("watch", leaving.WATCH_SECONDS))
    if call.held is not None:
        timers.append(StartTimer("only_if", ASKING_SECONDS))
    if call.phase == Phase.BRIDGING:
        timers += [CheckRoom(running(call).room), StartTimer("bridge", bridging.BRIDGE_SECONDS)]
    if call.caller_at == "moving" and isinstance(call.heading, ConnectCaller):
        timers.append(StartTimer("arrive", ARRIVES_SECONDS + len(call.heading.say) / LETTERS_A_SECOND))
    if call.caller_at in ("stream", "room", "lost") and isinstance(call.heading, HangUp | RecordCaller):
        timers.append(StartTimer("move", leaving.MOVE_AGAIN))
    return call, (CheckCaller(call.ref), *timers, *_call_timers(flow))


def _let_go(call: Call) -> Iterator[str]:
    """Legs that were let go and live on as far as we know: the order may have been lost with the process."""
    for attempt in (attempt for hand in handoffs(call) for attempt in hand.attempts):
        if attempt.outcome not in (None, "accepted") and attempt.ref and not attempt.over:
            yield attempt.leg


def _leg_timer(flow: Flow, attempt: Attempt) -> StartTimer:
    """How long a leg is waited for: to ring out, or to answer its briefing. Nobody talks with an agent any more."""
    settings = transfer(flow, attempt.target.department)
    if attempt.answered is None:
        return StartTimer(f"ring:{attempt.leg}", settings.ring_for + ringing.RING_GRACE)
    return StartTimer(f"key:{attempt.leg}", settings.accept_within + answering.BRIEFING_SECONDS)


def line_played(flow: Flow, call: Call, event: e.LinePlayed) -> Step:
    if call.line is None or call.line.id != event.line:
        return call, ()
    return line_over(flow, call)


def line_over(flow: Flow, call: Call) -> Step:
    """The pending sentence has been heard; what it announced follows."""
    assert call.line is not None
    said = Turn(call.at, "agent", call.line.text)
    then, call = call.line.then, replace(call, line=None, turns=(*call.turns, said))
    return together(consenting.told_with(flow, call, said.text), lambda c: AFTER_LINE[then](flow, c))


def _hold_again(flow: Flow, call: Call) -> Step:
    if call.phase != Phase.RINGING:
        return call, ()
    told, news = ringing.break_news(call)
    return told, news or (PlayMusic(flow.hold.music),)


AFTER_LINE: dict[str, Callable[[Flow, Call], Step]] = {
    "announced": lambda flow, call: handoff.announced(flow, call),
    "hold": _hold_again,
    consenting.LINE: consenting.line_heard,
    "message": lambda flow, call: closing.message_begins(flow, call),
    "hang_up": lambda flow, call: closing.hang_up(flow, call),
    "callback": lambda flow, call: closing.callback_begins(flow, call),
}


def line_failed(flow: Flow, call: Call, event: e.LineFailed) -> Step:
    """The receptionist's voice cannot be had: the carrier's speaks, except for updates on hold, which are left out."""
    if call.line is None or call.line.id != event.line or call.caller_at != "stream":
        return call, ()
    if call.line.then == "hold":
        return line_over(flow, call)
    if call.line.then == consenting.LINE:
        return consenting.line_failed(flow, call)
    return say_by_carrier(call)
