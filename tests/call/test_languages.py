"""A caller who speaks another of the office's languages: who goes on in it, what is said, and who is rung."""

from __future__ import annotations

import json

import pytest

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.sentences import fixed_sentences
from flowengine.call.state import Phase
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from tests.call.story import Story, office

OFFICE = """\
flow: maple
office:
  name: Maple Office
  timezone: America/Chicago
  phone_numbers: +1 312-555-0100
hours:
  mon-fri: 8am - 5pm
  sat-sun: closed
people:
  dana: {name: Dana, phone: +1 312-555-0111}
  luis: {name: Luis, phone: +1 312-555-0112, languages: [English, Spanish]}
  reed: {name: Dr. Reed, phone: +1 312-555-0113, languages: [Spanish]}
receptionist:
  name: Ava
  languages: [English, Spanish, French]
  greeting:
    English: Maple Office, this is Ava, the automated receptionist.
    Spanish: Oficina Maple, soy Ava, la recepcionista automática.
  find_out:
    - {field: caller_name, required: true}
transfer:
  say_before: {English: One moment for our desk., Spanish: Un momento para la oficina.}
departments:
  front_desk: {people: [dana, luis, reed], ring: in order, if_no_one_answers: take_message}
when_to_transfer:
  - rule: law
    caller_says: abogado
    only_if: {language: Spanish}
    say: {English: The law desk., Spanish: La oficina legal.}
    to: front_desk
  - {rule: a_person, caller_wants: to speak with a person, to: front_desk}
"""


def maple(*changes: tuple[str, str]) -> Flow:
    text = OFFICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return compile_flow(text, "maple.yaml")


def in_spanish(flow: Flow | None = None) -> Story:
    """Up to the receptionist going on in Spanish."""
    story = Story(flow or maple()).picked_up().says("Buenas tardes, no hablo inglés")
    story.agent_calls("switch_language", language="Spanish")
    return story.happens(lambda at: e.AgentReady(at))


def rung(story: Story) -> list[str]:
    return [ring.address[-4:] for ring in story.ever(c.RingStaff)]


# ---- the switch ------------------------------------------------------------------------------------------------------


def test_a_new_session_goes_on_in_the_language_with_the_story_and_no_greeting() -> None:
    story = Story(maple()).picked_up().says("Buenas tardes, no hablo inglés")
    story.agent_calls("switch_language", language="Spanish")
    (start,) = story.did(c.StartAgent)
    assert start.greeting == ""
    assert "Speak Spanish." in start.prompt
    assert "no hablo inglés" in start.prompt
    assert "Spanish" in story.did(c.AskAgent)[0].instructions
    assert story.call.language == "Spanish"


def test_the_model_chooses_among_the_languages_of_the_file() -> None:
    (start,) = Story(maple()).media().did(c.StartAgent)
    (tool,) = [tool for tool in start.tools if tool.name == "switch_language"]
    assert tool.parameters["properties"]["language"]["enum"] == ["English", "Spanish", "French"]  # type: ignore[index]
    assert "Speak English." in start.prompt
    alone = Story(office()).media().did(c.StartAgent)[0]
    assert all(tool.name != "switch_language" for tool in alone.tools)
    assert "switch_language" not in alone.prompt


@pytest.mark.parametrize("language", ["Dutch", "", "spanglish"])
def test_a_language_the_office_does_not_speak_is_refused(language: str) -> None:
    story = Story(maple()).picked_up().agent_calls("switch_language", language=language)
    (answer,) = story.did(c.AnswerTool)
    assert answer.is_error
    assert json.loads(answer.result)["languages"] == ["English", "Spanish", "French"]
    assert not story.did(c.StartAgent)


def test_the_language_already_spoken_needs_no_new_session() -> None:
    story = Story(maple()).picked_up().agent_calls("switch_language", language="English")
    assert not story.did(c.StartAgent)
    assert not story.did(c.AnswerTool)[0].is_error


def test_while_a_sentence_is_spoken_she_stays_who_she_is() -> None:
    story = Story(maple()).picked_up().says("Can I talk to a person?").notes("caller_name", "Maria Lopez")
    assert story.call.phase == Phase.ANNOUNCING
    assert story.agent_calls("switch_language", language="Spanish").did(c.AnswerTool)[0].is_error


def test_the_sentence_before_a_message_is_heard_to_its_end() -> None:
    story = Story(maple()).picked_up().says("Can I talk to a person?").notes("caller_name", "Maria Lopez").line_heard()
    for n in (1, 2, 3):
        story.leg_ends(n, "no_answer")
    assert story.call.phase == Phase.MESSAGE
    assert story.agent_calls("switch_language", language="Spanish").did(c.AnswerTool)[0].is_error
    story.line_heard()
    assert "reason" in story.agent_calls("switch_language", language="Spanish").did(c.AskAgent)[0].instructions


