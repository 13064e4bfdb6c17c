"""The reference pages say what the schema, the word lists and the codes say, and are not stale."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowengine.flow import source, words
from flowengine.flow.reference import FILLED, TABLES, TAKES, anchor, inline, language_page, part_at, takes
from flowengine.flow.reference_codes import codes_page
from tests.flow.office import FLOWS
from tests.flow.test_hover import WORDS

ROOT = FLOWS.parent
PAGE = language_page((FLOWS / "dental_office.yaml").read_text("utf-8"))


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the third level."""
    return dict(re.findall(r"^### (.+?)$(.*?)(?=^##|\Z)", page, re.M | re.S))


def rows(section: str) -> dict[str, list[str]]:
    found = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in found}


SECTIONS = sections(PAGE)


def parsed(text: str) -> Any:
    doc, found = source.parse(text, "page.yaml")
    assert doc is not None, found
    return doc.value


@pytest.mark.parametrize(("title", "place", "_block"), TABLES, ids=[title for title, _, _ in TABLES])
def test_a_table_has_every_word_of_its_block(title: str, place: str, _block: str) -> None:
    known = {*part_at(place).get("properties", {})}
    said = set(rows(SECTIONS[title]))
    if title == "departments":
        said |= set(rows(SECTIONS["transfer"])) - {"most_phones_rung"}
    if title.startswith("when_to_transfer"):
        said = {word for other, text in SECTIONS.items() if other.startswith("when_to_transfer") for word in rows(text)}
    assert known == said - {"mon … sun, mon-fri"}


def test_every_word_of_the_language_stands_in_a_table() -> None:
    said = {word for text in SECTIONS.values() for word in rows(text)}
    values = {"hang_up", "webhook", "sms", "email", "pattern"}  # told under "The values", or in their cell
    assert {path[-1] for path, _ in WORDS if not path[-1].startswith("^")} - said == values
    assert all(word in PAGE for word in values)


def test_a_row_says_what_is_needed_what_is_usual_and_what_it_means() -> None:
    assert rows(SECTIONS["office"])["name"][:2] == ["text", "**needed**"]
    takes, usual, meaning = rows(SECTIONS["transfer"])["ring_for"]
    assert (takes, usual) == ("[a length of time](#lengths-of-time)", "`20s`")
    assert "Default" not in meaning
    assert "How long each phone rings" in meaning
    assert rows(SECTIONS["The whole file"])["people"][1] == "**needed**, here or in a shared file"
    assert "**needed**" not in rows(SECTIONS["The whole file"])["hold"][1]


def test_what_a_word_takes_is_said_in_plain_words() -> None:
    for path, part in WORDS:
        said = takes(part, path[-1])
        assert said
        assert not re.search(r"string|object|array|\$|oneOf|anyOf", said.replace("${NAME}", "")), (path, said)
    named = {part["$ref"].rsplit("/", 1)[-1] for _, part in WORDS if "$ref" in part}
    assert named & set(TAKES) == set(TAKES) - {"argument", "delivery"}  # those two stand inside others


def test_every_link_of_the_page_leads_to_a_heading() -> None:
    headings = [anchor(title) for title in re.findall(r"^#+ (.+)$", PAGE, re.M)]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= set(headings)


def test_tables_are_tables() -> None:
    for line in PAGE.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5), line


def test_the_blocks_shown_are_those_of_the_example_office() -> None:
    example = parsed((FLOWS / "dental_office.yaml").read_text("utf-8"))
    shown = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    assert len(shown) > 10
    for block in shown:
        ((name, value),) = parsed(block).items()
        whole = example[name]
        assert value == (whole[: len(value)] if isinstance(whole, list) else {key: whole[key] for key in value})


@pytest.mark.parametrize(("path", "part"), WORDS, ids=["/".join(path) for path, _ in WORDS])
def test_an_example_is_written_as_a_file_would_have_it(path: tuple[str, ...], part: dict[str, Any]) -> None:
    for example in part.get("examples", ()):
        wanted = json.loads(json.dumps(example), parse_int=str)
        assert parsed(f"x: {inline(example)}")["x"] == _texts(wanted)


def _texts(value: Any) -> Any:
    """A value with `true` as the text a file has."""
    if isinstance(value, dict):
        return {key: _texts(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_texts(child) for child in value]
    return str(value).lower() if isinstance(value, bool) else value


def test_words_filled_in_are_all_explained() -> None:
    for name in FILLED:
        assert f"| `{{{name}}}` |" in PAGE


def test_the_word_lists_are_printed_whole() -> None:
    for word in words.STOP_WORDS | words.PERSON_WORDS | words.ASKING_VERBS | set(words.IRREGULARS):
        assert re.search(rf"\b{word}\b", PAGE), word


# ---- the codes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Story:
    severity: str = "error"
    says: str = "a department | that is not there"
    why: str = "Calls would go nowhere.\n"
    bad: str = "to: frontdesk\n"
    good: str = "to: front_desk\n"
    shared: Mapping[str, str] = field(default_factory=dict)


def test_a_code_has_its_line_and_its_story() -> None:
    page = codes_page({"unknown-department": Story(), "a-first": Story(severity="info", bad="", good="")})
    assert page.index("| [`a-first`](#a-first) | info |") < page.index("| [`unknown-department`]")
    assert "a department \\| that" in page
    assert "## unknown-department\n" in page
    assert "Not so:\n\n```yaml\nto: frontdesk\n```\n\nBut so:\n\n```yaml\nto: front_desk\n```" in page
    assert page.count("Not so:") == 1
    assert "**a department | that is not there.** (error)" in page


def test_what_nobody_sees_is_shown_and_files_that_belong_together_stand_together() -> None:
    page = codes_page({"a-tab": Story(bad="office:\n\tname: x\x07\n", shared={"other.yaml": "people: {}\n"})})
    assert "office:\n␉name: x␇\n" in page
    assert page.index("Not so:") < page.index("With `other.yaml`:\n\n```yaml\npeople: {}") < page.index("But so:")


def test_the_pages_under_docs_are_not_stale() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs", "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_page_is_noticed_and_written_again(tmp_path: Path) -> None:
    for name in ("flowengine", "schemas", "flows"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "docs").write_text((ROOT / "tools" / "docs").read_text("utf-8"), "utf-8")
    (tmp_path / "docs").mkdir()
    command: list[str | Path] = [sys.executable, tmp_path / "tools" / "docs"]
    assert subprocess.run([*command, "--check"], capture_output=True, timeout=60, check=False).returncode == 1
    assert not list((tmp_path / "docs").iterdir())
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    assert (tmp_path / "docs" / "language.md").read_text("utf-8") == PAGE
    assert subprocess.run([*command, "--check"], capture_output=True, timeout=60, check=False).returncode == 0
