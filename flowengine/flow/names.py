"""The English names of days, months, digits and keys: one list of each, for what reads them and what tells them."""

from __future__ import annotations

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")  # Monday is 0, as for `date`
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}  # of the weekdays of a month
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KEYS = {**{str(digit): name for digit, name in enumerate(DIGITS)}, "*": "star", "#": "pound"}  # of a telephone

WEEKDAYS = tuple(day[:3].lower() for day in DAYS)  # as flow files write them
SHORT_MONTHS = tuple(month[:3] for month in MONTHS)
