"""What a leaf that cannot be read was probably meant to be: `8.30am until noon`, `two turns`, `0.4`."""

from __future__ import annotations

import re

from flowengine.flow.likeness import certain

_UNITS = ("s", "sec", "seconds", "min", "minutes", "h", "hours", "days", "years")
_NUMBERS = {
    "one": 1,
    "once": 1,
    "two": 2,
    "twice": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "ten": 10,
}
_SHORT_UNITS = {"m": "min", "hr": "h", "hrs": "h", "d": "days", "y": "years", "yrs": "years", "yr": "years"}


def help_and_fix(fix: str, help: str) -> tuple[str, str | None]:
    """The help with what was meant, and that as the fix; the plain help where nothing is sure."""
    return (f"write {fix}", fix) if fix else (help, None)


def duration(text: str) -> str:
    """`2 minuts` → `2 minutes`, `20 S` → `20 s`; "" where no unit, or no one unit, was meant."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)( ?)([A-Za-z]+)\.?", text.strip())
    if not match:
        return ""
    unit = match[3].lower()
    meant = unit if unit in _UNITS else _SHORT_UNITS.get(unit) or (certain(unit, _UNITS[2:]) if len(unit) > 3 else "")
    return f"{match[1]}{match[2]}{meant}" if meant else ""


def count(text: str) -> str:
    """`two turns` → `2 turns`, `twice` → `2 times`."""
    number, _, unit = text.strip().lower().partition(" ")
    if number in _NUMBERS and unit in ("", "turn", "turns", "time", "times", "try", "tries"):
        return f"{_NUMBERS[number]} {unit or ('times' if number == 'twice' else '')}".strip()
    return ""


def percent(text: str) -> str:
    """`40` → `40%`, `0.4` → `40%`, `40 percent` → `40%`."""
    if match := re.fullmatch(r"([0-9]{1,3})(?: ?per ?cent)?", text.strip().lower()):
        return f"{int(match[1])}%" if int(match[1]) <= 100 else ""
    if match := re.fullmatch(r"0?\.([0-9]{1,2})", text.strip()):
        return f"{int(match[1].ljust(2, '0'))}%"
    return ""


def extension(text: str) -> str:
    """`ext. 204`, `x204`, `20-4` → `204`."""
    match = re.fullmatch(r"(?:extension|ext\.?|x)?[ :.]*([0-9][0-9 -]{0,20})", text.strip().lower())
    return re.sub(r"[ -]", "", match[1]) if match else ""


def hours(text: str) -> str:
    """Opening times in the spelling of the language: `8.30 a.m. until noon, 1pm to 5pm` → `8:30am - 12pm and …`."""
    plain = " ".join(text.lower().split())
    if plain in ("closed", "close", "none", "shut"):
        return "closed"
    if plain in ("all day", "24 hours", "24h", "24/7", "open all day", "always open", "24 hours a day"):
        return "all day"
    plain = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", plain)
    plain = re.sub(r"\b([0-9]{1,2})\.([0-9]{2})(?![0-9])", r"\1:\2", plain)
    plain = re.sub(r"\bnoon\b", "12pm", re.sub(r"\bmidnight\b", "12am", plain))
    plain = re.sub(r" *(?:\u2013|\u2014|-|\bto\b|\btill?\b|\buntil\b|\bthrough\b) *", " - ", plain)
    return re.sub(r" *(?:,|;|&|\band\b)+ *(?:\band\b)? *", " and ", plain)
