"""`flowengine report`: a table, JSON and a page in one file, over the calls of a store."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowengine.cli import main
from flowengine.flow.figures import FIGURES
from flowengine.resources import example_flow
from flowengine.runtime.rows import CallRow
from flowengine.store import open_store
from tests.desk.busy_office import busy_month
from tests.desk.house import FLOW

LIMITS = "\nalert_when: {transfer_rate: 1%, attempts: 5}\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Forty days of an office, until now."""
    address = f"sqlite:///{tmp_path_factory.mktemp('report')}/calls.db"

    async def fill() -> None:
        store = open_store(address)
        await store.start()
        source = example_flow(FLOW).read_text("utf-8") + LIMITS
        await busy_month(store, datetime.now(UTC).replace(hour=22), source, calls=150)
        await store.close()

    asyncio.run(fill())
    return address


def report(database: str, *options: str) -> Result:
    runner = CliRunner(env={"FLOWENGINE_DATABASE_URL": database})
    return runner.invoke(main, ["report", *options])


def test_the_table_has_every_figure_and_says_what_to_know(database: str) -> None:
    result = report(database)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Bright Smile Dental, ")
    for figure in FIGURES.values():
        assert f"\n{figure.label}  " in result.output
    assert "ALERT  Transfer rate: " in result.output
    assert "First-call resolution is that of" in result.output


def test_the_json_has_numerators_and_denominators(database: str) -> None:
    (found,) = json.loads(report(database, "--json", "--since", "30d").stdout)
    assert (found["format_version"], found["flow"]) == (1, FLOW)
    assert list(found["figures"]) == list(FIGURES)
    rate = found["figures"]["transfer_rate"]
    assert rate["value"] == rate["numerator"] / rate["denominator"]
    assert rate["denominator"] == found["measured"] == sum(day["calls"] for day in found["days"])
    assert found["alerts"] == {"transfer_rate": True, "attempts": False}
    assert found["figures"]["time_to_answer"]["p90"] >= found["figures"]["time_to_answer"]["value"]


def test_since_may_be_a_day_or_a_length_of_time(database: str) -> None:
    def of(since: str) -> dict[str, Any]:
        (found,) = json.loads(report(database, "--json", "--since", since).stdout)
        return found  # type: ignore[no-any-return]

    week, hours = of(" 7D"), of("168 h")
    assert len(week["days"]) == 7
    assert week["since"][10:19] == "T00:00:00"  # midnight in the office, as on the desk's page
    assert datetime.fromisoformat(hours["until"]) - datetime.fromisoformat(hours["since"]) == timedelta(days=7)
    long_ago = (datetime.now(UTC) - timedelta(days=42)).date().isoformat()
    assert week["calls"] < of(long_ago)["calls"] == of("9years")["calls"] == 150


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("lately", "write a date such as 2026-11-01, or 7d"),
        ("", "write a date such as"),
        ("2026-11-31", "write a date such as"),
        ("0001-01-01", "must lie in the past, at most ten years ago"),
        ("9999-12-31", "must lie in the past"),
        ("9999 years", "must lie in the past"),
        ("99999999999d", "write a date such as"),
        ("2999-01-01", "must lie in the past"),
    ],
)
def test_a_since_nobody_can_mean_is_refused(database: str, since: str, said: str) -> None:
    refused = report(database, "--since", since)
    assert (refused.exit_code, said in refused.output) == (2, True), refused.output


def test_a_day_that_has_only_begun_east_of_here_is_a_report_of_nothing_yet(database: str) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    result = report(database, "--since", tomorrow)
    assert (result.exit_code, "0 calls, 0 hand-overs" in result.output) == (0, True), result.output


def test_the_settings_beside_the_user_are_read(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(f"FLOWENGINE_DATABASE_URL={database}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"FLOWENGINE_DATABASE_URL": None}).invoke(main, ["report"])
    assert (result.exit_code, result.output[:13]) == (0, "Bright Smile ")


class Outside(HTMLParser):
    """Collects what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "xlink:href", "style")]
        self.found += [tag] if tag in ("script", "link", "iframe", "img", "object") else []


def test_the_page_is_one_file_without_script(database: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    result = report(database, "--html", "--flow", FLOW, "-o", str(file))
    assert (result.exit_code, result.output) == (0, "")
    page = file.read_text("utf-8")
    reader = Outside()
    reader.feed(page)
    assert reader.found == []
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 3
    assert "url(" not in page
    assert ".plot-part { fill: var(--good-mark); }" in page


def test_a_flow_may_be_named_by_its_file_and_one_without_calls_is_said(database: str) -> None:
    file = str(example_flow(FLOW))
    assert report(database, "--flow", file).exit_code == 0
    nobody = report(database, "--flow", "nobody")
    assert (nobody.exit_code, "no calls of 'nobody'" in nobody.output) == (2, True)
    nowhere = report(database, "-o", "/nowhere/report.txt")
    assert (nowhere.exit_code, nowhere.output) == (2, "cannot write /nowhere/report.txt: No such file or directory\n")
    both = report(database, "--json", "--html")
    assert (both.exit_code, "not both" in both.output) == (2, True)


def test_a_store_without_calls_and_none_at_all(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/empty.db"
    nowhere = report(address)
    assert (nowhere.exit_code, "there is no database" in nowhere.output) == (2, True)

    async def make() -> None:
        store = open_store(address)
        await store.start()
        await store.close()

    asyncio.run(make())
    empty = report(address)
    assert (empty.exit_code, "no calls in the database" in empty.output) == (2, True)


def test_one_page_shows_one_flow_and_a_flow_nobody_can_read_has_its_key_for_a_name(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/two.db"

    async def make() -> None:
        store = open_store(address)
        await store.start()
        for flow in ("one", "two"):
            await store.open_call(
                CallRow(f"c-{flow}", flow, flow, "v1", "no flow", datetime.now(UTC).isoformat(), None)
            )
            await store.close_call(f"c-{flow}", "ended")
        await store.close()

    asyncio.run(make())
    both = report(address)
    assert "one, " in both.output
    assert "two, " in both.output
    assert "1 call; 0 of them could be measured, with 0 hand-overs" in both.output
    page = report(address, "--html")
    assert (page.exit_code, "choose --flow one, two" in page.output) == (2, True)


def test_each_look_is_noted(database: str) -> None:
    async def accesses() -> list[tuple[str, str]]:
        store = open_store(database)
        await store.start()
        found = await store.accesses(FLOW)
        await store.close()
        return [(line.access.who, line.access.what) for line in found]

    before = asyncio.run(accesses())
    report(database, "--json")
    assert asyncio.run(accesses()) == [*before, ("command line", "report opened")]


def test_nothing_a_caller_said_is_in_any_report(database: str) -> None:
    for options in ((), ("--json",), ("--html",)):
        result = report(database, *options)
        assert result.exit_code == 0, result.output
        text = result.output
        for word in ("Maria", "Lopez", "fell out", "3125550"):
            assert word not in text
