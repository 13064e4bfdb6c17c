"""From text to Flow: what each word becomes, what is built in, and where everything came from."""

from __future__ import annotations

import pytest

from flowengine.flow.compiler import check_flow, compile_flow, compile_kept
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import (
    Accept,
    Briefing,
    CallbackStep,
    CallerSays,
    Delivery,
    FieldType,
    HangUpStep,
    KeyPressedIs,
    Line,
    Method,
    Mood,
    OpenRule,
    Ring,
    Span,
    Spoken,
    TakeMessageStep,
    ToDepartment,
    Topic,
    VoicemailStep,
    WeeklyHours,
)
from flowengine.flow.needs import deliveries, fill_names, private_fields, sends_mail, unset_names
from tests.flow.office import HERE, SMALL, billing, dental, load, small, text


def test_the_dental_office() -> None:
    flow = dental()
    assert (flow.key, flow.office.name, flow.office.phone_numbers) == (
        "dental_office",
        "Bright Smile Dental",
        {"+13125550100": ""},
    )
    assert flow.hours.days[0] == (Span(480, 720), Span(780, 1020))
    assert flow.hours.days[5] == ()
    assert flow.people["reed"].phones == ("+13125550122",)
    assert not flow.people["reed"].callers_may_ask_for
    clinical, on_call = flow.departments["clinical"], flow.departments["on_call_dentist"]
    assert clinical.ring is Ring.ALL_AT_ONCE
    assert clinical.if_no_one_answers == (ToDepartment("front_desk"), TakeMessageStep())
    assert (on_call.hours, on_call.transfer.ring_for) == (OpenRule.WHEN_CLOSED, 35)
    emergency, rules = flow.rules[0], {rule.key: rule for rule in flow.rules}
    assert isinstance(emergency.condition, CallerSays)
    assert emergency.emergency
    assert not emergency.receptionist_may_answer
    assert emergency.to_when_closed == ToDepartment("on_call_dentist")
    assert isinstance(rules["clinical_question"].condition, Topic)
    assert rules["upset"].condition == Mood(("frustrated", "angry"), 2)
    assert rules["pressed_zero"].condition == KeyPressedIs(("0",))
    assert flow.tools[0].asks_for[2].choices == ("morning", "afternoon")
    assert flow.tests[2].staff == {"Dana": "no answer", "Luis": "voicemail"}
    assert flow.tests[0].caller == (Line(says="My crown just fell out and I fly tomorrow"),)


def test_the_billing_office() -> None:
    flow = billing()
    assert flow.office.calls_arrive_by == "sip"
    assert flow.office.phone_numbers["+12125550140"] == "patients"
    assert {d.transfer.method for d in flow.departments.values()} == set(Method)
    assert flow.people["claims_desk"].phones == ("sip:claims@pbx.example.com",)
    assert flow.receptionist.greeting.by_language["Spanish"].startswith("Gracias")
    assert flow.departments["claims"].transfer.if_card_not_confirmed == CallbackStep()
    assert not flow.hold.receptionist_stays
    assert unset_names(flow, {}) == ["CRM_WEBHOOK"]


def test_what_is_built_in() -> None:
    flow = small()
    transfer = flow.departments["front_desk"].transfer
    assert (transfer.method, transfer.accept, transfer.briefing) == (
        Method.CONFERENCE,
        Accept.PRESS_ONE,
        Briefing.SPOKEN,
    )
    assert (transfer.ring_for, transfer.longest_wait, flow.most_phones_rung) == (20, 120, 6)
    assert [field.name for field in flow.receptionist.find_out] == ["caller_name", "callback_number", "reason"]
    assert "automated" in flow.receptionist.greeting.text
    assert flow.departments["front_desk"].say_as == "front desk"
    assert flow.take_message.send_to == (Delivery("staff screen"),)
    assert flow.privacy.recording == "none"
    assert flow.receptionist.languages == ("English",)


def test_department_beats_transfer_beats_built_in() -> None:
    flow = small(
        (
            "    people: [dana, luis]",
            "    people: [dana]\n    ring_for: 30s\n  other:\n    people: [luis]\n    longest_wait: 5min",
        ),
        add="transfer: {ring_for: 10s, accept_within: 4s}\nhold: {longest_wait: 3min}\n",
    )
    own, common = flow.departments["front_desk"].transfer, flow.departments["other"].transfer
    assert (own.ring_for, own.accept_within, own.longest_wait) == (30, 4, 180)
    assert (common.ring_for, common.longest_wait) == (10, 300)


def test_every_word_is_kept() -> None:
    flow = compile_flow((HERE / "good" / "every_word.yaml").read_text(encoding="utf-8"), "every_word.yaml", load=load)
    assert [type(rule.condition).__name__ for rule in flow.rules] == [
        "CallerSays",
        "Topic",
        "CallerWants",
        "Mood",
        "NotSolvedAfter",
        "SameQuestionAgain",
        "NotUnderstood",
        "ConfidenceBelow",
        "CallLongerThan",
        "TurnsMoreThan",
        "QuietFor",
        "KeyPressedIs",
        "KnownCaller",
        "ReceptionistFails",
    ]
    assert flow.people["luis"].phones == ("+13125550112", "sip:luis@pbx.example.com")
    assert flow.people["luis"].away[0].replaced_by == "dana"
    assert flow.hours.days[2] == (Span(480, 720),)  # a single day beats a range
    assert flow.departments["passed_on"].transfer.if_card_not_confirmed == HangUpStep(Spoken("Please call again."))
    assert isinstance(flow.departments["cold"].hours, WeeklyHours)
    assert flow.take_message.send_to == (Delivery("staff screen"), Delivery("sms", "+13125550199"))
    assert flow.callback.send_to == (Delivery("webhook", "https://office.example.com/callback"),)
    assert flow.privacy.redact_patterns == ("MRN-[0-9]{9}",)
    assert flow.hold.says["busy"] == Spoken("The line is busy.")
    assert flow.rules[2].if_no_one_answers == (VoicemailStep(),)
    test = flow.tests[0]
    assert (test.receptionist_fails, test.called_before, test.calls_from) == (True, True, "+13125550191")
    assert test.caller[1] == Line(
        says="my name is Maria", mood="angry", unsolved=True, confidence=90, answers={"visit": "new"}
    )
    assert [line.presses for line in test.caller][2] == "0"
    assert test.expect.tried == ("Dana", "Luis")
    assert test.expect.caller_hears == ("One moment",)
    assert flow.tools[1].post == "${LOOK_UP}"
    assert flow.receptionist.find_out[1].type is FieldType.CHOICE


