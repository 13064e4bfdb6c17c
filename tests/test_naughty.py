"""The naughty strings as a caller's name, summary, field, speech and transcript: they come out as the text they are,
wherever the core, the carrier's documents, a webhook, the journal or the log carry them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
import structlog
from jsonschema import Draft202012Validator

from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.card import briefing, card
from flowengine.call.journal import decode, encode, replay
from flowengine.call.redaction import Redactor
from flowengine.call.report import report
from flowengine.carriers.twilio.links import Links
from flowengine.carriers.twilio.tokens import StreamTokens
from flowengine.carriers.twilio.twiml import SAY_LIMIT, render, spoken
from flowengine.cli.common import log_to_stderr
from flowengine.desk.webhooks import Webhooks
from flowengine.flow.fill import LONGEST_VALUE, at_a_glance, fill, tidy
from flowengine.runtime.rows import Parcel
from tests.call.story import ROOT, Story
from tests.naughty import HUGE, KINDS, LONE, NAUGHTY, SAMPLE, as_page_text, name_of, wrong


class _Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return datetime(2026, 11, 10, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


LINKS = Links("https://office.example", "c1", StreamTokens("key", _Still()))
CARD = Draft202012Validator(json.loads((ROOT / "schemas" / "handoff_card.schema.json").read_text("utf-8")))
EVERYTHING = Redactor(frozenset({"card numbers", "social security numbers", "dates of birth"}))


def kept(text: str) -> str:
    """What the core keeps of a text the model wrote: one line, 300 characters."""
    return " ".join(text.split())[:300]


def told(text: str) -> Story:
    """A call in which everything that can be said is this text, up to the first phone ringing."""
    story = Story().picked_up().says(text).happens(lambda at: e.AgentSaid(at, text))
    for field in ("caller_name", "reason"):
        if kept(text):
            story.notes(field, text)
    story.agent_calls("transfer_to_human", rule="asked_for_a_person", matched=text, summary=text, next_step=text)
    for _ in range(3):
        if story.call.phase.name == "ASKING":
            story.says(text)
    return story


def test_there_are_enough_of_them_and_of_every_kind() -> None:
    assert len(NAUGHTY) > 700
    assert min(len(texts) for texts in KINDS.values()) >= 10
    assert len(SAMPLE) >= 2 * len(KINDS) - 1
    assert max(map(len, NAUGHTY)) <= 12_000


def test_a_text_is_named_so_that_it_can_be_found() -> None:
    assert name_of(KINDS["scripts"][3]) == "scripts 3"
    assert as_page_text("a\r\nb\rc\0d") == "a\nb\ncd"


def test_the_card_holds_them_as_text() -> None:
    def stands_on_the_card(text: str) -> bool:
        story = told(text)
        shown = json.loads(json.dumps(card(story.flow, story.call, story.call.handoff or story.call.past[-1])))
        values = {field["name"]: field["value"] for field in shown["fields"]}
        said = at_a_glance(kept(text))
        name, reason = "The caller" if said in ("", "the caller") else said, said or "no reason given"
        as_said = shown["summary"] == kept(text) and values["suggested_next_step"] == (kept(text) or "not given")
        return as_said and shown["headline"] == f"{name}: {reason}" and CARD.is_valid(shown)

    assert wrong(stands_on_the_card) == []


def test_a_briefing_is_one_short_line() -> None:
    def short(text: str) -> bool:
        story = told(text)
        said = briefing(story.flow, story.call, story.call.handoff or story.call.past[-1])
        return said.isprintable() and len(said) < 400 and said.startswith(story.flow.office.name)

    assert wrong(short) == []


@pytest.mark.parametrize(
    "document",
    [
        lambda text: documents.BriefStaff("c1-staff-1", text, 20.0),
        lambda text: documents.SayToRoom(text),
        lambda text: documents.ConnectCaller(2, text),
        lambda text: documents.RecordCaller(text, 60.0),
        lambda text: documents.HangUp(text),
    ],
    ids=["briefing", "room", "connect", "record", "hangup"],
)
def test_the_carriers_document_says_the_text_and_nothing_else(document: object) -> None:
    assert callable(document)

    def says(text: str) -> bool:
        tree = ET.fromstring(render(document(text), LINKS))
        usual = {each.tag for each in ET.fromstring(render(document("hello"), LINKS)).iter()}
        found = [" ".join("".join(say.itertext()).split()) for say in tree.iter("Say")]
        verbs = {each.tag for each in tree.iter()}
        return verbs <= usual and (spoken(text) in found or not spoken(text)) and len(spoken(text)) <= SAY_LIMIT

    assert wrong(says) == []


def test_the_journal_gives_back_what_was_said() -> None:
    def round_trip(text: str) -> bool:
        events: tuple[e.Event, ...] = (
            e.CallerSaid(1.0, text),
            e.ToolCalled(1.0, text, text, {text: [text, {text: text}]}),
            e.StaffDecided(1.0, "h", text, True, text, text),
        )
        return all(decode(*encode(event)) == event and "\n" not in encode(event)[1] for event in events)

    assert wrong(round_trip, (*NAUGHTY, HUGE)) == []


@pytest.mark.parametrize("text", SAMPLE, ids=name_of)
def test_a_call_of_them_run_again_gives_the_same_commands(text: str) -> None:
    story = told(text)
    events = [decode(*encode(event)) for event in story.events]
    assert [command for step in replay(story.flow, events) for command in step.commands] == story.all
    assert json.loads(json.dumps(report(story.flow, events)))


def test_a_webhook_carries_them_unchanged() -> None:
    webhooks = Webhooks(["whsec_" + "A" * 32], link=lambda _: "x")

    def arrives(text: str) -> bool:
        data = {"caller_name": text, text: text}
        body = webhooks._body(Parcel("p1", "c1", "f", "message.taken", "webhook", "https://x.example", data))
        return body.isascii() and json.loads(body)["data"] == data and "\n" not in body

    assert wrong(arrives) == []


def test_the_redactor_takes_them_as_they_are() -> None:
    assert wrong(lambda text: isinstance(EVERYTHING.text(text, text), str), (*NAUGHTY, HUGE, *LONE)) == []


def test_a_value_fills_a_sentence_once_and_on_one_line() -> None:
    def fills(text: str) -> bool:
        filled = fill("I will tell them that {caller_name} called.", {"caller_name": text, "office": "WRONG"})
        value = tidy(text)
        expected = f"I will tell them that {value} called." if value else ""
        return filled == expected and len(value) <= LONGEST_VALUE and value.isprintable()

    assert wrong(fills) == []


def test_the_log_writes_one_line_for_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("debug")
    try:
        for text in NAUGHTY:
            structlog.get_logger("flowengine").warning("event", value=text)
    finally:
        structlog.reset_defaults()
    lines = capsys.readouterr().err.split("\n")[:-1]
    assert [json.loads(line)["value"] for line in lines] == list(NAUGHTY)
    assert all(line.isprintable() for line in lines)
