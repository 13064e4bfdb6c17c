"""The emulated carrier: REST API, signed webhooks, document interpreter, Media Streams and conferences, on loopback."""

from flowengine.sandbox.carrier0.behaviour import (
    Behaviour,
    CutStream,
    Fault,
    LoseCallback,
    LoseFrame,
    LoseKey,
    LoseMark,
    RestAnswers,
    RestSilent,
)
from flowengine.sandbox.carrier0.exchange import Carrier, Warning
from flowengine.sandbox.carrier0.heard import Segment
from flowengine.sandbox.carrier0.leg import CallRecord
from flowengine.sandbox.carrier0.party import (
    Act,
    HangsUp,
    Interrupts,
    Party,
    Plays,
    Presses,
    Says,
    Until,
    Waits,
    caller,
    staff,
)

__all__ = [
    "Act",
    "Behaviour",
    "CallRecord",
    "Carrier",
    "CutStream",
    "Fault",
    "HangsUp",
    "Interrupts",
    "LoseCallback",
    "LoseFrame",
    "LoseKey",
    "LoseMark",
    "Party",
    "Plays",
    "Presses",
    "RestAnswers",
    "RestSilent",
    "Says",
    "Segment",
    "Until",
    "Waits",
    "Warning",
    "caller",
    "staff",
]