def test_shared_files_add_and_never_override() -> None:
    flow = small(
        ("flow: small", "flow: small\nshared: shared_office.yaml"),
        ("  dana: {name: Dana, phone: +1 312-555-0111}\n", ""),
        ("[dana, luis]", "[dana, luis, reed]\n    if_no_one_answers: on_call"),
    )
    assert set(flow.people) == {"dana", "luis", "reed"}
    assert flow.exceptions[0].name == "Christmas"
    assert flow.known_callers["friends"] == ("+13125550190",)
    assert flow.origins["people", "reed"].file == "shared_office.yaml"
    assert flow.origins["people", "luis"].file == "small.yaml"


@pytest.mark.parametrize(
    "content", ["- a\n", "people: [x]\n", "\tx", "people: {" + ", ".join(f"'{i}': 1" for i in range(400)) + "}"]
)
def test_a_shared_file_that_is_wrong_is_told_in_its_own_name(content: str) -> None:
    flow, found = check_flow(
        text(("flow: small", "flow: small\nshared: other.yaml")), "small.yaml", load=lambda _: content
    )
    assert flow is None
    assert {d.file for d in found} == {"other.yaml"}


def test_a_shared_file_that_is_no_text_or_cannot_be_had() -> None:
    def refuse(name: str) -> str:
        raise FlowInvalid(check_flow("", name)[1])

    shared = text(("flow: small", "flow: small\nshared: other.yaml"))
    assert [d.code for d in check_flow(shared, "small.yaml", load=refuse)[1]] == ["empty-file"]
    assert [d.code for d in check_flow(shared, "small.yaml")[1]] == ["shared-file"]
    told = check_flow(shared, "small.yaml", load=lambda _: b"\xe9".decode())[1]
    assert [(d.code, "not UTF-8" in d.message) for d in told] == [("shared-file", True)]


def test_inline_people_get_a_key_of_their_own() -> None:
    flow = small(("[dana, luis]", "[dana, {name: Standby, phone: 312-555-0119}]"), ("  luis:", "  front_desk_2:"))
    assert [m.person for m in flow.departments["front_desk"].people] == ["dana", "front_desk_2_"]
    assert flow.people["front_desk_2_"].name == "Standby"


def test_origins_and_version() -> None:
    flow = small()
    place = flow.origins["when_to_transfer", 0, "to"]
    assert (place.file, place.line, place.column) == ("small.yaml", 20, 5)
    assert len(flow.version) == 12
    assert flow.version != small(add="# changed\n").version


def test_names_are_filled_from_the_environment() -> None:
    env = {"SMALL_HOOK": "own", "HOOK": "any", "OTHER": ""}
    assert fill_names("${HOOK} ${OTHER} ${NOT_SET}", "small", env) == "own ${OTHER} ${NOT_SET}"
    assert fill_names("${HOOK}", "large", env) == "any"
    hooked = SMALL + 'handoff_card: {crm_webhook: "${HOOK}"}\n'
    assert compile_flow(hooked, "small.yaml", env=env).card.crm_webhook == "${HOOK}"
    with pytest.raises(FlowInvalid) as refused:
        compile_flow(hooked, "small.yaml", env={})
    errors = [d for d in refused.value.diagnostics if d.severity == "error"]
    assert [(d.code, d.line, d.column) for d in errors] == [("unset-name", 21, 30)]


def test_an_invalid_flow_raises_with_every_diagnostic() -> None:
    with pytest.raises(FlowInvalid, match="unknown-department") as refused:
        compile_flow(text(("to: front_desk", "to: nowhere"), ("name: Ava", "name:")), "small.yaml")
    assert len(refused.value.diagnostics) == 2


def test_a_flood_of_mistakes_is_cut_short() -> None:
    flood = SMALL + "".join(f"x{i}: 1\n" for i in range(5000))
    flow, found = check_flow(flood, "small.yaml")
    assert flow is None
    assert len(found) == 200


def test_what_a_flow_needs_of_an_installation() -> None:
    flow = small(
        ("  name: Ava\n", "  name: Ava\n  find_out: [{field: birth_date, private: true}]\n"),
        add="take_message: {send_to: [email: desk@example.com]}\nvoicemail: {send_to: [sms: +13125550123]}\n",
    )
    assert [place.kind for place in deliveries(flow)] == ["email", "staff screen", "sms", "staff screen"]
    assert (sends_mail(flow), private_fields(flow)) == (True, ("birth_date",))
    assert (sends_mail(small()), private_fields(small())) == (False, ())


def test_a_kept_text_is_read_alone_or_not_at_all() -> None:
    kept = compile_kept(SMALL, "small")
    assert kept is not None
    assert kept.version == small().version
    assert compile_kept("", "gone") is None
    assert compile_kept(text(("flow: small", "flow: small\nshared: shared_office.yaml")), "small") is None
