"""What counts in a flow, and which line says so: the department, the transfer, a shared file, or nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowengine.cli import main
from flowengine.flow import source
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import DateRange, Flow, Span, YearlyDate
from flowengine.flow.names import WEEKDAYS
from flowengine.flow.show import BUILT_IN, as_json, as_text, mask, show
from flowengine.flow.spelling import dates, duration, spans
from tests.flow.office import FLOWS, HERE, billing, dental, load, small
from tests.flow.test_explain import GOOD, compiled


def value(flow: Flow, name: str) -> tuple[object, str]:
    (shown,) = [s for s in show(flow) if s.name == name]
    return shown.value, shown.place


def test_each_word_of_a_transfer_says_who_set_it() -> None:
    general = small(add="transfer:\n  ring_for: 25s\n")
    assert value(general, "departments.front_desk.ring_for") == ("25s", "small.yaml:22")
    assert value(general, "departments.front_desk.accept_within") == ("8s", BUILT_IN)
    own = small(("people: [dana, luis]", "people: [dana, luis]\n    ring_for: 30s"), add="transfer:\n  ring_for: 25s\n")
    assert value(own, "departments.front_desk.ring_for") == ("30s", "small.yaml:17")


IMPLY = ("emergency:", "method:", "accept:")  # words by which others come to be what they are


def test_the_longest_wait_is_the_departments_or_the_holds() -> None:
    assert value(billing(), "departments.account_help.longest_wait")[0] == "90s"
    assert value(billing(), "departments.claims.longest_wait")[0] == "2min"
    assert value(small(), "departments.front_desk.longest_wait") == ("2min", BUILT_IN)


def test_a_briefing_nobody_can_get_is_shown_as_the_card_alone() -> None:
    assert value(small(), "departments.front_desk.briefing") == ("spoken", BUILT_IN)
    assert value(billing(), "departments.payments.briefing")[0] == "card only"
    changed = small(add="transfer:\n  accept: none\n  no_key_because: no voicemail\n")
    where = next(s.place for s in show(changed) if s.name == "departments.front_desk.accept")
    assert value(changed, "departments.front_desk.briefing") == ("card only", where)


def test_each_day_points_at_the_line_that_covers_it() -> None:
    flow = compiled(HERE / "good" / "every_word.yaml")
    week = {s.name: (s.value, s.origin.line if s.origin else 0) for s in show(flow) if s.path[0] == "hours"}
    lines = (HERE / "good" / "every_word.yaml").read_text("utf-8").splitlines()
    said = {word: lines.index(f"  {word}") + 1 for word in ("mon-fri: 8am - 5pm", "wed: 8am - 12pm")}
    assert week["hours.mon-tue"] == ("8am - 5pm", said["mon-fri: 8am - 5pm"])
    assert week["hours.wed"] == ("8am - 12pm", said["wed: 8am - 12pm"])
    assert week["hours.thu-fri"] == ("8am - 5pm", said["mon-fri: 8am - 5pm"])


def test_what_a_shared_file_adds_names_that_file() -> None:
    flow = compiled(HERE / "good" / "every_word.yaml")
    assert value(flow, "people.reed.name") == ("Dr. Reed", "shared_office.yaml:4")
    assert value(flow, "departments.on_call.hours") == ("always", "shared_office.yaml:8")
    assert value(flow, "hours.exceptions.25 Dec.name") == ("Christmas", "shared_office.yaml:12")


def test_somebody_listed_only_in_a_department_is_placed_there() -> None:
    flow = compiled(HERE / "good" / "natural_spelling.yaml")
    lines = (HERE / "good" / "natural_spelling.yaml").read_text("utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "Standby" in text)
    (shown,) = [s for s in show(flow) if s.value == "Standby"]
    assert shown.origin is not None
    assert shown.origin.line == line


def test_an_emergency_is_what_forbids_an_answer() -> None:
    answer, place = value(dental(), "when_to_transfer.emergency.receptionist_may_answer")
    assert answer is False
    assert place == value(dental(), "when_to_transfer.emergency.emergency")[1]


def test_a_line_in_two_languages_is_two_values_with_two_places() -> None:
    english, spanish = (value(billing(), f"receptionist.greeting.{name}") for name in ("English", "Spanish"))
    assert str(english[0]).startswith("Thank you")
    assert str(spanish[0]).startswith("Gracias")
    assert english[1] != spanish[1]
    assert value(billing(), "voicemail.say") == ("Please leave a message after the tone.", BUILT_IN)


def text_of(flow: Path, named: str) -> str:
    """The text of a flow, or of a shared file that it names."""
    folders = (flow.parent, HERE / "shared")
    file = flow if named == str(flow) else next(f / named for f in folders if (f / named).exists())
    return file.read_text("utf-8")


def covers(line: str, path: tuple[str | int, ...]) -> bool:
    """Whether a line is about the days of a path that ends with days: `mon-fri:` covers tue."""
    word = line.strip().partition(":")[0]
    return str(path[-1])[:3] in WEEKDAYS and word[:3] in WEEKDAYS


@pytest.mark.parametrize("file", GOOD, ids=lambda file: str(file.stem))
def test_each_value_with_a_place_is_said_on_that_line(file: Path) -> None:
    """The last word of the path, or its value, stands on the line that is named; nothing is shown twice."""
    flow = compiled(file)
    every = show(flow)
    assert len({shown.path for shown in every}) == len(every)
    for shown in every:
        if shown.origin is not None:
            line = text_of(file, shown.origin.file).splitlines()[shown.origin.line - 1]
            words = {*map(str, shown.path), shown.text.strip("[]")[:6], "date:", "dates:", *IMPLY}
            assert any(word in line for word in words) or covers(line, shown.path), (shown, line)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: str(file.stem))
def test_every_word_of_a_file_that_counts_is_shown(file: Path) -> None:
    """Written groups of a file all appear among the values."""
    doc, _ = source.parse(file.read_text("utf-8"), str(file))
    assert doc is not None
    written = set(doc.value) - {"format", "shared"}
    shown = {s.path[0] for s in show(compiled(file))}
    assert {group for group in written if group != "when_to_transfer" or compiled(file).rules} <= shown


def test_the_table_is_as_deep_as_the_file() -> None:
    text = as_text(dental()).splitlines()
    office = text.index("office")
    assert text[office + 1].split(None, 1)[0] == "name"
    assert text[office + 1].endswith("dental_office.yaml:7")
    assert any(line.startswith("  front_desk") for line in text)
    assert any(line.startswith("    ring_for ") and " 20s " in line for line in text)


# ---- secrets ---------------------------------------------------------------------------------------------------------


def test_a_name_from_the_environment_is_shown_as_its_name() -> None:
    assert value(billing(), "handoff_card.crm_webhook")[0] == "${CRM_WEBHOOK}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://desk:hunter2@office.example.com/hook", "https://desk:****@office.example.com/hook"),
        ("https://office.example.com/hook?id=12&v=hello#top", "https://office.example.com/hook?id=****&v=****#top"),
        ("https://office.example.com/hook?id=${HOOK_ID}", "https://office.example.com/hook?id=${HOOK_ID}"),
        ("https://office.example.com/callback", "https://office.example.com/callback"),
        ("ask with sk_live_4eC39HqLyjWDarjtT1zdp7dc", "ask with ****"),
        ("Is it open? Yes & no = maybe", "Is it open? Yes & no = maybe"),
    ],
)
def test_secrets_become_stars_and_nothing_else_does(text: str, shown: str) -> None:
    assert mask("webhook", text) == shown


def test_no_secret_is_in_the_table_or_in_the_json() -> None:
    flow = small(add="callback:\n  send_to: {webhook: 'https://office.example.com/hook?room=blue42'}\n")
    assert "room=****" in as_text(flow)
    assert "blue42" not in as_text(flow) + json.dumps(as_json(flow))


# ---- the command and the spelling ------------------------------------------------------------------------------------


def test_the_command_prints_a_table_or_json() -> None:
    file = str(FLOWS / "dental_office.yaml")
    table = CliRunner().invoke(main, ["show", file])
    assert table.exit_code == 0
    assert f"{file}:5" not in table.output.splitlines()[0]
    made = json.loads(CliRunner().invoke(main, ["show", file, "--json"]).output)
    assert (made["format_version"], made["flow"]) == (1, "dental_office")
    by_path = {tuple(entry["path"]): entry for entry in made["values"]}
    assert by_path["departments", "clinical", "people"]["value"] == ["hygiene", "reed"]
    assert by_path["departments", "clinical", "people"]["origin"]["file"] == file
    assert by_path["departments", "clinical", "longest_wait"]["origin"]["line"] > 100
    assert by_path["voicemail", "say"]["origin"] is None


def test_values_are_spelt_as_the_file_would() -> None:
    seconds = (1.5, 20, 90, 120, 3600, 5400, 86400, 90 * 86400, 6 * 365.25 * 86400)
    assert [duration(s) for s in seconds] == [
        *("1.5s", "20s", "90s", "2min", "1h", "90min", "1 day", "90 days", "6 years"),
    ]
    assert spans((Span(480, 720), Span(780, 1020))) == "8am - 12pm and 1pm - 5pm"
    assert spans((Span(1320, 1560),)) == "10pm - 2am"
    assert (spans(()), spans((Span(0, 1440),))) == ("closed", "all day")
    third = YearlyDate(11, nth=3, weekday=0)
    assert dates(DateRange(third, third)) == "third Monday of November"
    assert dates(DateRange(YearlyDate(12, 24), YearlyDate(1, 2, 2027))) == "24 Dec - 2 Jan 2027"


def test_spelling_and_reading_are_each_others_reverse() -> None:
    again = compile_flow(
        f"""\
flow: again
office: {{name: Again, timezone: America/Chicago, phone_numbers: +1 312-555-0100}}
hours: {{mon-sun: {spans((Span(495, 725), Span(1380, 1500)))}}}
people: {{dana: {{name: Dana, phone: +1 312-555-0111}}}}
receptionist: {{name: Ava}}
departments: {{desk: {{people: [dana], ring_for: {duration(90.5)}}}}}
when_to_transfer: []
""",
        "again.yaml",
        load=load,
    )
    assert again.hours.days[0] == (Span(495, 725), Span(1380, 1500))
    assert again.departments["desk"].transfer.ring_for == 90.5
