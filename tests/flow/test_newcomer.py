"""A new office: every answer is read at once, and what is written runs."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.call.expecting import missed
from flowengine.call.rehearsal import rehearse
from flowengine.cli.new import new
from flowengine.cli.test import run_tests
from flowengine.flow import newcomer, source
from flowengine.flow.compiler import check_flow
from flowengine.flow.model import Flow
from flowengine.flow.newcomer import Answers, Person
from flowengine.flow.newcomer_hours import week_of
from flowengine.flow.read import Unreadable

DANA, LUIS = Person("Dana", "+13125550111"), Person("Luis", "+13125550112")
MANY = tuple(Person(f"Desk {i}", f"+131255501{20 + i}") for i in range(8))
HOURS = [
    "8am - 5pm",
    "mon-fri 8am - 12pm and 1pm - 5pm, sat 9am - 12pm",
    "every day all day",
    "24/7",
    "Tuesday to Saturday 10:00 - 18:00; Sundays: 12pm - 4pm",
    "fri-mon 8pm - 2am",
    "wed 12pm - 12:30pm",
    "mon-sun 00:20 - 23:59",
]


def answers(
    kind: str = "clinic", hours: str = "mon-fri 8am - 5pm", people: tuple[Person, ...] = (DANA, LUIS)
) -> Answers:
    return Answers("Oak Street Office", "America/Chicago", "+13125550100", week_of(hours), kind, people)


def compiled(made: Answers, key: str = "oak") -> Flow:
    """The new office, in which there is nothing to find."""
    text = newcomer.flow_text(made, key, f"flows/{key}.yaml", "# no schema")
    flow, found = check_flow(text, f"flows/{key}.yaml")
    assert found == []
    assert flow is not None
    return flow


def failures(flow: Flow) -> list[str]:
    return [f"{test.name}: {m.says}" for test in flow.tests for m in missed(flow, test.expect, rehearse(flow, test))]


@pytest.mark.parametrize("kind", newcomer.kinds())
@pytest.mark.parametrize("hours", HOURS)
def test_a_new_office_of_any_kind_and_hours_passes_its_own_tests(kind: str, hours: str) -> None:
    flow = compiled(answers(kind, hours))
    assert failures(flow) == []
    tested = {test.expect.rule for test in flow.tests}
    assert {rule.key for rule in flow.rules} <= tested
    assert set(flow.departments) <= {test.expect.department for test in flow.tests}


@pytest.mark.parametrize("people", [(DANA,), MANY], ids=["one", "eight"])
def test_one_person_is_enough_and_eight_are_not_too_many(people: tuple[Person, ...]) -> None:
    assert failures(compiled(answers("trades", people=people))) == []


@pytest.mark.parametrize(
    "name",
    [
        "Bob's Plumbing & Heating",
        "24/7 Pipes",
        "No",
        "Zahnärzte: Müller #1",
        'The "Oak" Office',
        "- dash",
        "歯科",
        "a\\b",
    ],
)
def test_any_name_survives(name: str) -> None:
    people = (Person(name, DANA.phone), Person("true", LUIS.phone), Person("Dr. Reed, on call", "+13125550113"))
    made = Answers(name, "America/Chicago", "+13125550100", week_of("8am - 5pm"), "clinic", people, receptionist=name)
    flow = compiled(made, newcomer.key_of(name))
    assert flow.office.name == name
    assert flow.receptionist.name == name
    assert [person.name for person in flow.people.values()] == [name, "true", "Dr. Reed, on call"]
    assert failures(flow) == []


def test_two_names_that_look_alike_get_keys_of_their_own() -> None:
    people = (Person("Ann Lee", DANA.phone), Person("Ann-Lee", LUIS.phone), Person("李", "+13125550113"))
    assert list(compiled(answers(people=people)).people) == ["ann_lee", "person_2", "person_3"]


def test_an_emergency_comes_first_where_there_are_emergencies() -> None:
    for kind in ("clinic", "trades"):
        flow = compiled(answers(kind))
        assert flow.rules[0].emergency
        assert "on_call" in flow.departments
        assert [member.person for member in flow.departments["on_call"].people] == ["luis"]  # the last one named
    assert not any(rule.emergency for rule in compiled(answers("law")).rules)
    assert "on_call" not in compiled(answers("clinic", "24/7")).departments


# ---- reading the answers ---------------------------------------------------------------------------------------------


def lines(text: str) -> list[tuple[str, str]]:
    return list(week_of(text).lines)


def test_hours_are_read_as_they_are_said() -> None:
    assert lines("8am-5pm") == [("mon-fri", "8am-5pm"), ("sat-sun", "closed")]
    assert lines("Mon - Thu: 8AM - 5PM, Friday 8am - 12pm") == [
        ("mon-thu", "8am - 5pm"),
        ("fri", "8am - 12pm"),
        ("sat-sun", "closed"),
    ]
    assert lines("weekdays 9:00 - 17:00; sat closed") == [
        ("mon-fri", "9:00 - 17:00"),
        ("sat", "closed"),
        ("sun", "closed"),
    ]
    assert lines("mon-fri 8am - 5pm, wed 8am - 12pm")[:2] == [("mon-fri", "8am - 5pm"), ("wed", "8am - 12pm")]
    week = week_of("wed 8am - 12pm, mon-fri 8am - 5pm")  # a single day beats a range, wherever it stands
    assert [day[0].end // 60 if day else 0 for day in week.days] == [17, 17, 12, 17, 17, 0, 0]
    assert lines("tue 1pm - 2pm, thu 1pm - 2pm")[2:] == [("mon", "closed"), ("wed", "closed"), ("fri-sun", "closed")]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("", "write days and times"),
        ("mon-fri", "write 8am - 5pm"),
        ("mon-fri 8 - 5", "write 8am or 8pm"),
        ("mon-fri 8am - 5pm, 9am - 12pm", "write days and times"),
        ("mon-fri 8am - 5pm, thu-sat 9am - 5pm", "join its times with and"),
        ("mon closed", "write days and times"),
        ("monkey 8am - 5pm", "write"),
        ("mon-fri 8am - 8am", "write all day, or closed"),
    ],
)
def test_hours_that_cannot_be_read_say_what_would_be_right(said: str, right: str) -> None:
    with pytest.raises(Unreadable) as refused:
        week_of(said)
    assert right in refused.value.help


def test_a_moment_lies_well_inside_the_hours() -> None:
    week = week_of("mon-fri 8am - 5pm")
    assert (week.moment(open=True), week.moment(open=False)) == ("Tue 10am", "Sat 10am")
    assert week_of("24/7").moment(open=False) == ""
    assert week_of("wed 12pm - 12:30pm").moment(open=True) == "Wed 12:10pm"


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("Chicago", "did you mean America/Chicago?"),
        ("new york", "did you mean America/New_York?"),
        ("Eastern time", "did you mean America/New_York?"),
        ("America/Chicgo", "did you mean America/Chicago?"),
        ("EST", "did you mean America/New_York?"),
        ("../etc/passwd", "Region/City"),
        ("", "write up to 60 characters"),
    ],
)
def test_a_time_zone_that_is_none_names_the_one_that_was_meant(said: str, right: str) -> None:
    with pytest.raises(Unreadable) as refused:
        newcomer.timezone_of(said)
    assert right in refused.value.help


def test_people_may_be_given_without_the_country() -> None:
    assert newcomer.person_of("Dana = 312-555-0111", "+13125550100") == DANA


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("Dana", "has no number"),
        ("Dana = 12", "cannot be a phone number"),
        ("Dana = +1 312-555-0100", "is the office itself"),
        ("luis = +1 312-555-0119", "is there already"),
        ("= +1 312-555-0111", "cannot be a name"),
        ("{x} = +1 312-555-0111", "cannot be a name"),
        ("Dana = +1 312-155-0111", "no phone company has given out +1 312-155-0111"),
    ],
)
def test_a_person_who_could_not_be_rung_is_refused(said: str, wrong: str) -> None:
    with pytest.raises(Unreadable) as refused:
        newcomer.person_of(said, "+13125550100", (LUIS,))
    assert wrong in refused.value.message


READERS = (
    newcomer.name_of,
    newcomer.timezone_of,
    newcomer.voice_of,
    newcomer.kind_of,
    newcomer.number_of,
    week_of,
    lambda said: newcomer.person_of(said, "+13125550100"),
)
SAID = (
    "mon",
    "-",
    "fri",
    " ",
    ":",
    "8am",
    "5pm",
    "closed",
    ",",
    "and",
    "24/7",
    "12:00",
    "=",
    "+1 312-555-0111",
    "Dana",
)
STRANGE = ("{", "'", '"', "\\", "\n", "#", "null", "[", "&a", "|", "$", "\ud800", "\u202e", "\u00e9", "\U00012f90")


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*SAID, *STRANGE]), max_size=8).map("".join))
def test_no_answer_is_too_strange_to_be_read_or_refused(said: str) -> None:
    for reader in READERS:
        with contextlib.suppress(Unreadable):
            reader(said)


# ---- the command -----------------------------------------------------------------------------------------------------

ANSWERED = ("--name", "Oak Street", "--timezone", "America/Chicago", "--number", "+1 312-555-0100")
WHOLE = (*ANSWERED, "--person", "Dana=+1 312-555-0111", "--yes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(new, arguments, input=typed)


def test_flags_alone_write_a_file_that_runs(folder: Path) -> None:
    done = run(*WHOLE, "--kind", "clinic", "--receptionist", "Sam")
    assert done.exit_code == 0, done.output
    text = (folder / "flows" / "oak_street.yaml").read_text("utf-8")
    flow, found = check_flow(text, "flows/oak_street.yaml")
    assert flow is not None, found
    assert flow.receptionist.name == "Sam"
    assert all(not tested.missed for tested in run_tests(flow, re.compile("")))
    assert "flowengine test flows/oak_street.yaml" in done.stdout


def test_questions_are_asked_again_until_the_answer_can_be_read(folder: Path) -> None:
    typed = [
        *("", "Oak Street", "12", "+1 312-555-0100", "clinc", "", "Chicago", "America/Chicago", "never", ""),
        *("Dana", "Dana = 312-555-0111", "Dana = 312-555-0112", "Luis = 312-555-0112", ""),
    ]
    done = run(typed="\n".join(typed) + "\n")
    assert done.exit_code == 0, done.output
    for said in (
        "'12' is not a phone number",
        "there is no kind 'clinc'; did you mean clinic?",
        "there is no time zone 'Chicago'; did you mean America/Chicago?",
        "'never' is not an opening time",
        "'Dana' has no number",
        "'Dana' is there already",
    ):
        assert said in done.stderr
    text = (folder / "flows" / "oak_street.yaml").read_text("utf-8")
    flow, found = check_flow(text, "flows/oak_street.yaml")
    assert flow is not None, found
    assert list(flow.people) == ["dana", "luis"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--yes",), "--name is missing"),
        ((*ANSWERED, "--yes"), "--person is missing"),
        ((*WHOLE, "--hours", "sometimes"), "--hours: 'sometimes' is not an opening time"),
        ((*WHOLE, "--kind", "clinics"), "did you mean clinic?"),
        ((*WHOLE, "--number", "+1 312-155-0100"), "--number: no phone company"),
        ((*WHOLE, "--person", "Dana=+1 312-555-0112"), "--person: 'Dana' is there already"),
        ((*WHOLE, "--voice", "anne"), "--voice: no voice 'anne' is known"),
        (("--name", "Oak"), "nothing was written"),  # and nobody there to answer
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(arguments: tuple[str, ...], why: str, folder: Path) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert why in done.stderr
    assert list(folder.iterdir()) == []


def test_a_file_that_is_there_is_kept(folder: Path) -> None:
    (folder / "flows").mkdir()
    file = folder / "flows" / "oak_street.yaml"
    file.write_text("mine", "utf-8")
    done = run(*WHOLE)
    assert (done.exit_code, file.read_text("utf-8")) == (2, "mine")
    assert "is there already" in done.stderr
    assert run(*WHOLE, "--force").exit_code == 0
    assert file.read_text("utf-8") != "mine"


def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    (folder / "flows").write_text("a file", "utf-8")
    done = run(*WHOLE)
    assert done.exit_code == 2
    assert "cannot write flows/oak_street.yaml" in done.stderr


def test_the_first_line_leads_an_editor_to_a_schema(folder: Path) -> None:
    assert run("offices/oak.yaml", *WHOLE).exit_code == 0
    text = (folder / "offices" / "oak.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=.oak.schema.json\n")
    assert '"front_desk"' in (folder / "offices" / ".oak.schema.json").read_text("utf-8")
    doc, _ = source.parse(text, "oak.yaml")
    assert doc is not None
    assert doc.get("flow") == "oak"  # named after its file
    (folder / "schemas").mkdir()
    (folder / "schemas" / "flow.schema.json").write_text("{}", "utf-8")
    assert run("flows/north/elm.yaml", *WHOLE).exit_code == 0
    text = (folder / "flows" / "north" / "elm.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../schemas/flow.schema.json\n")
    assert not list((folder / "flows" / "north").glob("*.json"))
