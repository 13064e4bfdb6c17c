"""The emulated Twilio: a carrier on loopback sockets, as strict as the vendor, and the people on its phones."""

from flowengine.sandbox.carrier.behaviour import (
    AnswerRefer,
    Behaviour,
    CutStream,
    Fault,
    LoseCallback,
    LoseFrame,
    LoseKey,
    LoseMark,
    LoseStop,
    LoseText,
    RestAnswers,
    RestSilent,
)
from flowengine.sandbox.carrier.heard import Segment
from flowengine.sandbox.carrier.party import (
    Act,
    HangsUp,
    Interrupts,
    Line,
    Party,
    Pickup,
    Plays,
    Presses,
    PressesAsked,
    Says,
    Turn,
    Until,
    Waits,
    caller,
)
from flowengine.sandbox.carrier.records import CallRecord, Message, Recording, Referral, Warning
from flowengine.sandbox.carrier.server import Carrier
from flowengine.sandbox.carrier.staff import staff
from flowengine.sandbox.carrier.webhooks import Request

__all__ = [
    "Act", "AnswerRefer", "Behaviour", "CallRecord", "Carrier", "CutStream", "Fault", "HangsUp", "Interrupts", "Line",
    "LoseCallback", "LoseFrame", "LoseKey", "LoseMark", "LoseStop", "LoseText", "Message", "Party", "Pickup", "Plays",
    "Presses", "PressesAsked", "Recording", "Referral", "Request", "RestAnswers", "RestSilent", "Says", "Segment",
    "Turn", "Until", "Waits", "Warning", "caller", "staff",
]  # fmt: skip
