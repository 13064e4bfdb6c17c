"""The emulated receptionist decides from what she was told, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from flowengine.sandbox.agent.mind import Action, Mind, Say, UseTool
from flowengine.sandbox.agent.reading import Brief, brief, facts
from flowengine.sandbox.agent.wording import answer_in

PROMPT = """You are Ava, the automated receptionist of Bright Smile Dental.

## Facts
address: 210 Oak Street, Suite 4, Springfield
parking: Free lot behind the building, enter from Elm Street
new_patients: We are accepting new patients
what_to_bring: Photo ID and your insurance card
hours: Monday to Thursday 8 am to noon

## Manner
Style: warm and brief.
"""
RULES = """Hand the caller to a person. Rules:
- possible_emergency: medical emergency, uncontrolled bleeding, trouble swallowing
- clinical_question: pain, swelling, bleeding, lost crown or filling, medication, after surgery; for example:
  my crown fell out; my filling broke; my tooth hurts
- billing_dispute: billing dispute, refund, insurance coverage
- asked_for_a_person: the caller wants to speak with a person"""
RULE_NAMES = ["possible_emergency", "clinical_question", "billing_dispute", "asked_for_a_person"]
TEXT = {"type": "string"}


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "name": name, "description": description, "parameters": parameters}


TOOLS = [
    tool("transfer_to_human", RULES, rule={"enum": RULE_NAMES}, matched=TEXT, summary=TEXT, next_step=TEXT),
    tool("note_answer", "Note an answer", field={"enum": ["caller_name", "callback_number", "reason"]}, value=TEXT),
    tool("note_mood", "Note how the caller feels", mood={"enum": ["calm", "frustrated", "angry"]}),
    tool("note_unsolved", "Note a try that failed"),
    tool(
        "request_appointment",
        "Note a routine cleaning or checkup the caller wants booked, moved or confirmed",
        patient_name=TEXT, day={"type": "string", "format": "date"}, time_of_day={"enum": ["morning", "afternoon"]},
    ),
]  # fmt: skip
TOLD = brief({"system_prompt": PROMPT, "tools": TOOLS})


def rule_in(action: Action) -> str | None:
    return str(action.arguments["rule"]) if isinstance(action, UseTool) and "rule" in action.arguments else None


@pytest.mark.parametrize(
    ("turn", "rule"),
    [
        ("My crown just fell out and I'm flying tomorrow morning", "clinical_question"),
        ("Let me talk to someone, my crown fell out", "clinical_question"),
        ("I lost my filling", "clinical_question"),
        ("my tooth hurts so badly", "clinical_question"),
        ("I'm having trouble swallowing", "possible_emergency"),
        ("I want a refund", "billing_dispute"),
        ("Does my insurance cover crowns?", "billing_dispute"),
        ("Can I talk to someone?", "asked_for_a_person"),
        ("I need a real person please", "asked_for_a_person"),
        ("I don't have any pain, where can I park?", None),
        ("Hello", None),
        ("Never mind", None),
    ],
)
def test_she_names_the_rule_that_fits_best(turn: str, rule: str | None) -> None:
    action = Mind().hear(TOLD, turn)
    assert rule_in(action) == rule
    if rule and isinstance(action, UseTool):
        assert action.arguments["matched"] == turn


def test_she_knows_only_the_rules_she_was_told() -> None:
    fewer = [tool("transfer_to_human", "- water_damage: leak, flood", rule={"enum": ["water_damage"]}), *TOOLS[1:]]
    told = brief({"system_prompt": PROMPT, "tools": fewer})
    assert rule_in(Mind().hear(told, "My crown just fell out")) is None
    assert rule_in(Mind().hear(told, "There is a leak in the kitchen")) == "water_damage"
    assert isinstance(Mind().hear(Brief("", ()), "Where can I park?"), Say)


def test_a_summary_is_about_the_caller() -> None:
    action = Mind().hear(TOLD, "My crown fell out and I'm flying tomorrow.")
    assert isinstance(action, UseTool)
    assert action.arguments["summary"] == "Caller says their crown fell out and they are flying tomorrow."


@pytest.mark.parametrize(
    ("turn", "answer"),
    [
        ("Where are you located?", "210 Oak Street, Suite 4, Springfield."),
        ("Where can I park?", "Free lot behind the building, enter from Elm Street."),
        ("When are you open?", "Monday to Thursday 8 am to noon."),
        ("Are you taking new patients?", "We are accepting new patients."),
        ("What should I bring to my cleaning?", "Photo ID and your insurance card."),
    ],
)
def test_she_answers_from_the_facts(turn: str, answer: str) -> None:
    assert Mind().hear(TOLD, turn) == Say(answer)


def test_only_lines_under_the_heading_are_facts() -> None:
    assert set(facts(PROMPT)) == {"address", "parking", "new patients", "what to bring", "hours"}
    assert facts("parking: behind the house") == {}


def test_she_asks_for_what_a_tool_needs_and_calls_it() -> None:
    mind = Mind()
    assert mind.hear(TOLD, "I'd like to book a cleaning") == Say("May I have your name, please?")
    assert mind.hear(TOLD, "This is Maria Lopez, Tuesday works") == Say("What time of day suits you?")
    wanted = {"patient_name": "Maria Lopez", "day": "Tuesday", "time_of_day": "afternoon"}
    assert mind.hear(TOLD, "In the afternoon") == UseTool("request_appointment", wanted)


def test_a_mood_is_noted_and_then_the_turn_goes_on() -> None:
    mind = Mind()
    assert mind.hear(TOLD, "This is ridiculous, I want a refund") == UseTool("note_mood", {"mood": "angry"})
    assert rule_in(mind.result(TOLD, "note_mood", "noted", False)) == "billing_dispute"
    assert Mind().hear(TOLD, "That didn't help") == UseTool("note_unsolved", {})


def test_told_to_say_nothing_she_is_silent() -> None:
    mind = Mind()
    mind.hear(TOLD, "My crown fell out")
    assert mind.result(TOLD, "transfer_to_human", "connecting, say nothing", False) == Say("")
    assert mind.instruct(TOLD, "Say nothing until told otherwise.") == Say("")


def test_a_failed_tool_is_regretted() -> None:
    said = Mind().result(TOLD, "request_appointment", "timeout", True)
    assert isinstance(said, Say)
    assert said.text.startswith("I'm sorry")


def test_other_instructions_end_the_asking() -> None:
    mind = Mind()
    mind.instruct(TOLD, "Ask the caller for caller_name.")
    mind.instruct(TOLD, "Tell the caller that nobody answered.")
    assert rule_in(mind.hear(TOLD, "My crown fell out")) == "clinical_question"


@pytest.mark.parametrize(
    ("instructions", "essence"),
    [
        ("Tell the caller nobody answered and offer help.", "nobody answered"),
        ('Say: "Dana is not at her desk right now."', "Dana is not at her desk right now"),
        ("Let the caller know that both phones are busy.", "both phones are busy"),
        ("The caller has been quiet. Ask whether they are still there.", "still there"),
        ("", "help"),
    ],
)
def test_she_puts_instructions_in_her_own_words(instructions: str, essence: str) -> None:
    said = Mind().instruct(TOLD, instructions)
    assert isinstance(said, Say)
    assert essence in said.text
    assert said.text not in instructions or not instructions


@pytest.mark.parametrize(
    ("turn", "answer"),
    [
        ("My name is Maria Lopez.", "Maria Lopez"),
        ("Sure, it's 312 555 0143.", "312 555 0143"),
        ("It's about my crown.", "my crown"),
        ("Yes, I have.", "Yes, I have"),
        ("This is.", "This is"),
    ],
)
def test_an_answer_is_the_callers_words_without_the_lead_in(turn: str, answer: str) -> None:
    assert answer_in(turn) == answer


# ---- on the phone with somebody who works here -----------------------------------------------------------------------

STORY = """You are Ava. You have rung Dana, who works here, because a caller is waiting.
caller name: Maria Lopez
callback number: 312 555 0199
reason: My crown just fell out
What was said:
caller: My crown just fell out and I fly tomorrow.
caller: It does not hurt.
"""
FOR_STAFF = [
    tool("go", "Put the caller through, now that the person has agreed to take the call."),
    tool("leave", "The person does not take the call.", why=TEXT),
    tool("robot", "An answering machine, a voicemail greeting or a menu answered."),
]
BRIEFED = brief({"system_prompt": STORY, "tools": FOR_STAFF})


@pytest.mark.parametrize(
    ("turn", "done"),
    [
        ("Yes, put them through.", UseTool("go", {})),
        ("Sure.", UseTool("go", {})),
        ("No problem, connect us.", UseTool("go", {})),
        ("Can you put her through?", UseTool("go", {})),
        ("No, I'm with a patient.", UseTool("leave", {"why": "I'm with a patient"})),
        ("Sorry, I can't take it, ask Luis.", UseTool("leave", {"why": "I can't take it, ask Luis"})),
        ("You have reached my voicemail. Please leave a message after the tone.", UseTool("robot", {})),
        ("Welcome. If you know the extension of the person, please dial it now.", UseTool("robot", {})),
        ("Who is it?", Say("Maria Lopez.")),
        ("What is it about?", Say("My crown just fell out.")),
        ("When do they fly?", Say("My crown just fell out and I fly tomorrow.")),
        ("Do they like jazz?", Say("I'm sorry, I don't know that. Shall I put them through?")),
        ("Can't somebody else do it?", Say("I'm sorry, I don't know that. Shall I put them through?")),
        ("Hello?", Say("Hello, there is a caller for you. Shall I put them through?")),
        ("Let me see.", Say("Shall I put them through?")),
    ],
)
def test_with_a_colleague_she_tells_what_she_knows_and_does_what_they_say(turn: str, done: Action) -> None:
    assert Mind().hear(BRIEFED, turn) == done


def test_she_finds_the_tools_for_a_colleague_by_what_they_are_for() -> None:
    without = brief({"system_prompt": STORY, "tools": FOR_STAFF[:2]})
    assert Mind().hear(without, "You have reached my voicemail.") == Say("Shall I put them through?")
    assert Mind().hear(brief({"system_prompt": STORY, "tools": FOR_STAFF[1:]}), "Yes, put them through.") != UseTool(
        "go", {}
    )
    assert rule_in(Mind().hear(TOLD, "Can I talk to someone?")) == "asked_for_a_person", "a caller is no colleague"
