"""Letters as text messages, through the emulated carrier's REST API and the vendor's library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from flowengine.carriers.twilio.texts import TwilioTexts
from flowengine.runtime.senders import Failed, Letter, Taken
from flowengine.sandbox.carrier import Fault, RestAnswers, RestSilent
from flowengine.settings import Settings
from tests.sandbox.carrier.office import ACCOUNT, CALLER, DANA, OFFICE, TOKEN, World, world

LETTER = Letter(
    "c1-d1", DANA, OFFICE, "subject", "Bright Smile Dental: a caller is being connected. Who and why: LINK1"
)
AGAIN = replace(LETTER, text=LETTER.text.replace("LINK1", "LINK2"))  # each try has a link of its own


@dataclass
class Desk:
    here: World
    texts: TwilioTexts

    def sent(self) -> list[tuple[str, str, str]]:
        return [(message.from_, message.to, message.body) for message in self.here.carrier.messages]


@asynccontextmanager
async def texting(*faults: Fault, token: str = TOKEN) -> AsyncIterator[Desk]:
    async with world(faults=faults) as here:
        texts = TwilioTexts(
            Settings(twilio_account_sid=ACCOUNT, twilio_auth_token=token, twilio_api_url=here.carrier.api_url)
        )
        try:
            yield Desk(here, texts)
        finally:
            await texts.close()


def failing(*codes: tuple[int, int]) -> Sequence[Fault]:
    return [RestAnswers("/Messages.json", status, code, nth) for nth, (status, code) in enumerate(codes, 1)]


async def test_a_text_goes_from_the_offices_own_number() -> None:
    async with texting() as desk:
        assert await desk.texts.deliver(LETTER) == Taken()
        await desk.here.carrier.settle()
        assert [message.status for message in desk.here.carrier.messages] == ["delivered"]
    assert desk.sent() == [(OFFICE, DANA, LETTER.text)]


async def test_a_text_that_got_no_answer_is_looked_for_before_it_is_sent_again() -> None:
    """The carrier took it and said nothing: the next try finds it there."""
    async with texting(RestSilent("/Messages.json", 1)) as desk:
        assert await desk.texts.deliver(LETTER) == Failed("the carrier did not answer")
        assert await desk.texts.deliver(AGAIN) == Taken()
    assert len(desk.sent()) == 1


async def test_a_text_that_never_arrived_is_sent_again() -> None:
    """An error of the carrier's own: whether it was done nobody says; it is not among the messages, so it was not."""
    async with texting(*failing((500, 20500))) as desk:
        assert await desk.texts.deliver(LETTER) == Failed("the carrier answered 20500")
        assert await desk.texts.deliver(AGAIN) == Taken()
    assert [body for _, _, body in desk.sent()] == [AGAIN.text]


async def test_another_text_to_the_same_phone_is_not_taken_for_it() -> None:
    other = replace(LETTER, id="c2-d1", text=LETTER.text.replace("LINK1", "LINK9"))
    async with texting(*failing((500, 20500))) as desk:
        await desk.texts.deliver(LETTER)
        assert await desk.texts.deliver(other) == Taken()
        assert await desk.texts.deliver(AGAIN) == Taken()
    assert [body for _, _, body in desk.sent()] == [other.text, AGAIN.text]


async def test_while_nobody_can_look_it_is_not_sent_again() -> None:
    looks = [RestAnswers("/Messages.json", 503, 20503, nth, method="GET") for nth in (1, 2, 3, 4)]
    async with texting(RestSilent("/Messages.json", 1), *looks) as desk:
        assert isinstance(await desk.texts.deliver(LETTER), Failed)
        assert await desk.texts.deliver(AGAIN) == Failed("the carrier answered 503")
        assert len(desk.sent()) == 1
        assert await desk.texts.deliver(AGAIN) == Taken()
    assert len(desk.sent()) == 1


async def test_too_many_requests_are_waited_for() -> None:
    async with texting(*failing((429, 20429), (429, 20429))) as desk:
        assert await desk.texts.deliver(LETTER) == Taken()
    assert len(desk.sent()) == 1


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (replace(LETTER, number=""), "the office has no number to send texts from"),
        (replace(LETTER, number="sip:office@example.com"), "the office has no number to send texts from"),
        (replace(LETTER, to="555-0111"), "that is no phone number"),
        (replace(LETTER, to=DANA + "\n"), "that is no phone number"),
        (replace(LETTER, to=OFFICE), "a number cannot send texts to itself (21266)"),
    ],
)
async def test_what_no_later_try_changes_is_final(letter: Letter, why: str) -> None:
    async with texting() as desk:
        assert await desk.texts.deliver(letter) == Failed(why, final=True)
    assert desk.sent() == []


@pytest.mark.parametrize("code", [21610, 21614, 21635])
async def test_who_takes_no_texts_gets_no_more(code: int) -> None:
    async with texting(*failing((400, code))) as desk:
        failed = await desk.texts.deliver(LETTER)
    assert isinstance(failed, Failed)
    assert failed.final


async def test_what_an_operator_can_repair_is_tried_again() -> None:
    async with texting() as desk:
        elsewhere = replace(LETTER, number=CALLER)
        assert await desk.texts.deliver(elsewhere) == Failed(
            "the office's number does not belong to the carrier (21659)"
        )
    async with texting(token="wrong") as desk:
        assert await desk.texts.deliver(LETTER) == Failed("the carrier refuses our account (20003)")
    async with texting(*failing((400, 29999))) as desk:
        assert await desk.texts.deliver(LETTER) == Failed("the carrier answered 29999")


async def test_without_an_account_it_says_so() -> None:
    texts = TwilioTexts(Settings())
    assert await texts.deliver(LETTER) == Failed(
        "no account for texts is set (TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN)", final=True
    )
    await texts.close()


async def test_a_carrier_that_is_not_there() -> None:
    async with texting() as desk:
        await desk.here.carrier.stop()
        began = asyncio.get_running_loop().time()
        assert await desk.texts.deliver(LETTER) == Failed("the carrier could not be reached")
        assert asyncio.get_running_loop().time() - began < 30
