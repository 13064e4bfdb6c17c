"""Whether the call that happened is the one expected.

An expectation may name:

- `rule`, `department`, `method` of the first hand-off; `rules`, `handoff_outcomes` of all; `tried`, `outcomes` and
  `reasons` (of who said why not) of all attempts; `connected_to`, `ends_with`, `work` (kinds of work on desks)
- `caller_hears`, `caller_does_not_hear`, `staff_hears`, `staff_does_not_hear`: texts, for staff also by person
- `recorded`: texts that the carrier's recordings of the call hold, or `none` where there must be none;
  `not_recorded`: texts they do not hold
- `number_shown` by person; `card_shows` texts; `said_after_connecting` speakers
- `no_silence_over` (3 s unless it is named), `most_gap`: the longest music without a word

Always: no sentence of ours broken off in the caller's ear, no music while a person talks with them, the card before
the first ring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_SILENCE = 3.0  # seconds nobody may be left in
EXPECTATIONS = frozenset({
    "rule", "rules", "department", "method", "handoff_outcomes", "tried", "outcomes", "reasons", "connected_to",
    "ends_with", "work", "caller_hears", "caller_does_not_hear", "staff_hears", "staff_does_not_hear", "card_shows",
    "number_shown", "said_after_connecting", "no_silence_over", "most_gap", "recorded", "not_recorded",
})  # fmt: skip
ENDS = {
    "connected": "connected",
    "referred": "referred",
    "dialled": "dialled",
    "take_message": "message",
    "callback": "callback",
}
OURS = ("agent", "notice")  # who speaks for the office

Report = Mapping[str, Any]
Segments = Sequence[Mapping[str, Any]]


def judge(expect: Mapping[str, Any], report: Report) -> list[str]:
    """What of the expectation did not hold, a sentence each; nothing is the verdict "held"."""
    return [
        *_decided(expect, report),
        *_caller(expect, report),
        *_staff(expect, report),
        *_shown(expect, report),
        *_recorded(expect, report),
        *_after(expect, report),
        *_gaps(expect, report),
        *_always(report),
    ]


def _decided(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    handoffs = report["handoffs"]
    first = handoffs[0] if handoffs else {}
    attempts = [a for h in handoffs for a in h["attempts"]]
    found = {
        "rule": first.get("rule", "none"),
        "rules": [h["rule"] for h in handoffs],
        "department": first.get("department"),
        "method": first.get("method"),
        "handoff_outcomes": [h["outcome"] for h in handoffs],
        "tried": [a["person"] for a in attempts],
        "outcomes": [a["outcome"] for a in attempts],
        "connected_to": next((a["person"] for a in attempts if a["outcome"] == "accepted"), None),
        "reasons": [a["why"] for a in attempts if a.get("why")],
        "work": report.get("work", []),
    }
    for word, was in found.items():
        if word in expect and expect[word] != was:
            yield f"{word}: expected {_say(expect[word])}, but it was {_say(was)}"
    if "ends_with" in expect and ENDS.get(expect["ends_with"], expect["ends_with"]) != report["outcome"]:
        yield f"ends_with: expected {expect['ends_with']}, but it was {report['outcome']}"


# ---- what was heard --------------------------------------------------------------------------------------------------


def _caller(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    heard = _words(report["caller_heard"])
    yield from (f"the caller did not hear {t!r}" for t in expect.get("caller_hears", ()) if _plain(t) not in heard)
    yield from (f"the caller heard {t!r}" for t in expect.get("caller_does_not_hear", ()) if _plain(t) in heard)


def _staff(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    for who, texts in _by_person(expect.get("staff_hears", ())):
        heard = _words(_ear_of(report, who))
        yield from (f"{who} did not hear {text!r}" for text in texts if _plain(text) not in heard)
    for who, texts in _by_person(expect.get("staff_does_not_hear", ())):
        heard = _words(_ear_of(report, who))
        yield from (f"{who} heard {text!r}" for text in texts if _plain(text) in heard)


def _shown(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    """Whose number stood on each person's phone."""
    for who, number in expect.get("number_shown", {}).items():
        was = (report.get("numbers_shown") or {}).get(who)
        if was != "".join(number.replace("-", " ").split()):
            yield f"number_shown: {who}'s phone should have shown {number}, but it showed {was}"


