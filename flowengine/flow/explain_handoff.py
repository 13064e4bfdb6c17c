"""A hand-off in sentences: who is rung, how a person takes the call, what the caller hears, what happens afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowengine.flow.abilities import (
    CONSULT_SECONDS,
    Line,
    briefing_for,
    leaves_note,
    shows_caller,
    writes_down,
)
from flowengine.flow.hours import weekdays_words
from flowengine.flow.model import (
    Accept,
    Briefing,
    Delivery,
    Department,
    Flow,
    Member,
    Method,
    OpenRule,
    Ring,
    Spoken,
    Transfer,
)
from flowengine.flow.phrasing import (
    called,
    capital,
    counted,
    dates,
    duration,
    listed,
    phone,
    plain,
    said,
    sentence,
    step,
    steps,
)

_LEAVES = {
    "end": "the call ends",
    "receptionist": "the caller is back with {name}, who asks whether there is anything else",
    "take_message": "a message is taken",
}


def departments(flow: Flow) -> Iterator[str]:
    """Each department: its hours, its people, what is done when nobody takes the call."""
    yield from (f"- {_department(flow, department)}" for department in flow.departments.values())
    yield f"No more than {counted(flow.most_phones_rung, 'phone is', 'phones are')} rung for one call."


def _department(flow: Flow, department: Department) -> str:
    names = [_member(flow, member) for member in department.people]
    then = sentence(steps(flow, department.if_no_one_answers))
    long = duration(department.transfer.ring_for)
    if len(names) == 1:
        ring = f"{names[0]} is rung for {long}"
    elif department.ring == Ring.ALL_AT_ONCE:
        ring = f"{listed(names)} are rung, all at once, for {long}"
    else:
        ring = f"{listed(names)} are rung, one after the other, for {long} each"
    return f"{capital(called(department))}, {_hours(department)}: {ring}. If nobody takes the call, {then}"


def _hours(department: Department) -> str:
    match department.hours:
        case OpenRule.OFFICE:
            return "while the office is open"
        case OpenRule.WHEN_CLOSED:
            return "while the office is closed"
        case OpenRule.ALWAYS:
            return "at any time"
        case weekly:
            return weekdays_words(weekly) or "at no time"


def _member(flow: Flow, member: Member) -> str:
    hours = [weekdays_words(member.hours) or "at no time"] if member.hours else []
    when = [*hours, *([dates(member.dates)] if member.dates else [])]
    name = flow.people[member.person].name
    return f"{name} ({', '.join(when)})" if when else name


# ---- taking the call -------------------------------------------------------------------------------------------------


def taking(flow: Flow) -> Iterator[str]:
    """How the call reaches a person; departments with which it is the same are told of together."""
    yield from _together(flow, lambda d: " ".join(_taken(flow, d.transfer)))


def _together(flow: Flow, told: Callable[[Department], str]) -> Iterator[str]:
    """What is told of each department; once, without names, when it is the same for all of them."""
    alike: dict[str, list[str]] = {}
    for department in flow.departments.values():
        if text := told(department):
            alike.setdefault(text, []).append(called(department))
    for text, names in alike.items():
        yield text if len(names) == len(flow.departments) else f"- {capital(listed(names))}: {text}"


def _taken(flow: Flow, way: Transfer) -> Iterator[str]:
    name = flow.receptionist.name
    match way.method:
        case Method.CONFERENCE:
            stays = flow.hold.receptionist_stays
            yield (
                f"{name} stays with the caller until a person has taken the call."
                if stays
                else (f"While phones ring the caller waits with music, without {name}.")
            )
            yield from _accepted(flow, way)
            yield f"When that person hangs up first, {_LEAVES[way.after_staff_hang_up].format(name=name)}."
            yield f"The phone that rings shows {_shown(flow, way)}."
        case Method.REFER:
            yield f"The caller is given back to the office's own phone system, and {name} is out of the call."
            yield _confirmed(flow, way)
        case Method.DIAL:
            yield f"The caller is connected directly: whoever picks up has the call, and {name} is out of it."
            yield _confirmed(flow, way)
            yield f"The phone that rings shows {_shown(flow, way)}."


def _shown(flow: Flow, way: Transfer) -> str:
    if shows_caller(way, Line(flow.office.calls_arrive_by)):
        return "the caller's own number, where the carrier allows it, else the office's"
    return "the office's number"


def _accepted(flow: Flow, way: Transfer) -> Iterator[str]:
    """What happens between picking up and meeting the caller."""
    if way.accept == Accept.NONE:
        because = f" (the reason given: {way.no_key_because})" if way.no_key_because else ""
        yield f"Whoever picks up has the caller at once, unbriefed and without pressing a key{because}."
        note = " and gets a note without a word about the caller" if leaves_note(way) else ""
        yield f"A voicemail box that is noticed loses the caller again{note}; then the next person is tried."
    else:
        yield from _briefed(flow, way)
        note = "gets a note without a word about the caller, and" if leaves_note(way) else "presses nothing, so"
        yield f"A voicemail box {note} the next person is tried."
    if way.introduction == "announced":
        yield "When the two meet, both hear one sentence that says who they are."


def _briefed(flow: Flow, way: Transfer) -> Iterator[str]:
    name, within = flow.receptionist.name, duration(way.accept_within)
    match briefing_for(way):
        case Briefing.CONVERSATION:
            yield (
                f"Whoever picks up is told by {name} about the call, may ask {name}, and says yes or no, within "
                f"{duration(CONSULT_SECONDS)}; pressing one or two means the same."
            )
            yield f"If {name} cannot come on the line, they hear a sentence and have {within} to press one."
        case Briefing.SPOKEN:
            yield (
                "Whoever picks up hears in a sentence who is calling and why, and takes the call by pressing one "
                f"within {within}."
            )
        case Briefing.CARD_ONLY:
            yield (
                "Whoever picks up hears only which office it is (the rest is on the card), and takes the call by "
                f"pressing one within {within}."
            )
    yield "Pressing two declines, and a further key says why."


def _confirmed(flow: Flow, way: Transfer) -> str:
    within, otherwise = duration(way.card_confirmed_within), step(flow, way.if_card_not_confirmed)
    return f"First somebody must have the card, within {within}; otherwise {sentence(otherwise)}"


# ---- the caller meanwhile --------------------------------------------------------------------------------------------


def waiting(flow: Flow) -> Iterator[str]:
    """What the caller hears from the moment a rule is true until somebody takes the call."""
    name, hold = flow.receptionist.name, flow.hold
    yield from _together(
        flow, lambda d: sentence(f"Before phones ring the caller hears: {said(flow, d.transfer.say_before)}")
    )
    music = "the built-in music" if hold.music == "built-in" else f"music ({hold.music})"
    yield sentence(f"Then {music}, and every {duration(hold.update_every)}: {said(flow, hold.update_says)}")
    for outcome, line in hold.says.items():
        yield sentence(f"When a phone {_FAILED[outcome]}: {said(flow, line)}")
    if hold.receptionist_stays:
        yield (
            f"{name} stays on the line meanwhile and answers. “Never mind” or star leads back to {name}; “message” or "
            "one leads to leaving a message."
        )
    else:
        yield (
            f"{name} is not on the line meanwhile, but what the caller says is heard: “never mind” leads back to "
            f"{name}, “message” to leaving one. Keys are not heard there."
        )
    yield from _together(flow, lambda d: f"Nobody waits longer than {duration(d.transfer.longest_wait)}.")


_FAILED = {"busy": "is busy", "no_answer": "is not answered", "declined": "is declined", "failed": "cannot be reached"}


# ---- afterwards ------------------------------------------------------------------------------------------------------


def afterwards(flow: Flow) -> Iterator[str]:
    """A message, a call back, a voicemail."""
    message, back = flow.take_message, flow.callback
    yield sentence(f"A message is taken: {said(flow, message.say)}")
    yield sentence(f"When closed: {said(flow, message.say_when_closed)}")
    if message.collect:
        yield f"It holds {listed(map(plain, message.collect))}; {flow.receptionist.name} asks for what is missing."
    yield f"It goes to {_places(message.send_to)}."
    yield sentence(f"A call back is promised: {said(flow, back.say)}")
    yield f"That is within {duration(back.within)} of open time; the request goes to {_places(back.send_to)}."
    yield sentence(f"A voicemail is asked for: {said(flow, flow.voicemail.say)}")
    yield (
        f"The recording goes to {_places(flow.voicemail.send_to)}. When {flow.receptionist.name} does not work, a "
        "voicemail is what is left in place of a message, a call back and the way back."
    )


def _places(to: tuple[Delivery, ...]) -> str:
    return listed(map(_place, to)) or "nobody"


def _place(delivery: Delivery) -> str:
    match delivery.kind:
        case "staff screen":
            return "the staff screen"
        case "webhook":
            return "another system"
        case "sms":
            return f"{phone(delivery.address)} by text message"
        case "email":
            return f"{delivery.address} by e-mail"


def card(flow: Flow) -> Iterator[str]:
    """What the person sees."""
    shown = flow.card
    fields = f", and lists {listed(map(plain, shown.fields))}" if shown.fields else ""
    yield (
        f"Before the first phone rings there is a card on {_places(shown.show_on)}. It begins with "
        f"{said(flow, Spoken(shown.headline))}{fields}."
    )
    yield {
        "live": "What is said can be read along on it, by whoever speaks.",
        "so far": "What was said until then can be read on it.",
        "none": "What was said cannot be read on it.",
    }[shown.transcript]
    leaving = [called(d) for d in flow.departments.values() if not writes_down(d.transfer)]
    if shown.transcript == "live" and leaving:
        yield f"Of what is said with {listed(leaving)} nothing is written down: the call has left us by then."
    yield f"The link to it works for {duration(shown.link_expires)}."
    if shown.crm_webhook:
        yield "The office's own system gets the card as well."
