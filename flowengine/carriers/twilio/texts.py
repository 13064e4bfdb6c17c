"""Sends letters as text messages, from the office's own number, by Twilio's Messages resource."""

from __future__ import annotations

from typing import Any

from flowengine.carriers.twilio.links import report_address
from flowengine.carriers.twilio.protocol import E164
from flowengine.carriers.twilio.rest import Rest, Trouble, certainly_undone, not_refused, order
from flowengine.runtime.senders import Failed, Letter, Taken
from flowengine.settings import Settings

MOST_TEXT = 1600  # characters of `Body` (error 21658)
MOST_UNSURE = 1000  # letters remembered of which nobody knows whether they went
MOST_LOOKED_AT = 50  # of the newest messages to one phone

# What no later try changes: the number itself, and what its owner decided. What an operator can repair in the console
# (21606 no texts from this number, 21408 and 21612 no texts to that country, 21608 trial account) is tried for a day.
_FINAL = {
    21211: "the carrier says that is no phone number",
    21266: "a number cannot send texts to itself",
    21610: "whoever has this phone has refused our texts",
    21614: "that phone takes no texts",
    21635: "that phone takes no texts",
}
_REPAIRABLE = {
    20003: "the carrier refuses our account",
    21408: "the account may not send texts to that country",
    21606: "the office's number cannot send texts",
    21608: "a trial account sends texts to verified numbers only",
    21612: "no texts go from the office's number to that one",
    21659: "the office's number does not belong to the carrier",
    21660: "the office's number belongs to another account",
}


class TwilioTexts:
    """`senders.Postman`. Taken is not arrived: what became of a text is reported later (`reports.py`).

    A message has no idempotency key (twilio.md 4.4), so a create that got no answer is not repeated blindly: the next
    try first looks among the messages to that phone for the very text, which is unlike any other by its link. After a
    restart nothing is remembered and the text goes again: staff would rather have two than none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rest = Rest(settings)
        self._unsure: dict[str, str] = {}  # letter id → the text that may have gone

    async def deliver(self, letter: Letter) -> Taken | Failed:
        if not (self._settings.twilio_account_sid and self._settings.twilio_auth_token):
            return Failed("no account for texts is set (TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN)", final=True)
        if not E164.fullmatch(letter.number):
            return Failed("the office has no number to send texts from", final=True)
        if not E164.fullmatch(letter.to):
            return Failed("that is no phone number", final=True)
        if letter.id in self._unsure and (known := await self._look_for(letter)):
            return known
        return await self._create(letter)

    async def close(self) -> None:
        await self._rest.close()

    async def _create(self, letter: Letter) -> Taken | Failed:
        given = {"to": letter.to, "from_": letter.number, "body": letter.text[:MOST_TEXT]}
        if address := report_address(self._settings.public_url, letter.id):
            given["status_callback"] = address
        answer = await order(lambda: self._rest.api.messages.create_async(**given), certainly_undone)
        if not isinstance(answer, Trouble):
            return Taken()
        if not (answer.refused or certainly_undone(answer)):
            self._remember(letter.id, given["body"])
        return _explained(answer)

    def _remember(self, letter: str, text: str) -> None:
        self._unsure[letter] = text
        if len(self._unsure) > MOST_UNSURE:
            del self._unsure[next(iter(self._unsure))]

    async def _look_for(self, letter: Letter) -> Taken | Failed | None:
        """Whether the text of an earlier try is among the carrier's messages; None when it is not."""
        wanted = {"to": letter.to, "from_": letter.number, "limit": MOST_LOOKED_AT}
        found: Any = await order(lambda: self._rest.api.messages.list_async(**wanted), not_refused)
        if isinstance(found, Trouble):
            return _explained(found)
        text = self._unsure.pop(letter.id)
        return Taken() if any(message.body == text for message in found) else None


def _explained(trouble: Trouble) -> Failed:
    """In our words: the carrier's own sentences name numbers."""
    if why := _FINAL.get(trouble.code):
        return Failed(f"{why} ({trouble.code})", final=True)
    if why := _REPAIRABLE.get(trouble.code):
        return Failed(f"{why} ({trouble.code})")
    if trouble.status:
        return Failed(f"the carrier answered {trouble.code or trouble.status}")
    return Failed("the carrier could not be reached" if trouble.unsent else "the carrier did not answer")
