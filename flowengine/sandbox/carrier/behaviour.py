"""What nobody has written down about the carrier, as switches; and the harm a negative control does to a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AnswerRefer",
    "Behaviour",
    "CutStream",
    "Fault",
    "LoseCallback",
    "LoseFrame",
    "LoseKey",
    "LoseMark",
    "LoseStop",
    "LoseText",
    "RestAnswers",
    "RestSilent",
]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One switch for each **uncertain** of `twilio.md`; the default is the likelier. Times are call seconds."""

    connect_action_after_redirect: bool = False  # a REST redirect also requests `<Connect action>` (3.3)
    connect_action_after_refusal: bool = True  # a stream that does not open ends `<Connect>` with its `action` (3.3)
    action_after_hang_up: bool = False  # a hang-up during `<Dial>` or `<Connect>` requests the `action` (2.1, 2.2)
    callbacks: Literal["in order", "late", "twice", "shuffled"] = "in order"  # no ordering guarantee (1.3)
    late_seconds: float = 3.0  # how late, when callbacks are late or shuffled
    stream_accepts_ping: bool = True  # a WebSocket ping of ours is answered (3.3)
    chunk_per_track: bool = False  # `chunk` counts for each track by itself (3.1)
    relative_stream_url: bool = False  # `<Stream url>` may be relative (2.1)
    close_processed_before_redirect: bool = False  # our close overtakes the redirect we ordered (7.4)
    answer_before_rest_reply: bool = False  # a new call's callbacks overtake the answer to its creation (7.4)
    completed_cancels_ringing: bool = True  # `Status=completed` ends a ringing leg (4.1)
    redirect_ringing_refused: bool = True  # redirecting a queued or ringing leg is 21220 (4.1)
    wait_music_resumes: bool = False  # the wait music starts again for the last one in a conference (2.3)
    pause_first_rings: bool = True  # `<Pause>` as the first verb keeps the caller ringing that long (2.6)
    silent_record_goes_on: bool = False  # `<Record>` that heard nothing goes on with the next verb (2.6)
    gather_extras: bool = True  # `FinishedOnKey` and `msg` on a Gather action (2.5)
    conference_dial_fields: bool = False  # `ConferenceSid` on the action of `<Dial><Conference>` (1.4)
    inband_tones: bool = False  # a key press is heard on the inbound audio as well (3.1)
    bad_message_ends_stream: bool = False  # 31951 closes the stream instead of skipping the message (3.2)
    refer_answer: int = 202  # what a SIP caller's equipment answers to REFER (2.7)
    refer_busy_fails: bool = False  # a busy target is told as `failed` (2.7)
    refer_refusal_named: bool = True  # a refused REFER is told as `failed`; else without `ReferCallStatus` (2.7)
    refer_notified: bool = True  # the caller's equipment tells what came of it; else no `ReferCallStatus` (2.7)
    announcement_per_member: bool = False  # `AnnounceUrl` of a room is asked for each member, not once (4.2)
    call_token_once: bool = False  # a `CallToken` is good for one call only (4.1)
    redirect_ends_recording: bool = False  # a REST redirect ends what is recorded of the leg; else it goes on (4.3)
    recording_ready_seconds: float = 1.0  # from the end of a recording until it can be fetched
    calls_per_second: float = 1.0  # legs created by REST; the rest waits (4.4)
    rest_seconds: float = 0.1  # a REST answer takes (4.6)
    redirect_seconds: float = 0.05  # after the REST answer until a redirect is executed (4.1)
    webhook_seconds: float = 0.04  # the network's share of a webhook's round trip
    document_gap_seconds: float = 0.06  # between a document's arrival and its first verb
    dial_seconds: float = 0.4  # from dialling until the far end rings
    stream_connect_seconds: float = 5.0  # a stream that has not opened by then is 31901
    referred_leg_stays: float = 1.0  # after a REFER was answered, until the referred caller's leg hangs up


@dataclass(frozen=True, slots=True)
class LoseFrame:
    """One 20 ms frame is replaced by silence, in the middle of the first word of `saying`, the first time it is said.

    `direction`: "in" is from that party to the carrier, "out" is what the carrier plays to it. `leg`: "caller" is any
    inbound leg, "staff" any outbound one.
    """

    leg: Literal["caller", "staff"]
    direction: Literal["in", "out"]
    saying: str


@dataclass(frozen=True, slots=True)
class LoseMark:
    """The `nth` mark echo of the whole run (from 1) is never sent."""

    nth: int = 1


@dataclass(frozen=True, slots=True)
class LoseKey:
    """No press of this key gets through."""

    digit: str


@dataclass(frozen=True, slots=True)
class LoseCallback:
    """Requests to a URL containing `path` do not arrive: the `nth` (from 1), or all of them.

    A lost status callback is lost; a lost request for a document is a connection failure (11205).
    """

    path: str
    nth: int | None = None


@dataclass(frozen=True, slots=True)
class LoseStop:
    """Streams close without the `stop` message."""


@dataclass(frozen=True, slots=True)
class RestAnswers:
    """The `nth` matching REST request (None: each) is answered with this error and not processed."""

    path: str  # contained in the URL's path, such as "/Calls.json"
    status: int
    code: int
    nth: int | None = 1
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class RestSilent:
    """The `nth` matching REST request is processed, but its answer never comes."""

    path: str
    nth: int | None = 1
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class AnswerRefer:
    """The `nth` REFER (None: each) is answered with this by the caller's equipment."""

    sip: int = 405
    nth: int | None = 1


@dataclass(frozen=True, slots=True)
class CutStream:
    """The connection of the `nth` media stream (from 1) breaks `after` seconds, without `stop` or a close handshake."""

    after: float
    nth: int = 1


@dataclass(frozen=True, slots=True)
class LoseText:
    """The `nth` text to this phone (None: each) is taken and does not arrive: `undelivered` by the phone's company, or
    `failed` before it left the carrier. What the callback then says of it is `code`."""

    to: str
    code: int = 30003
    status: Literal["undelivered", "failed"] = "undelivered"
    nth: int | None = 1


Fault = (
    LoseFrame
    | LoseMark
    | LoseKey
    | LoseCallback
    | LoseStop
    | LoseText
    | RestAnswers
    | RestSilent
    | AnswerRefer
    | CutStream
)
