"""What people read on their phones: what happened at which office, and a link; never who or why."""

from __future__ import annotations

import inspect

import pytest

from flowengine.desk.messages import Letters, Message, message
from flowengine.runtime.senders import Failed, Letter, Taken
from tests.flow.office import dental

from .parcels import parcel

EVENTS = [
    "handoff.decided", "handoff.ringing", "handoff.connected", "handoff.failed", "call.completed", "message.taken",
    "callback.requested",
]  # fmt: skip
LINK = "https://desk.example.com/desk/enter/" + "x" * 200


def test_it_says_what_happened_where_and_how_to_read_more() -> None:
    assert message("handoff.decided", "Bright Smile Dental", "https://d.example.com/e/1") == Message(
        "Bright Smile Dental: a caller is being connected to your team",
        "Bright Smile Dental: a caller is being connected to your team. Who and why: https://d.example.com/e/1",
    )


@pytest.mark.parametrize("event", [*EVENTS, "something.new"])
def test_each_event_fits_into_a_text_and_names_its_link_once(event: str) -> None:
    written = message(event, "Bright Smile Dental", LINK)
    assert written.text.endswith(f": {LINK}")
    assert len(written.text) < 400
    assert "\n" not in written.subject + written.text
    assert LINK not in message(event, "Bright Smile Dental", "").text


def test_each_event_says_something_of_its_own() -> None:
    assert len({message(event, "", "").subject for event in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("office", ["A\r\nBcc: all@example.com", "A" * 500, "  ", "A\tB"])
def test_an_office_of_any_name_is_one_short_line(office: str) -> None:
    written = message("handoff.decided", office, "")
    assert written.subject.isprintable()
    assert 10 < len(written.subject) < 120


def test_nothing_of_a_call_can_slip_in() -> None:
    assert list(inspect.signature(message).parameters) == ["event", "office", "link"]
    assert set(Letter.__slots__) == {"id", "to", "number", "subject", "text"}


class Carried:
    """A postman who keeps what he is given."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def deliver(self, letter: Letter) -> Taken | Failed:
        self.letters.append(letter)
        return Taken()

    async def close(self) -> None:
        pass


async def test_a_letter_is_made_without_looking_at_the_parcels_data() -> None:
    postman, office = Carried(), dental().office
    letters = Letters(
        postman, office=lambda flow: office if flow == "dental_office" else None, link=lambda parcel: LINK
    )
    secret = parcel(channel="sms", address="+13125550111", data={"headline": "Maria Lopez", "caller": "+13125550199"})
    assert await letters.send(secret) == Taken()
    (letter,) = postman.letters
    assert (letter.id, letter.to, letter.number) == ("c1-d1", "+13125550111", next(iter(office.phone_numbers)))
    assert "Maria" not in repr(letter)
    assert "0199" not in repr(letter)


async def test_a_flow_that_is_not_loaded_any_more_is_waited_for() -> None:
    letters = Letters(Carried(), office=lambda flow: None, link=lambda parcel: LINK)
    assert await letters.send(parcel(channel="email")) == Failed("the flow of this office is not among those loaded")
