"""The command line as a person or a script meets it: what is printed where, and the exit code."""

from __future__ import annotations

import json
import math
import os
import re
import struct
import subprocess
import sys
import wave
from pathlib import Path
from urllib.request import urlopen

import pytest

from flowengine.runtime.flowbook import FlowbookError, read_flows
from flowengine.sandbox.scenario import scenarios

ROOT = Path(__file__).parents[1]
DENTAL = ROOT / "flows" / "dental_office.yaml"
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWENGINE_", "TWILIO_", "ASSEMBLYAI_"))}


def flowengine(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowengine", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env={**CLEAN, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


# ---- validate --------------------------------------------------------------------------------------------------------


def test_the_example_flows_are_valid() -> None:
    done = flowengine("validate", *sorted((ROOT / "flows").glob("*.yaml")))
    assert done.returncode == 0, done.stdout
    assert "error" not in done.stdout


def test_three_mistakes_are_three_lines_with_their_places(tmp_path: Path) -> None:
    text = DENTAL.read_text("utf-8")
    text = text.replace(
        "    to: front_desk\n  - rule: asked_for_a_person", "    to: frontdesk\n  - rule: asked_for_a_person"
    )
    text = text.replace("  manner: Warm", "  maner: Warm").replace(
        "  ring_for: 20s", "  ring_for: 20s\n  ring_for: 25s", 1
    )
    file = tmp_path / "office.yaml"
    file.write_text(text, "utf-8")
    done = flowengine("validate", file)
    assert done.returncode == 1
    lines = text.splitlines()
    for mistake, code in (
        ("to: frontdesk", "unknown-department"),
        ("maner:", "unknown-key"),
        ("ring_for: 25s", "duplicate"),
    ):
        number = next(i for i, line in enumerate(lines, 1) if mistake in line)
        (found,) = [line for line in done.stdout.splitlines() if line.startswith(f"{file}:{number}:")]
        assert code in found
    assert "^" in done.stdout


def test_findings_as_json(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_text(DENTAL.read_text("utf-8").replace("voice: anna", "vioce: anna"), "utf-8")
    found = json.loads(flowengine("validate", "--format", "json", file).stdout)
    assert (found["format_version"], found["valid"]) == (1, False)
    assert {d["code"] for d in found["diagnostics"]} >= {"unknown-key"}


def test_warnings_count_only_when_strict() -> None:
    warned = ROOT / "tests" / "flow" / "bad" / "alert_never.yaml"
    assert flowengine("validate", warned).returncode == 0
    assert flowengine("validate", "--strict", warned).returncode == 1


def test_a_file_that_is_not_there_is_not_a_finding() -> None:
    done = flowengine("validate", "nowhere.yaml")
    assert (done.returncode, done.stdout) == (2, "")


# ---- demo and replay -------------------------------------------------------------------------------------------------


def test_the_list_names_each_scenario_first() -> None:
    listed = [line.split()[0] for line in flowengine("demo", "--list").stdout.splitlines()]
    assert listed[0] == "crown"
    assert set(listed) == set(scenarios())


def test_a_call_to_watch_tells_two_links_that_open_its_desk() -> None:
    command, links = [sys.executable, "-m", "flowengine", "demo"], list[str]()
    with subprocess.Popen(command, cwd=ROOT, env=CLEAN, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            while len(links) < 2 and (line := process.stdout.readline()):
                links += re.findall(r"(?:live|second screen):\s+(http\S+)", line)
            assert len(set(links)) == 2
            pages = [urlopen(link, timeout=60).read().decode() for link in links]
        finally:
            process.terminate()
    assert all("Open the desk" in page for page in pages)


def test_a_call_prints_one_report_and_its_journal_runs_again(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/calls.db"
    done = flowengine("demo", "--headless", "--json", "--speed", "40", FLOWENGINE_DATABASE_URL=database)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert report["outcome"] == "connected"
    again = flowengine("replay", "--json", report["call_id"], FLOWENGINE_DATABASE_URL=database)
    assert again.returncode == 0, again.stderr
    replayed = json.loads(again.stdout)
    measured = {"caller_heard", "staff_heard", "numbers_shown"}  # by the carrier, which a replay has not
    assert {key for key, value in replayed.items() if value is None} == measured
    assert replayed == {**report, **dict.fromkeys(measured)}
    other = tmp_path / "office.yaml"
    other.write_text(DENTAL.read_text("utf-8").replace("I'm connecting you", "I am putting you through"), "utf-8")
    differs = flowengine("replay", "--flow", other, report["call_id"], FLOWENGINE_DATABASE_URL=database)
    assert differs.returncode == 1
    assert "putting you through" in differs.stderr


def test_a_scenario_whose_expectation_fails_exits_one(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    text = DENTAL.read_text("utf-8")
    file.write_text(
        text.replace("if_no_one_answers: take_message\n  clinical", "if_no_one_answers: callback\n  clinical")
    )
    done = flowengine("demo", file, "--headless", "--json", "--speed", "40", "--scenario", "nobody_answers")
    assert done.returncode == 1
    assert json.loads(done.stdout)["outcome"] == "callback"
    assert "ends_with: expected take_message" in done.stderr


def test_a_scenario_that_does_not_fit_the_flow_exits_two() -> None:
    done = flowengine("demo", ROOT / "flows" / "billing_support.yaml", "--headless", "--scenario", "crown")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Hygiene desk" in done.stderr
    assert "those that fit, for --scenario: agent_drops_mid_call, card_not_confirmed_callback, " in done.stderr
    assert flowengine("demo", "--scenario", "nonsense").returncode == 2


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_recording_of_a_voice_is_heard_as_speech_nobody_understands(rate: int, tmp_path: Path) -> None:
    file = tmp_path / "voice.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        sound = (
            int(8000 * math.sin(i * 2 * math.pi * 180 / rate) * abs(math.sin(i * 9 / rate))) for i in range(2 * rate)
        )
        out.writeframes(b"".join(struct.pack("<h", s) for s in sound))
    arguments = ("demo", "--headless", "--json", "--speed", "40", "--scenario", "recording", "--caller-audio", file)
    done = flowengine(*arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["handoffs"][0]["rule"] == "cannot_understand"


def test_nothing_a_caller_says_reaches_a_log_at_any_level() -> None:
    done = flowengine("demo", "--headless", "--json", "--speed", "40", FLOWENGINE_LOG_LEVEL="debug")
    assert done.returncode == 0
    for said in ("crown", "Maria", "Lopez", "555-0199", "5550199", "glue"):
        assert said not in done.stderr


def test_another_moment_is_another_call() -> None:
    done = flowengine("demo", "--headless", "--json", "--speed", "40", "--at", "Sun 3am")
    assert json.loads(done.stdout)["handoffs"][0]["department"] == "on_call_dentist"
    assert flowengine("demo", "--at", "someday").returncode == 2


# ---- serve and the environment ---------------------------------------------------------------------------------------


def test_without_keys_serve_says_so_and_points_to_the_demo() -> None:
    done = flowengine("serve")
    assert done.returncode == 2
    assert "TWILIO_AUTH_TOKEN" in done.stderr
    assert "flowengine demo" in done.stderr


def test_a_misspelt_setting_is_an_error_with_a_suggestion() -> None:
    done = flowengine("serve", FLOWENGINE_PUBLIC_ULR="https://x.example")
    assert done.returncode == 2
    assert "did you mean FLOWENGINE_PUBLIC_URL" in done.stderr


def test_a_folder_of_flows_holds_files_of_either_ending(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yml", "notes.txt"):
        (tmp_path / name).write_text(name, "utf-8")
    assert list(read_flows(str(tmp_path)).values()) == ["one.yaml", "two.yml"]
    with pytest.raises(FlowbookError, match=r"^cannot read nowhere: No such file or directory$"):
        read_flows("nowhere")
    (tmp_path / "two.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(FlowbookError, match=r"it is not UTF-8$"):
        read_flows(str(tmp_path))


def test_a_name_the_flow_wants_and_nobody_set_stops_serve() -> None:
    keys = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "ASSEMBLYAI_API_KEY": "k"}
    done = flowengine("serve", "--flows", "flows", FLOWENGINE_PUBLIC_URL="https://x.example", **keys)
    assert done.returncode == 2
    assert "CRM_WEBHOOK" in done.stderr


def test_one_database_holds_the_calls_of_many_runs(tmp_path: Path) -> None:
    kept = {"FLOWENGINE_DATABASE_URL": f"sqlite:///{tmp_path}/calls.db"}
    runs = [flowengine("demo", "--headless", "--json", "--speed", "50", **kept) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0]
    calls = {json.loads(run.stdout)["call_id"] for run in runs}
    assert len(calls) == 2
    for call in calls:
        assert flowengine("replay", call, **kept).returncode == 0
