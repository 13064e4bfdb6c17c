"""The offices that `test_state_machine` calls: `flows/dental_office.yaml` with other words, one line each."""

from __future__ import annotations

import re
from functools import cache

from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from tests.call.story import ROOT

NO_KEY = {"accept": "none\n  no_key_because: the desk has no keys", "briefing": "card only"}
PARKED = {"receptionist_stays": "false"}
TALK = {"briefing": "conversation"}
SAYS = "{busy: '{person} is on another call.', no_answer: '{person} is not picking up.', failed: 'No line.'}"
AT_ONCE, FOUR = "all at once", "dana, luis, hygiene, reed"

OFFICES: list[dict[str, str]] = [
    {},
    {"people": "dana"},
    {"people": FOUR},
    {"people": FOUR, "ring": AT_ONCE},
    {"people": "dana, luis, hygiene", "ring": AT_ONCE, **PARKED},
    {"people": FOUR, "ring": AT_ONCE, **TALK},
    {"people": "dana, luis", "ring": AT_ONCE, **TALK, **PARKED, "voicemail_answers": "leave a note"},
    {**TALK, "introduction": "announced"},
    {"people": FOUR, **TALK, **PARKED, "after_staff_hang_up": "receptionist"},
    {"phones": "two", **TALK, "voicemail_answers": "leave a note", "then": "voicemail"},
    {"people": "dana, luis", **NO_KEY},
    {"people": FOUR, "ring": AT_ONCE, **NO_KEY, **PARKED, "after_staff_hang_up": "receptionist"},
    {"phones": "two", "says": SAYS},
    {"phones": "two", "people": "dana, luis", "ring": AT_ONCE, "says": SAYS, **PARKED},
    {**PARKED, "update_every": "5s", "longest_wait": "1min", "then": "receptionist"},
    {"voicemail_answers": "leave a note", "after_staff_hang_up": "take_message"},
    {**NO_KEY, "voicemail_answers": "leave a note", "then": "callback"},
    {"briefing": "card only", "introduction": "announced", "after_staff_hang_up": "receptionist"},
    {**PARKED, "after_staff_hang_up": "take_message", "then": "voicemail"},
    {"caller_id_shown": "caller", "then": "{hang_up: Please call again tomorrow.}", "most_phones_rung": "3"},
    {"method": "dial", "people": FOUR},
    {"method": "refer", "people": FOUR, "if_card_not_confirmed": "voicemail"},
    {"recording": "with consent"},
    {"recording": "always", "people": FOUR, **PARKED, "after_staff_hang_up": "receptionist"},
    {"recording": "with consent", "people": "dana, luis", "ring": AT_ONCE, **TALK},
]
PLACES = {  # words that stand elsewhere than in `transfer`, `hold` or `receptionist`: what is replaced by what

    "people": ("people: [dana, luis]\n    ring: in order", "people: [{}]\n    ring: in order"),
    "ring": ("ring: in order                     # in", "ring: {} # in"),
    "then": ("if_no_one_answers: take_message\n  clinical", "if_no_one_answers: {}\n  clinical"),
    "phones": ("name: Dana, phone: +1 312-555-0111}", "name: Dana, phone: [+1 312-555-0111, +1 312-555-0113]}}"),
    "recording": ("recording: none  ", "consent_line: May we record this call?\n  recording: {}  "),
    "says": ("hold:\n", "hold:\n  says: {}\n"),
}  # fmt: skip


@cache
def office(number: int) -> Flow:
    """One of `OFFICES`."""
    text = (ROOT / "flows" / "dental_office.yaml").read_text("utf-8").partition("\ntests:")[0]
    for word, value in OFFICES[number].items():
        text = _in_its_place(text, word, value)
    if OFFICES[number].get("method") == "refer":
        text = text.replace("calls_arrive_by: phone", "calls_arrive_by: sip")
        text = re.sub(r"phone: \+1 312-555-(\d+)", r"sip: sip:\1@example.com", text)
    return compile_flow(text, f"office {number}")


def _in_its_place(text: str, word: str, value: str) -> str:
    if word in PLACES:
        old, new = PLACES[word]
        assert old in text, word
        return text.replace(old, new.format(value), 1)
    lines = text.split("\n")
    known = [n for n, line in enumerate(lines) if line.startswith(f"  {word}: ")]
    if known:
        lines[known[-1]] = f"  {word}: {value}"
    else:
        lines.insert(
            lines.index(next(line for line in lines if line.startswith("transfer:"))) + 1, f"  {word}: {value}"
        )
    return "\n".join(lines)
