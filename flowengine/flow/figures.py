"""What can be counted of hand-overs: the one table behind the report, its explanations, `alert_when` and its schema.

The arithmetic is in `call/metrics.py`; a test holds that it and this table name the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flowengine.flow.phrasing import duration

Kind = Literal["percent", "duration", "count"]
Sense = Literal["above", "below"]

SHORT_SECONDS = 10.0  # a talk that is over so soon cannot have helped: wrong person, or the line was cut
AGAIN_SECONDS = 7 * 86400.0  # who calls again within this time was not helped the first time
ALERT_DAYS = 7  # of the office's calendar, today the last, are what `alert_when` looks at
ALERT_LEAST = 10  # hand-overs (or calls) there must be, before a limit is looked at

SHORT, AGAIN, ALERT = duration(SHORT_SECONDS), duration(AGAIN_SECONDS), duration(ALERT_DAYS * 86400)  # in words


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `over` of `of` for a share or an average, and for a time the median of `over`."""

    key: str
    label: str
    kind: Kind
    alert: Sense
    says: str
    over: str
    of: str
    limits: str


_ALL = (
    Figure(
        "transfer_rate",
        "Transfer rate",
        "percent",
        "above",
        "How many calls were handed over to a person.",
        "calls with at least one hand-over",
        "all calls that could be measured",
        "A decision at a time when nobody is there to be rung becomes a message or a callback and is no hand-over. "
        "What is a good rate depends on the office: a low one may mean callers who gave up asking.",
    ),
    Figure(
        "transfer_precision",
        "Transfer precision",
        "percent",
        "below",
        "How many of the connected hand-overs really needed a person.",
        "connected hand-overs that needed a person",
        "connected hand-overs",
        f"What staff tap afterwards counts first. Where nobody tapped, a talk that was over within {SHORT} needed no "
        "person and every other one did; so without wrap-ups the figure flatters. The report says how many were judged "
        "by staff.",
    ),
    Figure(
        "abandoned",
        "Abandoned while waiting",
        "percent",
        "above",
        "How many callers hung up between the decision and the person.",
        "hand-overs in which the caller hung up before anybody was connected",
        "all hand-overs",
        "A caller who says never mind, or asks to leave a message instead, has not abandoned. A line that broke looks "
        "like a caller who hung up. Who gives up after `method: refer` has let the call go is not seen.",
    ),
    Figure(
        "time_to_answer",
        "Time to answer",
        "duration",
        "above",
        "How long callers wait from the decision until they hear the person.",
        "the time from the decision until both are in the same room",
        "hand-overs that were connected",
        "Includes the sentence before the transfer and what is still asked. Who gave up is not in it: read it beside "
        "*abandoned while waiting*. With `method: refer` or `dial` the carrier does not tell when somebody answered.",
    ),
    Figure(
        "time_to_context",
        "Time to context",
        "duration",
        "above",
        "How long the two talk before the caller's name or reason comes up.",
        "the time from the connection until either of the two has said a word of the caller's name, or two words of "
        "the reason",
        "connected hand-overs with a transcript of both sides in which it came up",
        "A line of the transcript counts from its end, so the time is up to one sentence late. A reason told in quite "
        "other words is not recognised, nor is a name the transcript misspells. Talks in which it never comes up are "
        "not in it.",
    ),
    Figure(
        "repeat_rate",
        "Repeat rate",
        "percent",
        "above",
        "How many callers had to tell the person again what they had told the receptionist.",
        "hand-overs in which the caller says again, to the person, something that stood on the card",
        "connected hand-overs with a transcript of both sides, and something on the card to repeat",
        "A word of the name, four digits in a row of a number, or two words of any other answer count as said again, "
        "unless the person said them first. Paraphrases, what the receptionist noted wrongly, and numbers as words of "
        "other languages than English and Spanish are missed; ordinary words that are also names are mistaken. "
        "Yes-or-no answers and choices are not looked at, nor, in other languages than English, words of fewer than "
        "four letters.",
    ),
    Figure(
        "handle_time",
        "Handle time",
        "duration",
        "above",
        "How long caller and person talk.",
        "the time from the connection until the first of the two leaves",
        "hand-overs that were connected and are over",
        "Work after the talk is not in it. With `method: refer` or `dial` it is not known.",
    ),
    Figure(
        "first_call_resolved",
        "First-call resolution",
        "percent",
        "below",
        "How many callers were helped by the one call.",
        f"calls that staff marked as resolved, and whose caller did not call again within {AGAIN}",
        "calls that staff marked as resolved or not, from a number that was not withheld",
        f"Known only {AGAIN} later, so it is computed for the same length of time {AGAIN} earlier. Somebody who calls "
        "again about something else counts as not helped; somebody who calls from another phone counts as helped. With "
        f"`keep_transcripts` under {duration(AGAIN_SECONDS + ALERT_DAYS * 86400)} too little is left to tell.",
    ),
    Figure(
        "attempts",
        "Attempts per hand-over",
        "count",
        "above",
        "How many phones ring for one hand-over.",
        "phones rung",
        "hand-overs in which at least one phone was rung",
        "Phones rung at once count one each.",
    ),
    Figure(
        "cut_off",
        "Cut off after the transfer",
        "percent",
        "above",
        f"How many talks were over within {SHORT} without the person having hung up.",
        f"connected hand-overs the caller left, or was cut from, within {SHORT}",
        "hand-overs that were connected and are over",
        "A line that broke and a caller who hung up look the same.",
    ),
)

FIGURES: Mapping[str, Figure] = {figure.key: figure for figure in _ALL}
