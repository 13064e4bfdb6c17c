"""What the carrier records of a call once it may: begun, ended, shown on the cards, stopped when the caller objects."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import events as e
from flowengine.call.card import card
from flowengine.call.commands import Command, NoteConsent, ShowCard, StartRecording, StartTimer, StopRecording
from flowengine.call.conditions import spoken_language
from flowengine.call.recorded import awaited
from flowengine.call.saying import Step, together
from flowengine.call.state import Call, Phase, handoffs
from flowengine.flow import consent_words
from flowengine.flow.model import Flow

TIMER = "recording"
STOP_AGAIN = 3.0  # seconds until an order to stop that was not taken is given again
MOST_STOPS = 10
MOST_PARTS = 8  # recordings of one call, should the carrier end them when the caller is moved
TURN_GAP = 3.0  # seconds in which a yes is taken back by a no: still one turn (language.md section 3)


def record(call: Call) -> Step:
    if awaited(call) or call.phase == Phase.ENDED:
        return call, ()
    return replace(call, tape=replace(call.tape, state="ordered", ref="")), (StartRecording(call.ref),)


def started(flow: Flow, call: Call, event: e.RecordingStarted) -> Step:
    if not call.tape.state:
        return call, ()  # not by our order
    state = "running" if call.tape.state == "ordered" else call.tape.state
    return replace(call, tape=replace(call.tape, state=state, ref=call.tape.ref or event.ref)), ()


def ended(flow: Flow, call: Call, event: e.RecordingEnded) -> Step:
    """Its address goes on the cards. Where the carrier ended it although the call goes on, another part follows."""
    was = call.tape
    if event.url and event.url in was.addresses:
        return call, ()
    earlier = was.ref and event.ref and event.ref != was.ref  # what runs goes on
    tape = was if earlier else replace(was, state="over", ref="")
    found = (event.url,) if event.url else ()
    tape = replace(tape, addresses=(*was.addresses, *found), seconds=was.seconds + event.seconds)
    call = replace(call, tape=tape)
    shown: Step = (call, _cards(flow, call) if found else ())
    goes_on = was.state == "running" and tape.state == "over" and found and len(tape.addresses) < MOST_PARTS
    return together(shown, record) if goes_on else shown


def _cards(flow: Flow, call: Call) -> tuple[Command, ...]:
    return tuple(ShowCard(hand.id, card(flow, call, hand)) for hand in handoffs(call))


def goes_on(flow: Flow, call: Call, event: e.RecordingGoesOn) -> Step:
    """The carrier did not take the order to stop: it is given again while the call lasts."""
    if call.tape.state != "stopping" or call.phase == Phase.ENDED or call.tape.orders >= MOST_STOPS:
        return call, ()
    return call, (StartTimer(TIMER, STOP_AGAIN),)


def stop_again(flow: Flow, call: Call) -> Step:
    return _stop(call) if call.tape.state == "stopping" else (call, ())


def _stop(call: Call) -> Step:
    tape = replace(call.tape, state="stopping", orders=call.tape.orders + 1)
    return replace(call, tape=tape), (StopRecording(call.ref, tape.ref),)


def withdrawn(flow: Flow, call: Call, event: e.Event) -> Step:
    if not isinstance(event, e.CallerSaid) or call.tape.state not in ("ordered", "running"):
        return call, ()
    if call.phase == Phase.ENDED or not _objects(flow, call, event):
        return call, ()
    consent = replace(call.consent, answer="withdrawn", answered_at=call.at)
    noted: Step = (replace(call, consent=consent), (NoteConsent("withdrawn", consent.heard_at),))
    shown = together(noted, _stop)
    return together(shown, lambda c: (c, _cards(flow, c) if c.handoff else ()))


def _objects(flow: Flow, call: Call, event: e.CallerSaid) -> bool:
    """In so many words, or by a no that follows a yes at once."""
    language = spoken_language(flow, call)
    at = call.consent.answered_at
    same_turn = call.consent.answer == "yes" and at is not None and 0 < call.at - at < TURN_GAP
    no = same_turn and consent_words.answer(event.text, language) == "no"
    return no or consent_words.objects(event.text, language)
