"""Somebody or something picked up: the briefing, the key that takes the call, the one that declines, and machines."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import bridging, consulting, ringing
from flowengine.call import events as e
from flowengine.call.card import briefing
from flowengine.call.commands import Answer, CancelLeg, Command, MoveStaff, StartTimer, StopTimer
from flowengine.call.documents import AskWhy, AwaitTone, BriefStaff, HangUp
from flowengine.call.giving_up import CALLER_GONE, TAKEN
from flowengine.call.ringing import NO_KEY
from flowengine.call.saying import Step, together, transfer, voice
from flowengine.call.staff_wording import ASK_WHY, CONNECTING, NOTE, PRESS_ONE, PRESS_ONE_OR_TWO, THANK_YOU
from flowengine.call.state import Attempt, Call, Phase, attempt_on, open_attempts, running, with_attempt
from flowengine.call.wording import ours
from flowengine.flow import abilities
from flowengine.flow.abilities import briefing_for, digits_for, line_of
from flowengine.flow.model import Accept, Briefing, Flow, Transfer

BRIEFING_SECONDS = 15.0  # beyond `accept_within`, for the briefing itself
WHY_SECONDS = 6.0  # for a key that says why
TONE_SECONDS = 30.0  # for a machine to finish its greeting
MOVED_SECONDS = 3.0  # until somebody whom an order moves is told once more that they are being connected

ON_PAGE = "on the page"
MOST_WHY = 80  # characters of a reason written on the page
WHY = {"1": "busy right now", "2": "somebody else should take it"}


def picked_up(flow: Flow, call: Call, event: e.LegAnswered) -> Step:
    """What the person hears, if the call still wants anybody."""
    attempt = attempt_on(call, event.leg)
    if attempt is None or call.handoff is None or attempt.outcome is not None or call.phase != Phase.RINGING:
        return _too_late(flow, call, attempt, event.request)
    stop = (StopTimer(f"ring:{event.leg}"),)
    call = with_attempt(call, event.leg, answered=call.at if attempt.answered is None else attempt.answered)
    settings = transfer(flow, attempt.target.department)
    if settings.accept is Accept.NONE:
        return together((call, stop), lambda c: bridging.accept(flow, c, attempt, event.request))
    if _briefing(settings, attempt) is Briefing.CONVERSATION and not attempt.asked_again:
        begun: Step = together((call, stop), lambda c: consulting.begins(flow, c, event.leg, event.request))
        return together(begun, lambda c: ringing.show(flow, c, running(c).status))
    document, timer = by_key(flow, call, attempt)
    asked: Step = (call, (Answer(event.request, document), *stop, timer))
    return together(asked, lambda c: ringing.show(flow, c, running(c).status))


def _too_late(flow: Flow, call: Call, attempt: Attempt | None, request: str) -> Step:
    """Asked again by who has won already: the same answer; everybody else hears why not."""
    if (
        attempt
        and call.handoff
        and call.handoff.winner == attempt.leg
        and call.phase in (Phase.BRIDGING, Phase.CONNECTED)
    ):
        if attempt.evidence == ON_PAGE:  # an order moves them; entering by two ways would end the room between them
            language = language_of(flow, attempt)
            return call, (
                Answer(request, BriefStaff(attempt.leg, ours(CONNECTING, language), MOVED_SECONDS, language)),
            )
        return call, bridging.enters(attempt, call.handoff.room, request)
    return call, (Answer(request, HangUp(CALLER_GONE if call.phase == Phase.ENDED else TAKEN)),)


def by_key(flow: Flow, call: Call, attempt: Attempt) -> tuple[BriefStaff, StartTimer]:
    """The short spoken briefing with its key, and how long we wait for that."""
    settings = transfer(flow, attempt.target.department)
    language = language_of(flow, attempt)
    full = _briefing(settings, attempt) is not Briefing.CARD_ONLY
    words = briefing(flow, call, running(call), language) if full else f"{flow.office.name}."
    text = f"{words} {ours(PRESS_ONE, language)}"
    if digits_for(settings, line_of(attempt.target.address), flow.people[attempt.target.person].extension):
        text = f"{text} {text}"  # the person behind a menu lifts the phone while we speak already
    wait = settings.accept_within + BRIEFING_SECONDS
    return BriefStaff(attempt.leg, text, settings.accept_within, language), StartTimer(f"key:{attempt.leg}", wait)


def _briefing(settings: Transfer, attempt: Attempt) -> Briefing:
    return briefing_for(settings, line_of(attempt.target.address))


def language_of(flow: Flow, attempt: Attempt) -> str:
    """The language a person is spoken to in: the first of theirs, else the one calls begin in."""
    person = flow.people[attempt.target.person]
    return (person.languages or flow.receptionist.languages)[0]


def told(flow: Flow, attempt: Attempt, text: str) -> HangUp:
    """A last sentence to a person, in their language already, and the end of their leg."""
    return HangUp(text, voice(language_of(flow, attempt)) if text else "")


def _bye(flow: Flow, attempt: Attempt, sentence: str) -> HangUp:
    return told(flow, attempt, ours(sentence, language_of(flow, attempt)))


# ---- keys ------------------------------------------------------------------------------------------------------------


def pressed(flow: Flow, call: Call, event: e.StaffPressed) -> Step:
    """One takes the call, two declines; any other key is asked about once; none in time is no."""
    attempt = attempt_on(call, event.leg)
    if attempt is None or call.handoff is None or attempt.outcome is not None or call.phase != Phase.RINGING:
        return _pressed_too_late(flow, call, attempt, event)
    call = with_attempt(call, event.leg, answered=call.at if attempt.answered is None else attempt.answered)
    match event.key:
        case "1":
            return bridging.accept(flow, call, attempt, event.request)
        case "2":
            return _declines(flow, call, attempt, event)
        case "":
            return _no_key(flow, call, attempt, event)
    return _means_nothing(flow, call, attempt, event)


def _pressed_too_late(flow: Flow, call: Call, attempt: Attempt | None, event: e.StaffPressed) -> Step:
    if not event.request:
        return call, ()
    won = attempt is not None and call.handoff is not None and call.handoff.winner == attempt.leg  # on the page
    if event.key == "1" or won or call.phase == Phase.ENDED:
        return _too_late(flow, call, attempt, event.request)
    return call, (Answer(event.request, HangUp()),)


def _declines(flow: Flow, call: Call, attempt: Attempt, event: e.StaffPressed) -> Step:
    language = language_of(flow, attempt)
    if not event.request:
        return consulting.declined(flow, call, attempt, "key 2")
    asks = AskWhy(attempt.leg, ours(ASK_WHY, language), WHY_SECONDS, language)
    declined: Step = (call, (Answer(event.request, asks),))
    return together(declined, lambda c: ringing.attempt_over(flow, c, event.leg, "declined", "key 2"))


def _no_key(flow: Flow, call: Call, attempt: Attempt, event: e.StaffPressed) -> Step:
    """Nobody pressed anything: a machine perhaps, whose greeting may still be going on."""
    outcome = "voicemail" if attempt.machine else "declined"
    waits = leaves_note(flow, attempt) and not attempt.machine
    document = AwaitTone(attempt.leg, TONE_SECONDS) if waits else HangUp()
    over: Step = (call, (Answer(event.request, document),) if event.request else ())
    return together(over, lambda c: ringing.attempt_over(flow, c, event.leg, outcome, NO_KEY))


def _means_nothing(flow: Flow, call: Call, attempt: Attempt, event: e.StaffPressed) -> Step:
    if not event.request:
        return call, ()  # the agent goes on talking with them
    if attempt.asked_again:
        over: Step = (call, (Answer(event.request, _bye(flow, attempt, THANK_YOU)),))
        return together(over, lambda c: ringing.attempt_over(flow, c, event.leg, "declined", f"key {event.key}"))
    language = language_of(flow, attempt)
    within = transfer(flow, attempt.target.department).accept_within
    again = BriefStaff(attempt.leg, ours(PRESS_ONE_OR_TWO, language), within, language)
    timer = StartTimer(f"key:{attempt.leg}", within + BRIEFING_SECONDS)
    return with_attempt(call, event.leg, asked_again=True), (Answer(event.request, again), timer)


def said_why(flow: Flow, call: Call, event: e.StaffSaidWhy) -> Step:
    """The reason joins the card; a key that means nothing is none."""
    attempt = attempt_on(call, event.leg)
    thanks = _bye(flow, attempt, THANK_YOU) if attempt else HangUp(THANK_YOU)
    answer = (Answer(event.request, thanks),)
    if attempt is None or attempt.why or event.key not in WHY:
        return call, answer
    call = with_attempt(call, event.leg, why=WHY[event.key])
    if call.handoff is None:
        return call, answer
    return together((call, answer), lambda c: ringing.show(flow, c, c.handoff.status if c.handoff else ""))


def decided_on_page(flow: Flow, call: Call, event: e.StaffDecided) -> Step:
    """The same on the page: who has picked up takes the call there instead of by key; who has not may only decline."""
    attempt = _theirs(flow, call, event)
    if attempt is None or call.phase != Phase.RINGING:
        return call, ()
    if not event.accepts:
        return _declines_on_page(flow, call, attempt, event)
    if attempt.answered is None or not attempt.ref:
        return call, ()
    call = with_attempt(call, attempt.leg, evidence=ON_PAGE)
    return bridging.accept(flow, call, replace(attempt, evidence=ON_PAGE), "")


def _theirs(flow: Flow, call: Call, event: e.StaffDecided) -> Attempt | None:
    """The open attempt on a person of the hand-off the page showed; one who has picked up before one who has not."""
    if call.handoff is None or call.handoff.id != event.handoff:
        return None
    open_ = [a for a in open_attempts(call) if flow.people[a.target.person].name == event.person]
    return next((a for a in open_ if a.answered is not None), next(iter(open_), None))


def _declines_on_page(flow: Flow, call: Call, attempt: Attempt, event: e.StaffDecided) -> Step:
    call = with_attempt(call, attempt.leg, why=event.why[:MOST_WHY])
    there = attempt.answered is not None and attempt.ref
    bye = MoveStaff(attempt.leg, attempt.ref, _bye(flow, attempt, THANK_YOU))
    released: Step = (call, (bye if there else CancelLeg(attempt.leg, attempt.ref),))
    return together(released, lambda c: ringing.attempt_over(flow, c, attempt.leg, "declined", ON_PAGE))


# ---- machines --------------------------------------------------------------------------------------------------------


def leaves_note(flow: Flow, attempt: Attempt) -> bool:
    settings, line = transfer(flow, attempt.target.department), line_of(attempt.target.address)
    return abilities.leaves_note(settings, digits_for(settings, line, flow.people[attempt.target.person].extension))


def note(flow: Flow, attempt: Attempt) -> str:
    """What a voicemail box is told: fixed words, nothing of the caller or the reason."""
    return ours(NOTE, language_of(flow, attempt)).replace("{office}", flow.office.name)


def machine_detected(flow: Flow, call: Call, event: e.MachineDetected) -> Step:
    """Names the outcome: a machine cannot press one. A key that came earlier stands. Once its greeting is over it may
    get a note; where no key is needed the caller is taken away from it."""
    attempt = attempt_on(call, event.leg)
    if attempt is None:
        return call, ()
    call = with_attempt(call, event.leg, machine=True)
    says_note = event.finished and leaves_note(flow, attempt) and not attempt.over
    if attempt.outcome == "declined" and attempt.evidence == NO_KEY:
        call = with_attempt(call, event.leg, outcome="voicemail")
        return call, _leave(flow, attempt) if says_note else ()
    if attempt.outcome == "voicemail" and attempt.evidence == consulting.BY_AGENT:
        return call, _leave(flow, attempt) if says_note else ()
    if attempt.outcome is None and says_note and call.phase == Phase.RINGING:
        return together(
            (call, _leave(flow, attempt)), lambda c: ringing.attempt_over(flow, c, event.leg, "voicemail", "machine")
        )
    if attempt.outcome is None and attempt.consulting and call.phase == Phase.RINGING:
        return consulting.machine_detected(flow, call, attempt)
    won = call.handoff is not None and call.handoff.winner == event.leg and not attempt.machine
    if won and call.phase in (Phase.BRIDGING, Phase.CONNECTED) and bridging.accepts_without_key(flow, call, event.leg):
        return bridging.not_a_person(flow, call, note(flow, attempt) if says_note else "")
    return call, ()


def _leave(flow: Flow, attempt: Attempt) -> tuple[Command, ...]:
    return (MoveStaff(attempt.leg, attempt.ref, told(flow, attempt, note(flow, attempt))),) if attempt.ref else ()
