"""What is heard in a room where somebody waits, or two have just met: there a document can say and play, no more."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from flowengine.call.commands import MoveCaller
from flowengine.call.documents import Document, HangUp, SayToRoom, Wait
from flowengine.call.events import AnnouncementAsked, CallerHungUp, WaitAsked
from flowengine.carriers.twilio.book import Book
from flowengine.carriers.twilio.client import TwilioCarrier
from flowengine.carriers.twilio.links import caller_leg
from flowengine.carriers.twilio.protocol import Form, Question, leg_is_over
from flowengine.runtime.ports import Calls, HandedOver, NoSuchCall

NO_NEWS = Wait("", "", 5.0)  # music, and the question again: for a caller whose call gives no answer
NOTHING = SayToRoom("")
SORRY = "We are sorry, something went wrong on our side. Please call again."

log = structlog.get_logger("flowengine.twilio")


class Rooms:
    """The two questions about a room. Neither raises, but for `HandedOver`: an error would throw a waiting caller out.

    A call that does not answer has lost its caller only if it does so twice: then the caller is taken out by an order,
    because <Hangup> is not allowed in a wait document (error 13238).
    """

    def __init__(self, calls: Calls, book: Book, client: TwilioCarrier) -> None:
        self._calls = calls
        self._book = book
        self._client = client
        self._unanswered = Book()

    async def wait(self, form: Form, path: Mapping[str, str]) -> tuple[str, Document]:
        call_id, room, ref = path["call"], path["room"], form.get("CallSid", "")
        self._book.learn(ref, caller_leg(call_id))
        if leg_is_over(form):
            self._calls.tell(call_id, CallerHungUp)
            return call_id, NO_NEWS
        document = await self._asked(call_id, lambda at, request: WaitAsked(at, request, room))
        if isinstance(document, Wait):
            self._unanswered.forget(room)
            return call_id, document
        return call_id, await self._nothing_to_hear(call_id, room, ref, document)

    async def announce(self, form: Form, path: Mapping[str, str]) -> tuple[str, Document]:
        call_id, room = path["call"], path["room"]
        document = await self._asked(call_id, lambda at, request: AnnouncementAsked(at, request, room))
        return call_id, document if isinstance(document, SayToRoom) else NOTHING

    async def _nothing_to_hear(self, call_id: str, room: str, ref: str, document: Document) -> Wait:
        if self._unanswered.find(room):
            last = document if isinstance(document, HangUp) and document.say else HangUp(SORRY)
            await self._client.perform(call_id, MoveCaller(ref, last), lambda event: None, lambda: 0.0)
        self._unanswered.learn(room, call_id)
        return NO_NEWS

    async def _asked(self, call_id: str, question: Question) -> Document:
        try:
            return await self._calls.ask(call_id, question)
        except HandedOver:
            raise
        except Exception as error:  # a mistake anywhere behind this address must not end the caller's wait
            note = log.warning if isinstance(error, NoSuchCall) else log.error
            note("no document for a room", error=type(error).__name__)
            return HangUp()
