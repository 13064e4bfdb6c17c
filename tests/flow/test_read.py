"""Leaves: what a person writes, and what it means."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.flow import read
from flowengine.flow.model import DateRange, Span, YearlyDate
from flowengine.flow.read import Unreadable


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20s", 20),
        ("2min", 120),
        ("1h", 3600),
        ("30 days", 2_592_000),
        ("1 day", 86_400),
        ("1.5h", 5400),
        ("6 years", 189_345_600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert read.duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "minute"),
    [("8am", 480), ("8:00am", 480), ("08:00", 480), ("17:00", 1020), ("12am", 0), ("12:30 PM", 750), ("0:05", 5)],
)
def test_times(text: str, minute: int) -> None:
    assert read.clock(text) == minute


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("closed", ()),
        ("all day", (Span(0, 1440),)),
        ("8am - 5pm", (Span(480, 1020),)),
        ("1pm - 5pm and 8am - 12pm", (Span(480, 720), Span(780, 1020))),
        ("22:00 - 06:00", (Span(1320, 1800),)),
        ("5pm - 12am", (Span(1020, 1440),)),
    ],
)
def test_ranges(text: str, spans: tuple[Span, ...]) -> None:
    assert read.spans(text) == spans


def test_weekdays_wrap() -> None:
    assert read.weekdays("mon") == (0,)
    assert read.weekdays("fri-mon") == (4, 5, 6, 0)
    assert read.weekdays("mon-sun") == tuple(range(7))


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("25 Dec", DateRange(YearlyDate(12, 25), YearlyDate(12, 25))),
        ("26 November 2026", DateRange(YearlyDate(11, 26, 2026), YearlyDate(11, 26, 2026))),
        ("24 Dec - 2 Jan", DateRange(YearlyDate(12, 24), YearlyDate(1, 2))),
        ("30 Dec 2026 - 2 Jan 2027", DateRange(YearlyDate(12, 30, 2026), YearlyDate(1, 2, 2027))),
        ("fourth Thursday of November", DateRange(YearlyDate(11, nth=4, weekday=3), YearlyDate(11, nth=4, weekday=3))),
        (
            "last Mon of May 2027",
            DateRange(YearlyDate(5, year=2027, nth=-1, weekday=0), YearlyDate(5, year=2027, nth=-1, weekday=0)),
        ),
        ("29 Feb", DateRange(YearlyDate(2, 29), YearlyDate(2, 29))),
        ("1 Sept", DateRange(YearlyDate(9, 1), YearlyDate(9, 1))),
    ],
)
def test_dates(text: str, dates: DateRange) -> None:
    assert read.dates(text) == dates


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "32 Jan",
        "1 Foo",
        "first Fooday of May",
        "1 Jan - 2 Jan - 3 Jan",
        "June 5, 2026",
        "0 May",
        "1 Jan 2027 - last Mon of May 2026",
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(Unreadable):
        read.dates(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 312-555-0111", "+13125550111"),
        ("312 555 0111", "+13125550111"),
        ("+13125550111", "+13125550111"),
        ("(312) 555-0111", "+13125550111"),
        ("+44 20 7946 0018", "+442079460018"),
    ],
)
def test_phones(text: str, number: str) -> None:
    assert read.phone(text, "US") == number


@pytest.mark.parametrize("text", ["911", "", "dana", "1-800-FLOWERS", "+1 312-555-0111 ext 4", "9" * 400])
def test_what_is_no_phone(text: str) -> None:
    with pytest.raises(Unreadable):
        read.phone(text, "US")
    with pytest.raises(Unreadable):
        read.phone("312 555 0111", None)


def test_numbers_of_examples_count_as_assigned() -> None:
    assert read.assigned("+12125550199")
    assert read.assigned("+442079460018")
    assert not read.assigned("+12002345678")
    assert (read.region_of("+1 312-555-0100"), read.region_of("312")) == ("US", None)


def test_keys_moments_and_small_things() -> None:
    assert [read.key(k) for k in ("zero", "nine", "star", "pound", "5")] == ["0", "9", "*", "#", "5"]
    assert read.moment("Fri 4:55pm") == (4, None, 1015)
    weekday, day, minute = read.moment("Tue 10 Nov 2026 10:15am")
    assert (weekday, str(day), minute) == (1, "2026-11-10", 615)
    assert [read.extension(keys) for keys in ("204", "3, 2 0 4", "ww#*1", "W9")] == ["204", "3,204", "ww#*1", "W9"]
    assert (read.percent("40%"), read.count("2 turns"), read.whole("7"), read.truth("true")) == (40, 2, 7, True)
    with pytest.raises(Unreadable):
        read.whole("x")


@given(st.text(max_size=40))
def test_readers_answer_or_say_unreadable(text: str) -> None:
    told: list[tuple[str, str]] = []
    for reader in (
        read.duration,
        read.count,
        read.percent,
        read.spans,
        read.dates,
        read.moment,
        read.extension,
        lambda t: read.phone(t, "US"),
    ):
        try:
            reader(text)
        except Unreadable as refused:
            told.append((refused.message, refused.help))
    assert all(message and help for message, help in told)


@pytest.mark.parametrize(
    ("reader", "text", "meant"),
    [
        (read.spans, "8.30am until noon", "8:30am - 12pm"),
        (read.spans, "8 a.m. - 5 p.m.", "8 am - 5 pm"),
        (read.spans, "8am-12pm, 1pm-5pm", "8am - 12pm and 1pm - 5pm"),
        (read.spans, "8am-12pm, and 1pm\u20145pm", "8am - 12pm and 1pm - 5pm"),
        (read.spans, "6pm to midnight", "6pm - 12am"),
        (read.spans, "24 hours", "all day"),
        (read.spans, "CLOSED", "closed"),
        (read.spans, "9 - 5", None),
        (read.spans, "8am - 25pm", None),
        (read.duration, "2 minuts", "2 minutes"),
        (read.duration, "3 hrs", "3 h"),
        (read.duration, "20 S", "20 s"),
        (read.duration, "20", None),
        (read.duration, "20 x", None),
        (read.count, "twice", "2 times"),
        (read.count, "three tries", "3 tries"),
        (read.count, "0 turns", None),
        (read.percent, "40", "40%"),
        (read.percent, "40 percent", "40%"),
        (read.percent, ".05", "5%"),
        (read.percent, "400", None),
        (read.extension, "ext. 204", "204"),
        (read.extension, "x2-04", "204"),
        (read.extension, "front desk", None),
        (read.extension, "w" * 28 + "204", None),
        (read.extension, "#" * 31, None),
        (read.extension, ",w,", None),
        (read.dates, "December 25, 2026", "25 December 2026"),
        (read.dates, "Dec 45", None),
        (read.dates, "25.12.", None),
    ],
)
def test_what_was_probably_meant(reader: Callable[[str], object], text: str, meant: str | None) -> None:
    with pytest.raises(Unreadable) as refused:
        reader(text)
    assert refused.value.fix == meant
    if meant is not None:
        assert meant in refused.value.help
        assert reader(meant) is not None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Monday", "mon"),
        ("Mon - Fri", "mon-fri"),
        ("tues to thu", "tue-thu"),
        ("Saturdays", "sat"),
        ("weekdays", "mon-fri"),
        ("sunrise", ""),
        ("mo", ""),
        ("mon, tue", ""),
        ("mon-wed-fri", ""),
        ("", ""),
    ],
)
def test_days_by_other_names(text: str, key: str) -> None:
    assert read.day_key(text) == key


def test_a_weekday_before_a_date_must_be_that_dates() -> None:
    assert read.dates("Thu 26 Nov 2026") == read.dates("26 Nov 2026")
    assert read.dates("Thursday, 26 Nov 2026") == read.dates("26 Nov 2026")
    with pytest.raises(read.Unreadable) as wrong:
        read.dates("Fri 26 Nov 2026")
    assert wrong.value.code == "wrong-weekday"
    with pytest.raises(read.Unreadable) as yearly:
        read.dates("Fri 25 Dec")
    assert yearly.value.code == "bad-date"
