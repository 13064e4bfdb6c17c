"""What a text message or an e-mail says: what happened at which office, and where to read more.

Nothing of a call is given to `message`, so nothing private can slip in; phones and mailboxes are not ours to guard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowengine.flow.model import Office
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Failed, Letter, Postman, Taken

MOST_NAME = 60  # characters of an office's name: a text message is short

_HAPPENED = {
    "handoff.decided": ("a caller is being connected to your team", "Who and why"),
    "handoff.ringing": ("your team is being rung for a caller", "Who and why"),
    "handoff.connected": ("a caller is talking to your team", "Who and why"),
    "handoff.failed": ("a caller could not be connected to your team", "Who and why"),
    "call.completed": ("a call has ended", "Details"),
    "message.taken": ("a caller has left a message", "To read it"),
    "callback.requested": ("a caller asks to be called back", "Who and why"),
}
_SOMETHING = ("there is news on your desk", "To see it")


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str


def message(event: str, office: str, link: str) -> Message:
    """One line each; `link` may be "" when there is nothing to open."""
    happened, more = _HAPPENED.get(event, _SOMETHING)
    name = " ".join(office.split())[:MOST_NAME].strip() or "Your phone line"
    return Message(f"{name}: {happened}", f"{name}: {happened}." + (f" {more}: {link}" if link else ""))


class Letters:
    """`senders.Sender` for people: makes a letter of a parcel, without looking at its data, and has it carried."""

    def __init__(
        self, postman: Postman, *, office: Callable[[str], Office | None], link: Callable[[Parcel], str]
    ) -> None:
        """`office` by flow key."""
        self._postman, self._office, self._link = postman, office, link

    async def send(self, parcel: Parcel) -> Taken | Failed:
        office = self._office(parcel.flow)
        if office is None:
            return Failed("the flow of this office is not among those loaded")
        written = message(parcel.event, office.name, self._link(parcel))
        number = next((number for number in office.phone_numbers if number.startswith("+")), "")
        return await self._postman.deliver(Letter(parcel.id, parcel.address, number, written.subject, written.text))

    async def close(self) -> None:
        await self._postman.close()
