"""People at work and what else answers their phones: who takes a call or declines it, voicemail, a menu."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from flowengine.sandbox.carrier.party import PRESS_AFTER, Act, Outcome, Party, Person, Phone, Pickup, Says, Script, Turn
from flowengine.sandbox.carrier.tones import beep
from flowengine.sandbox.speech import RATE, speak

__all__ = ["VOICEMAIL", "nobody", "staff"]

LIFTS = 0.2  # seconds from picking up to the first word
SETTLES = 1.0  # seconds in the room before the person who accepted speaks
INSIDE = 1.0  # seconds a menu takes to ring the extension it was given
MENU_WAITS = 15.0  # seconds a menu waits for the digits of an extension
DECLINED_STAYS = 2.5  # seconds after "no" until the person puts the phone down
VOICEMAIL = "You have reached my voicemail. Please leave a message after the tone."
MENU = "Welcome. If you know the extension of the person you are calling, please dial it now."


def staff(
    outcome: Outcome = "accepts",
    *,
    after: float = 4.0,
    before: Sequence[Act] = (),
    acts: Sequence[Act] = (),
    key: str | None = None,
    hello: bool = True,
    hangs_up_after: float | None = None,
    patience: float = 0.7,
    stays: float = 60.0,
    greeting: str = VOICEMAIL,
    extension: str = "",
) -> Party:
    """A phone at work. It rings `after` seconds before it is picked up (refused at once when busy).

    accepts: presses `key` ("1") whenever asked to, does `before` meanwhile, and `acts` once somebody is in the room
    with her. declined: presses `key` ("2") when asked to, or does `before`, and puts the phone down. An empty `key` is
    never pressed. voicemail: `greeting`, a beep, and it records. `extension`: a menu picks up, and nobody else before
    it has heard these digits. `hangs_up_after`: seconds after picking up, come what may.
    """

    def accepts(person: Person) -> Iterator[Turn]:
        ear = person.ear
        yield from _answers(person, hello, before, _key(key, "1"), patience, lambda: ear.joined or ear.now >= stays)
        if not ear.joined:
            return
        yield from person.waits(lambda: ear.now >= ear.joined_at + SETTLES and ear.free_for(SETTLES))
        for n, act in enumerate(acts):
            if n == 0 and isinstance(act, Says):  # the one who accepted speaks first
                act = replace(act, wait=False)
            yield from person.does(act, patience)
        yield from person.pauses(stays)

    def declines(person: Person) -> Iterator[Turn]:
        said_no: list[float] = []

        def over() -> bool:
            if person.pressed and not before and not said_no:
                said_no.append(person.ear.now)
            return person.ear.now >= (said_no[0] + DECLINED_STAYS if said_no else stays)

        yield from _answers(person, hello, before, _key(key, "2"), patience, over)

    def machine(person: Person) -> Iterator[Turn]:
        for turn in chain(person.says(greeting), person.plays(beep())):
            yield replace(turn, deaf=True)
        yield from person.pauses(stays)

    script = {"declined": declines, "voicemail": machine}.get(outcome, accepts)
    behind = partial(_behind_menu, extension, script) if extension else script
    return Phone(_pickup(outcome, after, greeting, bool(extension)), "staff", behind, hangs_up_after)


def _key(given: str | None, usual: str) -> str:
    return usual if given is None else given


def _pickup(outcome: Outcome, after: float, greeting: str, menu: bool) -> Pickup:
    match outcome:
        case "no answer":
            return Pickup("rings")
        case "busy" | "fails":
            return Pickup(outcome)
        case "voicemail":
            greets_for = (len(speak(greeting, "staff", 0)) + len(beep())) / RATE
            return Pickup("answers", after, machine=True, greets_for=greets_for)
        case _:
            return Pickup("answers", after, machine=menu, greets_for=len(speak(MENU, "staff", 0)) / RATE if menu else 0)


def _behind_menu(extension: str, script: Script, person: Person) -> Iterator[Turn]:
    """A menu answers, and whoever has the extension only once its digits were heard: all before is lost on them."""
    for turn in _menu(extension, person):
        yield replace(turn, deaf=True)
    if person.ear.digits.endswith(extension):
        person.hears_from_now()
        yield from script(person)


def _menu(extension: str, person: Person) -> Iterator[Turn]:
    ear = person.ear
    yield from person.until(person.says(MENU), lambda: ear.digits.endswith(extension))
    until = ear.now + MENU_WAITS
    yield from person.waits(lambda: ear.digits.endswith(extension) or ear.now >= until)
    if ear.digits.endswith(extension):
        yield from person.pauses(INSIDE)


def _answers(
    person: Person, hello: bool, before: Sequence[Act], key: str, patience: float, over: Callable[[], bool]
) -> Iterator[Turn]:
    """Picks up, does `before`, and presses `key` (if any) each time she is asked to, until `over`. Who has nothing to
    say to an agent presses the key for it too.
    """
    by = () if before else ("agent",)
    yield from person.pauses(LIFTS)
    if hello and not person.ear.joined:
        yield from person.says("Hello?")
    doing = chain.from_iterable(person.does(act, patience) for act in before)
    while not over():
        if key and person.asked_to_press(*by):
            yield from person.pauses(PRESS_AFTER)
            yield from person.presses(key)
        else:
            yield next(doing, Turn())


def nobody() -> Party:
    """A phone that nobody answers."""
    return staff("no answer")
