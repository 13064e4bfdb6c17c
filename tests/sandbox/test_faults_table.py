"""Which tests play each row of reliability.md's fault list, and that those tests are there.

F26 has none: what it is about, several processes on one Redis, this version does not have.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

FAILURES, WORLD = "sandbox/test_failure_table.py", "sandbox/test_faults_world.py"
LEAVING = "sandbox/test_faults_leaving.py"
SCENARIOS, RACES, LINE = "sandbox/test_scenarios.py", "sandbox/test_races.py", "sandbox/test_faults_line.py"
AGENTS, TRANSCRIPTS = "agents/test_assemblyai.py", "transcription/test_assemblyai.py"

ROWS: dict[str, tuple[tuple[str, str], ...]] = {
    "F1 killed": (("sandbox/test_serve.py", "a_caller_whose_process_ends_goes_on_with_another"),),
    "F2 killed before a phone rings": (("sandbox/test_faults_killed.py", "a_process_killed_as_it_has_a_phone_rung"),),
    "F3 killed as a phone rings": (
        ("sandbox/test_faults_killed.py", "a_process_killed_as_it_has_a_phone_rung"),
        (FAILURES, "a_crash_at_any_moment_of_a_handoff"),
    ),
    "F4 told to stop": ((LEAVING, "fifty_calls_end_in_their_own_time"),),
    "F5 calls outlive the time for that": (
        (LEAVING, "when_the_time_is_up_who_still_talks_goes_on"),
        (LEAVING, "a_process_that_is_started_again_goes_on"),
    ),
    "F6 told twice": (
        (LEAVING, "a_process_that_is_started_again_goes_on"),
        ("sandbox/test_serve.py", "a_caller_whose_process_ends_goes_on_with_another"),
    ),
    "F7 the machine is gone": ((LEAVING, "when_the_whole_machine_is_gone"),),
    "F8 the carrier's socket breaks": ((SCENARIOS, "a_stream_that_breaks_mid_call_comes_back"),),
    "F9 the carrier's socket is silent": (("sandbox/test_lost_words.py", "a_stream_that_goes_silent"),),
    "F10 the agent refuses": (
        (AGENTS, "a_refused_connection_is_a_failure"),
        (SCENARIOS, "the_scenario_holds"),  # receptionist_down
    ),
    "F11 the agent drops": (
        (SCENARIOS, "an_agent_that_drops_is_resumed"),
        (SCENARIOS, "an_agent_that_fails_mid_call_leads_to_a_person"),
    ),
    "F12 the agent is never ready": ((SCENARIOS, "an_agent_that_never_says_ready"),),
    "F13 a reply is never done": ((RACES, "a_receptionist_who_misbehaves_in_the_handoff"),),
    "F14 the transfer twice": ((RACES, "a_receptionist_who_misbehaves_in_the_handoff"),),
    "F15 broken arguments": (
        (SCENARIOS, "a_misbehaving_model_changes_nothing"),
        (RACES, "a_receptionist_who_misbehaves_in_the_handoff"),
        (AGENTS, "broken_arguments_are_no_arguments"),
    ),
    "F16 no transcript": (
        (SCENARIOS, "a_transcript_that_fails_never_touches_the_call"),
        (TRANSCRIPTS, "a_service_that_refuses_is_asked_again"),
        (TRANSCRIPTS, "a_service_that_fails_every_30_seconds"),
    ),
    "F17 nobody takes it": (
        (FAILURES, "a_phone_that_comes_to_nothing"),
        (FAILURES, "when_no_phone_is_answered"),
        (FAILURES, "a_voicemail_presses_no_key"),
    ),
    "F18 answers and hangs up": ((FAILURES, "who_hangs_up_in_the_briefing"), (FAILURES, "who_accepts_and_hangs_up")),
    "F19 the caller goes as it rings": ((FAILURES, "when_the_caller_goes_the_phone_stops_ringing"),),
    "F20 both hang up": ((FAILURES, "both_hang_up_at_once"),),
    "F21 answered at the timeout": ((RACES, "a_phone_picked_up_as_we_stop_waiting"), (RACES, "of_two_who_accept")),
    "F22 the order to ring": (
        (FAILURES, "an_order_that_is_never_answered"),
        (FAILURES, "an_order_answered_with_an_error"),
        (FAILURES, "too_many_requests"),
    ),
    "F23 the caller cannot be moved": ((FAILURES, "a_caller_who_cannot_be_moved_any_more"),),
    "F24 words twice, shuffled, late": (
        (WORLD, "words_of_the_carrier_that_come_half_a_minute_late"),
        (RACES, "whatever_the_order_of_the_news"),
        ("call/test_state_machine.py", "any_interleaving"),
    ),
    "F25 not signed, or replayed": (
        ("carriers/test_routes.py", "nobody_else_may_ask_or_tell"),
        (RACES, "a_word_replayed_when_the_call_is_over"),
    ),
    "F27 the database is away": (
        (WORLD, "a_database_that_another_program_holds"),
        ("store/test_bridged.py", "a_whole_call_in_an_outage"),
        ("store/test_bridged.py", "a_process_killed_in_an_outage"),
    ),
    "F28 the disk is full": (
        (WORLD, "a_call_of_which_nothing_could_be_kept"),
        ("store/test_bridged.py", "no_room_on_the_disk"),
    ),
    "F29 the database is locked": ((WORLD, "a_database_that_another_program_holds"),),
    "F30 two owners": (
        (WORLD, "of_two_processes_that_think_they_have_a_call"),
        ("runtime/test_live.py", "a_call_that_another_process_has_taken_over"),
    ),
    "F31 the clock jumps": (
        ("sandbox/test_clock_jumps.py", "a_clock_that_jumps_costs_the_caller_nothing"),
        ("flow/test_hours.py", "clock_changes"),
        ("desk/test_access.py", "a_link_expires_with_a_minutes_slack"),
    ),
    "F32 a broken flow file": (("runtime/test_faults_flows.py", "broken_files_change_nothing"),),
    "F33 another flow file": (
        ("runtime/test_flow_replaced.py", "a_call_keeps_its_flow"),
        ("runtime/test_faults_flows.py", "a_call_whose_flow_cannot_be_had_any_more"),
    ),
    "F34 slow browsers": (
        ("desk/test_stream.py", "a_reader_that_sleeps_is_told_to_reload"),
        ("desk/test_stream.py", "hundreds_who_are_told_at_once"),
    ),
    "F35 a slow agent": (
        ("runtime/test_sockets.py", "a_dead_peer_holds_a_bounded_amount_of_memory"),
        ("contract.py", "a_peer_that_takes_nothing_is_closed"),
    ),
    "F36 too fast, then nothing": ((LINE, "a_carrier_that_sends_nothing_and_then_twice_as_fast"),),
    "F37 a bad network": ((LINE, "a_call_over_a_far_and_narrow_line"), (LINE, "a_network_that_stalls_for_a_moment")),
    "F38 a webhook misbehaves": (
        ("desk/test_webhooks.py", "a_receiver_that_dawdles"),
        ("desk/test_webhooks.py", "a_redirect_to_an_inner_host"),
        ("sandbox/test_faults_tools.py", "a_tool_whose_address_misbehaves"),
    ),
    "F39 the loop stands still": (("runtime/test_watchdog.py", "the_place_where_the_loop_stands_is_told"),),
    "F40 no file handles": (
        ("sandbox/test_faults_handles.py", "a_call_that_there_are_no_handles_for"),
        ("sandbox/test_faults_handles.py", "with_all_handles_taken"),
    ),
    "F41 frames out of place": (("sandbox/test_faults_stream.py", "a_stream_that_tells_things_out_of_place"),),
    "F42 a loop": (
        ("call/test_stories.py", "the_callers_own_number_and_the_offices_are_never_rung"),
        ("runtime/test_overflow.py", "nobody_is_dialled_who_is_calling"),
    ),
}  # fmt: skip


def test_every_row_is_played() -> None:
    assert [row.partition(" ")[0] for row in ROWS] == [f"F{n}" for n in range(1, 43) if n != 26]


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_of_a_row_are_there(row: str) -> None:
    assert [(file, test) for file, test in ROWS[row] if not any(name.startswith(test) for name in _tests(file))] == []


@cache
def _tests(file: str) -> tuple[str, ...]:
    return tuple(re.findall(r"def test_(\w+)", (TESTS / file).read_text("utf-8")))