def test_the_question_that_is_open_is_asked_again() -> None:
    story = Story(maple()).picked_up().says("Can I talk to a person?")
    story.agent_calls("switch_language", language="Spanish")
    assert "caller_name" in story.did(c.AskAgent)[0].instructions
    story.happens(lambda at: e.AgentReady(at)).notes("caller_name", "Maria Lopez")
    assert [line.text for line in story.did(c.PlayLine)] == ["Un momento para la oficina."]


def test_a_new_session_that_fails_is_a_receptionist_who_fails() -> None:
    story = Story(maple()).picked_up().agent_calls("switch_language", language="Spanish")
    story.happens(lambda at: e.AgentFailed(at, "not ready"))
    assert story.call.phase == Phase.RECORDING


# ---- what is said ----------------------------------------------------------------------------------------------------


def test_lines_are_spoken_in_the_language_and_fall_back_to_the_first() -> None:
    story = in_spanish().says("Can I talk to a person?").notes("caller_name", "Maria Lopez")
    assert [line.text for line in story.did(c.PlayLine)] == ["Un momento para la oficina."]
    french = Story(maple()).picked_up().agent_calls("switch_language", language="French")
    french.happens(lambda at: e.AgentReady(at)).says("Can I talk to a person?").notes("caller_name", "Maria Lopez")
    assert [line.text for line in french.did(c.PlayLine)] == ["One moment for our desk."]


def test_a_line_left_to_us_is_ours_in_the_language() -> None:
    story = in_spanish().says("Can I talk to a person?").notes("caller_name", "Maria Lopez").line_heard()
    assert story.timer("update", 20).did(c.PlayLine)[0].text.startswith("Sigo intentando comunicarle con Luis.")
    for n in (1, 2, 3):
        story.line_heard() if story.call.line else None
        story.leg_ends(n, "no_answer")
    assert [line.text for line in story.did(c.PlayLine)] == ["Ahora no hay nadie libre. Tomo su mensaje y le llamamos."]
    story.line_heard()
    story.notes("reason", "una cita").agrees()
    assert [line.text for line in story.did(c.PlayLine)] == ["Gracias. He pasado su mensaje. Adiós."]


def test_the_sentence_of_a_rule_follows_a_switch_before_it_is_spoken() -> None:
    flow = maple(("    only_if: {language: Spanish}\n", ""))
    story = Story(flow).picked_up().says("Necesito un abogado").agent_calls("switch_language", language="Spanish")
    story.happens(lambda at: e.AgentReady(at)).notes("caller_name", "Maria Lopez")
    assert [line.text for line in story.did(c.PlayLine)] == ["La oficina legal."]


def test_every_fixed_sentence_is_prepared_in_each_language() -> None:
    sentences = fixed_sentences(maple(), Story(maple()).call.wall())
    wanted = ("One moment for our desk.", "Un momento para la oficina.", "La oficina legal.", "Un momento, por favor.")
    assert set(wanted) <= set(sentences)
    assert len(sentences) == len(set(sentences))


# ---- what it changes -------------------------------------------------------------------------------------------------


def test_a_rule_for_one_language_counts_in_that_language_only() -> None:
    assert in_spanish().says("Necesito un abogado").call.handoff is not None
    assert Story(maple()).picked_up().says("Necesito un abogado").call.handoff is None


def test_words_of_other_languages_are_compared_as_they_are() -> None:
    rule = "  - {rule: date, topic: cita, receptionist_may_answer: false, to: front_desk}\n"
    flow = maple(("  - {rule: a_person", f"{rule}  - {{rule: a_person"))
    assert in_spanish(flow).says("Tengo una cita").call.handoff is not None
    assert in_spanish(flow).says("Tengo dos citas").call.handoff is None


def test_those_who_speak_it_are_rung_first_and_the_others_after_them() -> None:
    story = in_spanish().says("Can I talk to a person?").notes("caller_name", "Maria Lopez").line_heard()
    story.leg_ends(1, "no_answer").leg_ends(2, "no_answer")
    assert rung(story) == ["0112", "0113", "0111"]


def test_in_the_first_language_everybody_is_rung_as_listed() -> None:
    story = Story(maple()).picked_up().says("Can I talk to a person?").notes("caller_name", "Maria Lopez").line_heard()
    story.leg_ends(1, "no_answer").leg_ends(2, "no_answer")
    assert rung(story) == ["0111", "0112", "0113"]


def test_a_language_nobody_speaks_changes_nothing() -> None:
    story = Story(maple()).picked_up().agent_calls("switch_language", language="French")
    story.happens(lambda at: e.AgentReady(at)).says("Can I talk to a person?").notes("caller_name", "Maria Lopez")
    story.line_heard().leg_ends(1, "no_answer").leg_ends(2, "no_answer")
    assert rung(story) == ["0111", "0112", "0113"]


def test_of_phones_that_ring_together_the_speakers_ring_first() -> None:
    story = in_spanish(maple(("ring: in order", "ring: all at once"))).says("Can I talk to a person?")
    story.notes("caller_name", "Maria Lopez").line_heard()
    assert rung(story) == ["0112", "0113"]
    story.leg_ends(1, "no_answer").leg_ends(2, "no_answer")
    assert rung(story) == ["0112", "0113", "0111"]
