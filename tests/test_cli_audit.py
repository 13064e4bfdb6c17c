"""`audit` as an auditor meets it: what is printed, the exit code, and what it leaves in the trail of accesses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from flowengine.call.commands import Command, MoveCaller
from flowengine.call.documents import DialNumber, ReferCaller
from flowengine.call.events import (
    CallerHungUp,
    CallerSaid,
    CardConfirmed,
    CardShown,
    ConsultSaid,
    DialEnded,
    EngineFailed,
    Event,
    JoinedRoom,
    MessageRecorded,
    ReferAnswered,
    StaffDecided,
    StaffSaid,
    ToolCalled,
)
from flowengine.call.journal import encode, encode_commands
from flowengine.cli import main
from flowengine.cli.audit_file import BadExport, check_file
from flowengine.cli.audit_story import Teller
from flowengine.runtime.rows import Entry, Note, WrapUp
from flowengine.store import SqlStore

from .call.story import office as office_flow
from .store.world import AT, CALL, CALLER, LATER, PLANTED, alter, another, entries, parcel, whole_call

T = TypeVar("T")
DENTAL = Path("flows/dental_office.yaml").read_text("utf-8")
HOSTILE = "<script>alert(1)</script> {{7*7}} \u2028 🦷 \"'&"


class Office:
    """A database, and the command line beside it."""

    def __init__(self, folder: Path, key: str = "", secret: str = "") -> None:
        self.folder, self.key, self.secret = folder, key, secret
        self.url = f"sqlite:///{folder}/calls.db"

    def store(self, job: Callable[[SqlStore], Awaitable[T]]) -> T:
        async def run() -> T:
            async with another(self.url, self.key, self.secret) as store:
                return await job(store)

        return asyncio.run(run())

    def audit(self, *arguments: object, key: str | None = None, given: str | None = None) -> Result:
        names = {"FLOWENGINE_DATABASE_URL": self.url, "FLOWENGINE_ENCRYPTION_KEY": self.key if key is None else key}
        names["FLOWENGINE_SECRET_KEY"] = self.secret
        return CliRunner(env=names).invoke(main, ["audit", *map(str, arguments)], input=given)

    def trail(self) -> list[tuple[str, str, str]]:
        lines = self.store(lambda store: store.accesses("dental_office"))
        return [(line.access.what, line.access.call_id, line.access.who) for line in lines]


async def a_call(store: SqlStore) -> None:
    """With something in it that wants to be more than text."""
    await whole_call(store)
    more: list[Event] = [
        CallerSaid(9.5, HOSTILE),
        CardShown(10.0, "c1-h1"),
        CardShown(11.0, "c1-h1"),
        CardConfirmed(11.5, "page"),
        StaffDecided(12.0, "c1-h1", "Dana", True, by="Front desk"),
        JoinedRoom(13.0, "c1-staff-1", "c1"),
        JoinedRoom(13.5, "c1-caller", "c1"),
        StaffSaid(14.0, "Hello Maria"),
        ConsultSaid(14.5, "c1-staff-1", "staff", "I take it"),
        MessageRecorded(15.0, "q2", "https://api.example/RE1", 12.4),
        EngineFailed(16.0, "KeyError"),
    ]
    await store.append("c1", [Entry(number, *encode(event)) for number, event in enumerate(more, 11)])
    await store.add_note(Note("c1-h1", HOSTILE, "Luis", AT), "c1", "dental_office")
    await store.wrap_up(WrapUp("c1-h1", True, False, "Dana", AT), "c1", "dental_office")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.store(a_call)
    return office


# ---- verify ----------------------------------------------------------------------------------------------------------


def test_everything_is_whole(office: Office) -> None:
    done = office.audit("verify")
    assert (done.exit_code, done.stdout) == (0, "")
    whole = "1 call, 1 trail of accesses, 24 lines: all whole"
    assert done.stderr == f"{whole}; 1 not vouched for by a seal (docs/privacy.md)\n"
    assert office.trail()[-1] == ("verified", "", "command line")


def test_a_call_by_name(office: Office) -> None:
    done = office.audit("verify", "c1")
    assert (done.exit_code, done.stdout) == (0, "call c1: whole, 21 lines\n")
    assert office.trail()[-1] == ("verified", "c1", "command line")
    assert office.audit("verify", "c9").exit_code == 2


def test_an_altered_line_is_named_and_its_words_are_not(office: Office) -> None:
    office.store(lambda store: alter(store, "UPDATE journal SET body = '{\"at\": 4.0}' WHERE sequence = 3"))
    done = office.audit("verify")
    assert done.exit_code == 1
    assert (
        done.stdout == "call c1: broken: line 3 was altered: its text does not have the digest that stands beside it\n"
    )
    found = json.loads(office.audit("verify", "--flow", "dental_office", "--json").stdout)
    assert found["whole"] is False
    broken = [one for one in found["checked"] if one["broken"]]
    assert [(one["of"], one["name"], one["broken"]) for one in broken] == [("call", "c1", 3)]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM accesses", "accesses to dental_office"),
        ("UPDATE accesses SET who = 'Luis' WHERE sequence = 1", "accesses to dental_office"),
        ("DELETE FROM calls", "call c1: broken: lines of it are kept"),
    ],
)
def test_other_tables_cannot_be_altered_unseen(office: Office, statement: str, named: str) -> None:
    office.store(lambda store: alter(store, statement))
    done = office.audit("verify")
    assert done.exit_code == 1
    assert named in done.stdout


def test_what_cannot_be_checked_is_said(office: Office, tmp_path: Path) -> None:
    for arguments in (("verify", "--flow", "nobody's"), ("verify", "c1", "--file", "x"), ("verify", "--file", "x")):
        assert office.audit(*arguments).exit_code == 2, arguments
    nowhere = Office(tmp_path / "nowhere")
    done = nowhere.audit("verify")
    assert done.exit_code == 2
    assert "there is no database" in done.stderr
    assert not (tmp_path / "nowhere").exists()


async def deleted(store: SqlStore) -> None:
    for table in ("journal", "calls"):
        await alter(store, f"DELETE FROM {table}")


def test_a_call_that_was_deleted_whole_is_named(office: Office) -> None:
    office.store(deleted)
    done = office.audit("verify")
    assert done.exit_code == 1
    assert "call c1: broken: the trail of accesses says that it ended, and nothing of it is kept" in done.stdout


def test_a_key_vouches_for_the_trail_and_may_be_changed(tmp_path: Path) -> None:
    office = Office(tmp_path, secret="the first")
    office.store(a_call)
    assert office.audit("verify").stderr == "1 call, 1 trail of accesses, 24 lines: all whole\n"
    assert office.audit("seal").stdout.startswith(
        "accesses to dental_office: it was whole, 4 lines, sealed from line 1"
    )
    assert office.audit("verify").exit_code == 0
    office.secret = "the second"
    done = office.audit("verify")
    assert done.exit_code == 1
    assert "sealed with another key, or altered" in done.stdout
    assert office.audit("seal", "--flow", "dental_office").exit_code == 0
    assert office.audit("verify").exit_code == 0
    assert office.audit("seal", "--flow", "nobody's").exit_code == 2
    office.secret = ""
    done = office.audit("seal")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "FLOWENGINE_SECRET_KEY" in done.stderr


# ---- against an export kept elsewhere --------------------------------------------------------------------------------


def copied(office: Office) -> bytes:
    """The database as it is now."""
    with closing(sqlite3.connect(office.folder / "calls.db")) as database:
        return database.serialize()


def put_back(office: Office, copy: bytes) -> None:
    for file in office.folder.glob("calls.db*"):
        file.unlink()
    (office.folder / "calls.db").write_bytes(copy)


def test_a_database_put_back_to_an_older_copy_does_not_know_the_export(office: Office, tmp_path: Path) -> None:
    """Its chains are whole and its seals are right: only what lies elsewhere can tell."""
    before, file, record = copied(office), tmp_path / "flow.jsonl", tmp_path / "call.html"
    assert office.audit("export", "--flow", "dental_office", "-o", file).exit_code == 0
    assert office.audit("export", "c1", "--html", "-o", record).exit_code == 0
    for kept in (file, record):
        done = office.audit("verify", "--against", kept)
        assert (done.exit_code, "the file: as it was exported" in done.stdout) == (0, True), done.stdout
    office.store(lambda store: store.append("c1", entries(22)))  # the call goes on
    assert office.audit("verify", "--against", file).exit_code == 0
    put_back(office, before)
    assert office.audit("verify").exit_code == 0
    for kept in (file, record):
        done = office.audit("verify", "--against", kept)
        assert done.exit_code == 1
        assert "the file: broken: no export of this digest was made from this database" in done.stdout


def test_a_call_written_anew_is_not_the_one_exported(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "call.jsonl"
    assert office.audit("export", "c1", "-o", file).exit_code == 0
    office.store(lambda store: alter(store, "UPDATE journal SET hash = 'x' WHERE sequence = 21"))
    done = office.audit("verify", "--against", file)
    assert "call c1: broken: line 21 was altered" in done.stdout
    office.store(deleted)
    done = office.audit("verify", "--against", file)
    assert (done.exit_code, "call c1: broken: it is in the export and not in the database" in done.stdout) == (1, True)


def test_an_edited_record_shows(office: Office, tmp_path: Path) -> None:
    """A page has no chain, but the trail knows its digest."""
    record = tmp_path / "call.html"
    assert office.audit("export", "c1", "--html", "-o", record).exit_code == 0
    record.write_text(record.read_text("utf-8").replace("crown fell out", "tooth fell out"), "utf-8")
    assert office.audit("verify", "--against", record).exit_code == 1
    assert office.audit("verify", "--against", record, "--file", record).exit_code == 2
    record.write_text('{"type": "export"}\n', "utf-8")
    assert office.audit("verify", "--against", record).exit_code == 2


@pytest.mark.parametrize(
    "line",
    [
        {"type": "line", "call_id": "c1"},
        {"type": "line", "call_id": "c1", "sequence": "1", "kind": "K", "digest": "d", "hash": "h"},
        {"type": "line", "call_id": [], "sequence": 1, "kind": "K", "digest": "d", "hash": "h"},
        {"type": "access", "flow": "f", "before": 1, "sequence": 1, "kind": "K", "digest": "d", "hash": "h"},
        {"type": "call", "call_id": "c1", "ended": {"lines": None, "head": ""}, "emptied": None},
        {"type": "call", "call_id": "c1", "ended": None, "emptied": {}},
        "a text",
    ],
)
def test_a_file_that_only_looks_like_an_export_is_none(line: object) -> None:
    """Its own digest is right, which whoever wrote it could compute."""
    first = {"type": "export", "format": "flowengine audit", "version": 1, "made": AT}
    call = {"type": "call", "call_id": "c1", "ended": None, "emptied": None}
    lines = [json.dumps(item) for item in (first, call, line)]
    digest = hashlib.sha256("".join(f"{each}\n" for each in lines).encode()).hexdigest()
    lines.append(json.dumps({"type": "end", "lines": 3, "sha256": digest}))
    with pytest.raises(BadExport, match="not as an export is"):
        check_file("\n".join(lines))


# ---- export ----------------------------------------------------------------------------------------------------------


def exported(office: Office, *arguments: str) -> list[dict[str, object]]:
    done = office.audit("export", *arguments)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.removesuffix("\n").split("\n")]


def test_an_export_holds_the_call_and_can_be_checked_anywhere(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    assert office.audit("export", "c1", "-o", file).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kinds = [json.loads(line)["type"] for line in file.read_text("utf-8").removesuffix("\n").split("\n")]
    assert list(dict.fromkeys(kinds)) == [
        "export", "call", "line", "card", "work", "wrap_up", "note", "parcel", "access", "end",
    ]  # fmt: skip
    elsewhere = Office(tmp_path / "elsewhere")
    done = elsewhere.audit("verify", "--file", file)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "call c1: whole, 21 lines\naccesses to dental_office: whole, 3 lines\n"
    assert office.trail()[-1] == ("exported", "c1", "command line")


def test_an_export_of_a_flow_has_its_whole_trail(office: Office) -> None:
    office.audit("verify", "c1")
    text = office.audit("export", "--flow", "dental_office").stdout
    done = office.audit("verify", "--file", "-", given=text)
    assert "accesses to dental_office: whole, 4 lines" in done.stdout
    assert office.audit("verify").exit_code == 0


def test_calls_since_a_day(office: Office) -> None:
    office.store(lambda store: store.open_call(replace(CALL, call_id="c2", ref="CA2", started=LATER)))
    assert [item["call_id"] for item in exported(office, "--since", "2026-12-01") if item["type"] == "call"] == ["c2"]
    assert len([item for item in exported(office, "--since", "2026-11-01") if item["type"] == "call"]) == 2
    assert office.audit("export", "--since", "soon").exit_code == 2


def tampered(text: str, how: str) -> str:
    lines = text.removesuffix("\n").split("\n")
    match how:
        case "a word":
            lines = [line.replace("crown fell out", "tooth fell out") for line in lines]
        case "a line less":
            del lines[4]
        case "the end cut":
            lines = lines[:-3]
        case "nothing":
            lines = [""]
        case "lines swapped":
            lines[3], lines[4] = lines[4], lines[3]
    return "\n".join(lines)


@pytest.mark.parametrize("how", ["a word", "a line less", "the end cut", "lines swapped", "nothing"])
def test_an_altered_file_is_none_of_ours(office: Office, how: str) -> None:
    text = tampered(office.audit("export", "c1").stdout, how)
    assert office.audit("verify", "--file", "-", given=text).exit_code == 2


def test_a_file_made_to_look_right_still_has_a_broken_chain(office: Office) -> None:
    """Whoever alters a file can mend its last line, but not the hashes of what stands before."""
    import hashlib

    lines = tampered(office.audit("export", "c1").stdout, "a word").split("\n")[:-1]
    digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    lines.append(json.dumps({"type": "end", "lines": len(lines), "sha256": digest}))
    done = office.audit("verify", "--file", "-", given="\n".join(lines))
    assert done.exit_code == 1
    assert "call c1: broken: line 3 was altered" in done.stdout


def test_a_broken_call_is_exported_and_said_to_be_broken(office: Office) -> None:
    office.store(lambda store: alter(store, "DELETE FROM journal WHERE sequence = 21"))
    done = office.audit("export", "c1", "--html")
    assert done.exit_code == 1
    assert "NOT whole" in done.stdout
    assert "line 21 is cut off" in done.stdout


def test_one_asks_for_one_thing(office: Office) -> None:
    for arguments in ((), ("c1", "--flow", "dental_office"), ("--html", "--since", "2026-11-01"), ("c9",)):
        assert office.audit("export", *arguments).exit_code == 2, arguments


def test_with_a_key_an_export_is_plain_and_without_it_there_is_none(tmp_path: Path) -> None:
    office = Office(tmp_path, Fernet.generate_key().decode())
    office.store(a_call)
    assert "Maria Lopez" in office.audit("export", "c1").stdout
    for key, why in (("", "no key"), (Fernet.generate_key().decode(), "another key"), ("hunter2", "is no key")):
        done = office.audit("export", "c1", key=key)
        assert (done.exit_code, done.stdout) == (2, "")
        assert why in done.stderr
        assert "hunter2" not in done.stderr
    assert office.audit("verify", "c1", key="").exit_code == 1


# ---- the page --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "style")]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.words))


def test_the_record_of_a_call_tells_it_all(tmp_path: Path) -> None:
    office = Office(tmp_path)

    async def real_office(store: SqlStore) -> None:
        await a_call(store)
        await alter(store, "UPDATE calls SET flow_source = :text", text=DENTAL)

    office.store(real_office)
    done = office.audit("export", "c1", "--html")
    assert done.exit_code == 0, done.stderr
    page = Page(done.stdout)
    for told in (
        "whole and unaltered",
        CALLER,
        "+13125550100",
        "Tue 10 Nov 2026, 10:15:00",  # in the office's own zone
        "“My crown fell out”",
        "hand-over by the rule clinical question, which matched “crown”",
        "Maria Lopez: crown fell out",
        "is rung at +13125550111",
        "message to the desk of front_desk",
        "webhook crm.example waiting, not tried",
        "Received by",
        "has bruxism",
        "resolved yes, needed a person no",
        "page opened",
        "connected",
        "is where staff can see it",
        "was opened",
        "takes the call on the page (signed in: Front desk)",
        "Dana enters the room with the caller",
        "caller enters the room",
        "“Hello Maria”",
        "“I take it” (briefing)",
        "leaves a voicemail of 12 s",
        "had a fault of its own",
        "Journal: whole, 21 lines",
        "Who looked, in the whole office: whole, 3 lines",
        HOSTILE.split(" \u2028")[0],
    ):
        assert told in page.text, told
    assert page.text.count("is where staff can see it") == 1
    assert "script" not in page.tags
    assert "{{7*7}}" in page.text


def test_a_replay_shows_what_was_said_and_is_noted_as_any_other_look(office: Office) -> None:
    before = len(office.trail())
    environment = {"FLOWENGINE_DATABASE_URL": office.url}
    done = CliRunner(env=environment).invoke(main, ["replay", "c1", "--flow", "flows/dental_office.yaml"])
    assert "crown" in done.output
    assert ("replayed", "c1", "command line") in office.trail()
    assert len(office.trail()) == before + 1


def told(*lines: Event | tuple[Command, ...]) -> list[tuple[str, str]]:
    """What the record says of a journal's lines."""
    teller = Teller(office_flow("billing_support"))
    found: list[tuple[str, str]] = []
    for line in lines:
        if isinstance(line, tuple):
            found += teller.tell("Commands", {"commands": json.loads(encode_commands(line))})
        else:
            kind, body = encode(line)
            found += teller.tell(kind, json.loads(body))
    return found


