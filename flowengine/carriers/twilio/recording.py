"""Recordings of a caller's leg: started, stopped and deleted by REST; what became of them is told by callback."""

from __future__ import annotations

import re
from typing import Any

from flowengine.call.events import Event, RecordingEnded, RecordingGoesOn, RecordingStarted
from flowengine.carriers.twilio.links import Links
from flowengine.carriers.twilio.protocol import Form, News, recorded_seconds
from flowengine.carriers.twilio.rest import Trouble, certainly_undone, not_refused, order

RUNNING = "Twilio.CURRENT"  # the name of whatever recording runs on a leg (twilio.md 4.3)
_NAME = re.compile(r"(?:^|/Recordings/)(RE[0-9a-f]{32})(?:\.[a-z0-9]+)?$")


async def start(api: Any, ref: str, links: Links) -> Any:
    """Both sides, each on a channel of its own: the caller on the first, what the caller hears on the second."""
    given = {
        "recording_channels": "dual",
        "recording_track": "both",
        "trim": "do-not-trim",
        "recording_status_callback": links.recording,
        "recording_status_callback_event": ["in-progress", "completed", "absent"],
        "recording_status_callback_method": "POST",
    }
    return await order(lambda: api.calls(ref).recordings.create_async(**given), certainly_undone)


def started(at: float, answer: Any) -> Event | None:
    """What the answer to `start` says; None where it may have begun without our knowing: its callback will tell."""
    match answer:
        case Trouble(refused=True) | Trouble(busy=True) | Trouble(unsent=True):
            return RecordingEnded(at, "", "")
        case Trouble():
            return None
        case _:
            return RecordingStarted(at, str(answer.sid)) if answer.sid else None


async def stop(api: Any, ref: str, recording: str) -> Any:
    return await order(
        lambda: api.calls(ref).recordings(recording or RUNNING).update_async(status="stopped"), not_refused
    )


def stopped(at: float, recording: str, answer: Any) -> Event | None:
    """None where all is well: what is over tells of itself. Where nothing runs that has no name yet, it may be about
    to begin."""
    if not isinstance(answer, Trouble) or (recording and answer.gone):
        return None
    return RecordingGoesOn(at, recording, answer.evidence)


async def delete(api: Any, url: str) -> bool:
    """Whether there is no recording of this address, or name, any more; False also for what is not one of ours."""
    name = _NAME.search(url)
    if name is None:
        return False
    answer = await order(lambda: api.recordings(name[1]).delete_async(), not_refused)
    return answer.status == 404 if isinstance(answer, Trouble) else bool(answer)


def news(form: Form) -> News | None:
    """A recording status callback (twilio.md 1.4)."""
    ref, url, seconds = form.get("RecordingSid", ""), form.get("RecordingUrl", ""), recorded_seconds(form)
    match form.get("RecordingStatus"):
        case "in-progress" if ref:
            return lambda at: RecordingStarted(at, ref)
        case "completed":
            return lambda at: RecordingEnded(at, ref, url, seconds)
        case "absent" | "failed":
            return lambda at: RecordingEnded(at, ref, "")
    return None
