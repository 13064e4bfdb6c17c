"""Data files are found in a checkout and in an installed wheel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowengine import resources


def test_a_checkout() -> None:
    assert json.loads(resources.schema_text())["title"]
    assert resources.template_dir("twiml").name == "twiml"


def test_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_data" / "templates" / "desk").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert resources.template_dir("desk") == tmp_path / "_data" / "templates" / "desk"