def test_the_record_says_to_whom_a_caller_was_let_go() -> None:
    claims, payments = "sip:claims@pbx.example.com", "+12125550151"
    assert told(
        (MoveCaller("REF", ReferCaller(claims, "c1-h1")),), ReferAnswered(1.0, "q2", False, "603"),
        (MoveCaller("REF", DialNumber(payments, 20.0, "+12125550140", "c1-staff-2")),),
        DialEnded(2.0, "q3", "no_answer", False), DialEnded(3.0, "q4", "completed", True),
    ) == [
        ("passed on", f"the caller, to Claims desk at {claims}"), ("passed on", "they did not take the call"),
        ("passed on", f"the caller, to Payments desk at {payments}"),
        ("passed on", "that call is over: no answer"), ("passed on", "that call is over: the two have spoken"),
    ]  # fmt: skip
    assert told(ReferAnswered(1.0, "q2", True, "200"), CallerHungUp(1.1), CallerHungUp(1.2)) == [
        ("passed on", "the call is theirs now"), ("caller", "is off the line"),
    ]  # fmt: skip


def test_the_record_speaks_of_what_the_receptionist_does_and_not_of_tools() -> None:
    calls = [ToolCalled(1.0, "t", name, {}) for name in ("transfer_to_human", "note_answer", "request_appointment")]
    assert [what for _, what in told(*calls)] == ["asks for a hand-over", "notes an answer", "uses request appointment"]