def _recorded(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    """What the carrier kept of both sides, as words."""
    kept = report.get("recorded", ())
    words, wanted = _plain(" ".join(f"{part['said']} {part['heard']}" for part in kept)), expect.get("recorded", ())
    if wanted == "none":
        yield from (f"recorded from {part['at']:.1f} s on" for part in kept)
    else:
        yield from (f"{text!r} was not recorded" for text in wanted if _plain(text) not in words)
    yield from (f"{text!r} was recorded" for text in expect.get("not_recorded", ()) if _plain(text) in words)


def _by_person(given: Mapping[str, Sequence[str]] | Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    yield from given.items() if isinstance(given, Mapping) else [("staff", given)]


def _ear_of(report: Report, who: str) -> list[Mapping[str, Any]]:
    """What one person heard, or all of them."""
    return [s for s in report["staff_heard"] or () if who in ("staff", s.get("person"))]


def _after(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    handoffs = report["handoffs"]
    # Of a dial the carrier tells only the end.
    met = "first_ring_at" if handoffs and handoffs[0]["method"] == "dial" else "connected_at"
    connected = handoffs[0].get(met) if handoffs else None
    spoke = {t["speaker"] for t in report["transcript"] if connected is not None and t["at"] > connected}
    wanted = expect.get("said_after_connecting", ())
    yield from (f"nothing of the {who} was transcribed after connecting" for who in wanted if who not in spoke)
    card = report["card"] or {}
    shown = _plain(f"{card.get('headline', '')} {card.get('fields', '')} {card.get('consent', '')}")
    yield from (
        f"the card does not show {text!r}" for text in expect.get("card_shows", ()) if _plain(text) not in shown
    )


def _gaps(expect: Mapping[str, Any], report: Report) -> Iterator[str]:
    silence = _limit(expect, "no_silence_over", MOST_SILENCE)
    music = _limit(expect, "most_gap", float("inf"))
    for segment in report["caller_heard"] or ():
        if segment["seconds"] > {"silence": silence, "music": music}.get(segment["what"], float("inf")):
            yield f"{segment['seconds']:.1f} s of {segment['what']} at {segment['at']:.1f} s"


def _limit(expect: Mapping[str, Any], word: str, usual: float) -> float:
    return float(str(expect.get(word, usual)).removesuffix("s"))


# ---- what holds in every scenario ------------------------------------------------------------------------------------


def _always(report: Report) -> Iterator[str]:
    for handoff in report["handoffs"]:
        yield from _card_first(handoff)
        yield from _music_over(handoff, report["caller_heard"] or ())
    for segment in report["caller_heard"] or ():
        if segment.get("clipped") and segment["what"] in OURS:
            yield f"broken off at {segment['at'] + segment['seconds']:.1f} s: {segment['text']!r}"


def _card_first(handoff: Mapping[str, Any]) -> Iterator[str]:
    card, ring = handoff["card_at"], handoff["first_ring_at"]
    if ring is not None and (card is None or card >= ring):
        yield f"the card was there at {_say(card)}, the first phone rang at {_say(ring)}"


def _music_over(handoff: Mapping[str, Any], heard: Segments) -> Iterator[str]:
    """From the person's first word to the last, the caller hears no music."""
    connected = handoff["connected_at"]
    if connected is None:
        return
    ends = [s["at"] + s["seconds"] for s in heard]
    since = [n for n, s in enumerate(heard) if s["what"] == "staff" and ends[n] > connected]
    if not since:
        return
    until = next((n for n in range(since[0], len(heard)) if heard[n]["what"] in OURS), len(heard))
    if heard[since[0]].get("clipped"):
        yield f"the person's first words at {heard[since[0]]['at']:.1f} s were not heard whole"
    talked = [n for n in since if n < until]
    for n in range(talked[0], talked[-1]):
        if heard[n]["what"] == "music":
            yield f"music at {heard[n]['at']:.1f} s, while the person talks"


def _words(segments: Segments | None) -> str:
    return _plain(" ".join(s["text"] for s in segments or () if s["text"] and s["what"] != "self"))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _say(value: object) -> str:
    return ", ".join(map(str, value)) or "nobody" if isinstance(value, list) else str(value)
