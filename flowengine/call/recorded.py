"""What staff and auditors are told of a recording: whether there is one, why or why not, and where it lies."""

from __future__ import annotations

from flowengine.call.state import Call
from flowengine.flow.model import Flow

NOT_ASKED = "Not recorded: the caller was not asked"
NOT_TOLD = "Not recorded: the caller was not told"
TOLD = {
    "yes": "Recorded: the caller agreed",
    "told": "Recorded: the caller was told",
    "no": "Not recorded: the caller said no",
    "withdrawn": "Recording stopped: the caller did not want it any more",
    "none": "Not recorded: the caller gave no clear answer",
}


def told(flow: Flow, call: Call) -> str:
    """Whether the call is recorded and why, for a card or a record; "" where the flow records nothing."""
    if flow.privacy.recording == "none":
        return ""
    if call.consent.answer in ("yes", "told") and call.tape.state == "over" and not call.tape.addresses:
        return "Not recorded: recording did not work"
    return TOLD.get(call.consent.answer, NOT_ASKED if flow.privacy.recording == "with consent" else NOT_TOLD)


def address(call: Call) -> str:
    """Where the recording lies, of several the latest; "" while there is none."""
    return call.tape.addresses[-1] if call.tape.addresses else ""


def awaited(call: Call) -> bool:
    """Whether the carrier has yet to tell what became of a recording."""
    return call.tape.state in ("ordered", "running", "stopping")
