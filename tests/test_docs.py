"""The README and the pages under docs/ say what is so."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import click
import pytest
from prometheus_client import REGISTRY

from flowengine.cli import main
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import render_full
from flowengine.flow.reference import anchor
from flowengine.runtime.meters import Meters
from flowengine.settings import Settings, SettingsError, read_settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        file, _, part = target.partition("#")
        there = page.parent / file if file else page
        assert "://" in target or there.exists(), f"{page.name}: {target}"
        assert not part or "://" in target or part in anchors(there), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The places of a page a link can lead to: its headings, spelled as GitHub does, and those set by hand."""
    text = page.read_text("utf-8")
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)} | set(
        re.findall(r'id="([^"]+)"', text)
    )


def test_the_mistake_in_the_readme_is_what_validate_says_about_it() -> None:
    (snippet,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    text = (ROOT / "flows" / "dental_office.yaml").read_text("utf-8")
    mistaken = text.replace("sends_to: front_desk", "sends_to: front_dest")
    _, found = check_flow(mistaken, "flows/dental_office.yaml")
    (error,) = [d for d in found if d.severity == "error"]
    assert render_full(error, mistaken.splitlines()) + "\n" == snippet


def every_command(group: click.Command = main, before: str = "") -> dict[str, click.Command]:
    """Each command by its whole name: those of a group as "audit verify"."""
    if not isinstance(group, click.Group):
        return {before.strip(): group}
    context = click.Context(group)
    found = ((f"{before}{name} ", group.get_command(context, name)) for name in group.list_commands(context))
    return {name: command for path, each in found if each for name, command in every_command(each, path).items()}


def test_the_commands_of_the_page_are_those_of_the_program() -> None:
    page = (ROOT / "docs" / "running.md").read_text("utf-8")
    commands = every_command()
    names = "|".join(sorted(commands, key=len, reverse=True))
    rows = re.findall(r"^\| `(?!flowengine)([^`]*)`", page.partition("## Environment")[0], re.M)
    described = {m[0]: row[m.end() :] for row in rows if (m := re.match(names, row))}
    assert len(described) == len(rows)
    assert set(described) == set(commands)
    for name, rest in described.items():
        options = {opt for p in commands[name].params if isinstance(p, click.Option) for opt in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) == {o for o in options if o.startswith("--")}, name


def test_the_environment_of_the_page_is_that_of_the_program() -> None:
    page = (ROOT / "docs" / "running.md").read_text("utf-8")
    for field in fields(Settings):
        assert field.name.upper() in page, field.name
    with pytest.raises(SettingsError, match="did you mean FLOWENGINE_DESK_URL"):
        read_settings({"FLOWENGINE_DESK_ULR": "https://x.example"})
    with pytest.raises(SettingsError, match=r"known are .*FLOWENGINE_SPOOL"):  # and nothing that is merely as long
        read_settings({"FLOWENGINE_PORT": "8000"})
    with pytest.raises(SettingsError, match="must be an address"):
        read_settings({"FLOWENGINE_PUBLIC_URL": "phone"})
    with pytest.raises(SettingsError, match="must be one of"):
        read_settings({"FLOWENGINE_LOG_LEVEL": "loud"})


def test_the_meters_of_the_page_are_those_of_the_program() -> None:
    page = (ROOT / "docs" / "running.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(flowengine_\w+?)(?:_total)?(?:\{.*\})?` \|", page, re.M))
    import_module("flowengine.cli.serve")  # some meters stand in the common registry, where their modules put them
    families = [*Meters().registry.collect(), *REGISTRY.collect()]
    assert told == {family.name for family in families if family.name.startswith("flowengine_")}


def test_links_for_people_lead_to_the_public_address_unless_said_otherwise() -> None:
    assert read_settings({"FLOWENGINE_PUBLIC_URL": "https://a.example/"}).desk_url == "https://a.example"
    assert read_settings({"FLOWENGINE_DESK_URL": "https://b.example"}).desk_url == "https://b.example"
    assert len(read_settings({}).secret_key) > 30
