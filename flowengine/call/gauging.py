"""How well the caller is understood, for `confidence_below`: by a transcript kept beside the receptionist."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import events as e
from flowengine.call import listening
from flowengine.call.commands import Command, GaugeSpeech, StartTimer
from flowengine.call.conditions import Trigger, gauges_speech
from flowengine.call.saying import Step
from flowengine.call.state import Call, Phase
from flowengine.flow.model import Flow


def begins(flow: Flow, call: Call) -> tuple[Command, ...]:
    """The receptionist and the caller talk from now on."""
    return (GaugeSpeech(True),) if gauges_speech(flow, call) else ()


def gauged(flow: Flow, call: Call, event: e.SpeechGauged) -> Step:
    """How sure the transcript is. The rules are read with the words themselves, so it waits for these."""
    last = call.turns[-1] if call.turns else None
    if last and last.speaker == "caller" and call.at - last.at < listening.TURN_GAP:
        return listening.read_rules(flow, call, Trigger(confidence=event.confidence)) or (call, ())
    return replace(call, confidence=event.confidence), (StartTimer("gauged", listening.UNCLEAR_SECONDS),)


def never_worded(flow: Flow, call: Call) -> Step:
    """The receptionist made no words of what the transcript has."""
    if call.phase != Phase.TALKING or call.confidence is None:
        return call, ()
    trigger, call = Trigger(confidence=call.confidence), replace(call, confidence=None)
    return listening.read_rules(flow, call, trigger) or (call, ())
