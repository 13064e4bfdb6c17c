"""Small steps every part of the core takes: one after another, speak a fixed sentence, move the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flowengine.call.commands import Command, MoveCaller, PlayLine, PrepareLine
from flowengine.call.documents import ConnectCaller, Document, HangUp, JoinCaller, ParkCaller
from flowengine.call.state import Call, PendingLine
from flowengine.flow.fill import tidy
from flowengine.flow.model import Flow, Transfer

Step = tuple[Call, tuple[Command, ...]]


def together(first: Step, *then: Callable[[Call], Step]) -> Step:
    """The steps in order, their commands in order."""
    call, commands = first
    for following in then:
        call, more = following(call)
        commands = (*commands, *more)
    return call, commands


def keepable(call: Call, text: str) -> bool:
    """Whether a rendered sentence may be kept for other calls: not with something in it that this caller told us."""
    told = (tidy(value) for value in call.fields.values())
    return not any(len(value) > 1 and value in text for value in told)


def prepared(call: Call, text: str) -> PrepareLine:
    """The order to render a sentence ahead of need."""
    return PrepareLine(text, keepable(call, text))


def say(call: Call, text: str, then: str) -> Step:
    """A fixed sentence, as written; `then` names what follows when it has been heard."""
    line = PendingLine(f"{call.call_id}-line-{call.lines_said + 1}", text, then)
    call = replace(call, line=line, lines_said=call.lines_said + 1)
    if in_room(call):
        return fetched(call)
    if call.caller_at != "stream":
        return call, ()  # spoken when the caller is back
    return call, (PlayLine(line.id, text, keepable(call, text)),)


def in_room(call: Call) -> bool:
    """Whether the caller is in a room or on the way there, where nothing of ours is heard."""
    on_the_way = call.caller_at == "moving" and isinstance(call.heading, JoinCaller | ParkCaller)
    return call.caller_at == "room" or on_the_way


def fetched(call: Call) -> Step:
    """The caller comes to a new stream of ours."""
    call = replace(call, stream=call.stream + 1)
    return moved(call, ConnectCaller(call.stream))


def say_by_carrier(call: Call) -> Step:
    """The receptionist's voice cannot be had: the carrier speaks the pending sentence, then the caller comes back."""
    line = call.line
    assert line is not None
    if line.then == "hang_up":
        return moved(replace(call, line=None), HangUp(line.text, voice(call.language)))
    call = replace(call, stream=call.stream + 1)
    return moved(call, ConnectCaller(call.stream, line.text, voice(call.language)))


def voice(language: str) -> str:
    """The language the carrier's own voice is told to speak; "" where it need not be told."""
    return "" if language.casefold() == "english" else language


def moved(call: Call, document: Document) -> Step:
    """The caller is sent somewhere else."""
    return sent(call, document), (MoveCaller(call.ref, document),)


def sent(call: Call, document: Document) -> Call:
    """The call with its caller on the way to `document`."""
    left = call.left if call.caller_at == "moving" else call.caller_at
    return replace(call, heading=document, caller_at="moving", left=left)


def transfer(flow: Flow, department: str) -> Transfer:
    """How a department is reached; the built-in way where there is none."""
    found = flow.departments.get(department)
    return found.transfer if found else Transfer()
