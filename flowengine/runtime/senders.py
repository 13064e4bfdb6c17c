"""Between the outbox and its channels, which do not know each other: a try, what came of it, and a letter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from flowengine.runtime.rows import Parcel


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver has it. `answer` is what a webhook said, cut to 2,000 characters."""

    answer: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The receiver does not have it, as far as we know.

    `why` is for the desk, in our words: never an address, a person or an answer's body. `final`: another try would end
    the same. `after`: seconds the receiver asks us to wait.
    """

    why: str
    final: bool = False
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """Later word of a letter that was taken: it is where it should be."""


Report = Callable[[str, Arrived | Failed], Awaitable[None]]  # of the letter with this id


class Sender(Protocol):
    """One channel: a try to deliver one parcel."""

    async def send(self, parcel: Parcel) -> Taken | Failed:
        """In bounded time. Never raises for the world's mistakes."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A text message or an e-mail. It is made without a call's data, so nothing private can slip in."""

    id: str  # the same for every try
    to: str
    number: str  # the office's own, E.164; "" when it has none
    subject: str
    text: str


class Postman(Protocol):
    """Who carries letters: the phone company, a mail server."""

    async def deliver(self, letter: Letter) -> Taken | Failed:
        """In bounded time. Never raises for the world's mistakes."""

    async def close(self) -> None: ...


def causes(mistake: BaseException | None) -> Iterator[BaseException]:
    """A mistake and what led to it, the last first: libraries wrap what we want to tell apart."""
    while mistake is not None:
        yield mistake
        mistake = mistake.__cause__ or mistake.__context__
