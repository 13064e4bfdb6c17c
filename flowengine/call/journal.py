"""Events ↔ JSON, and the fold: a journal run again gives the same commands, or shows where today's differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import get_args

import msgspec

from flowengine.call.commands import Command
from flowengine.call.events import Event
from flowengine.call.machine import step
from flowengine.call.state import Call
from flowengine.flow.model import Flow

_EVENTS: dict[str, type] = {kind.__name__: kind for kind in get_args(Event)}


class BadJournal(Exception):
    """A journal line is not an event this version knows."""


def encode(event: Event) -> tuple[str, str]:
    """(kind, JSON body)."""
    return type(event).__name__, json.dumps(asdict(event), ensure_ascii=False, separators=(",", ":"))


def decode(kind: str, body: str) -> Event:
    """Raises `BadJournal` for an unknown kind or a body that does not fit."""
    if kind not in _EVENTS:
        raise BadJournal(f"unknown event {kind!r}; this version knows {', '.join(sorted(_EVENTS))}")
    try:
        event: Event = msgspec.json.decode(body, type=_EVENTS[kind])
    except msgspec.MsgspecError as mistake:
        raise BadJournal(f"{kind}: {mistake}") from mistake
    return event


def encode_commands(commands: Iterable[Command]) -> str:
    """Commands as JSON, to be compared later."""
    return json.dumps(
        [{"command": type(c).__name__, **asdict(c)} for c in commands], ensure_ascii=False, separators=(",", ":")
    )


@dataclass(frozen=True, slots=True)
class Replayed:
    """One event run again: the commands now, and those of the journal if it holds them and they differ."""

    event: Event
    call: Call
    commands: tuple[Command, ...]
    differs_from: str | None = None


def replay(flow: Flow, events: Iterable[Event], journalled: Iterable[str | None] = ()) -> Iterator[Replayed]:
    """Folds events into states and commands; `journalled` are the commands
    (`encode_commands`) recorded for each event.
    """
    call = Call()
    recorded = iter(journalled)
    for event in events:
        call, commands = step(flow, call, event)
        then = next(recorded, None)
        yield Replayed(event, call, commands, then if then is not None and then != encode_commands(commands) else None)