def test_the_record_prints_no_secret_of_an_address(tmp_path: Path) -> None:
    office = Office(tmp_path)
    address = "https://user:hunter2@crm.example/services/hunter2?token=hunter2"

    async def with_a_secret(store: SqlStore) -> None:
        await a_call(store)
        await store.save_parcel(parcel("p9", address=address))

    office.store(with_a_secret)
    page = office.audit("export", "c1", "--html").stdout
    assert "webhook crm.example" in page
    assert "hunter2" not in page


def test_the_record_of_an_emptied_call_says_so(office: Office) -> None:
    office.store(lambda store: store.blank_call("c1", LATER))
    done = office.audit("export", "c1", "--html")
    assert done.exit_code == 0, done.stderr
    text = Page(done.stdout).text
    assert [word for word in PLANTED if word in done.stdout] == []
    assert "What was said was emptied on" in text
    assert "hand-over by the rule clinical question" in text
    assert "(words not kept any more)" in text
    assert "a number not kept any more calls +13125550100" in text
    assert "withheld" not in text
    lines = exported(office, "c1")
    assert office.audit("verify", "--file", "-", given="\n".join(json.dumps(x) for x in lines)).exit_code == 2
    given = office.audit("export", "c1").stdout
    done = office.audit("verify", "--file", "-", given=given)
    assert "whole, 21 lines, 21 of them emptied by retention" in done.stdout
    office.store(lambda store: alter(store, "UPDATE journal SET body = '{}' WHERE sequence = 8"))
    assert office.audit("verify", "--file", "-", given=office.audit("export", "c1").stdout).exit_code == 1


def test_a_call_that_still_runs(office: Office) -> None:
    async def running(store: SqlStore) -> None:
        await store.open_call(replace(CALL, call_id="c2", ref="CA2"))
        await store.append("c2", entries(1, 2))

    office.store(running)
    assert "not ended" in Page(office.audit("export", "c2", "--html").stdout).text
    done = office.audit("verify", "--file", "-", given=office.audit("export", "c2").stdout)
    assert done.stdout.startswith("call c2: whole, 2 lines")
