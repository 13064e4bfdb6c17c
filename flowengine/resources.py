"""Finds the schema and the templates, in a checkout or in an installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """`schemas/` or `templates/`: package data of a wheel (`flowengine/_data/`), else beside the package."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


@cache
def schema_text() -> str:
    """The JSON Schema of the flow language."""
    return (_folder("schemas") / "flow.schema.json").read_text(encoding="utf-8")


def template_dir(name: Literal["twiml", "desk", "audit"]) -> Path:
    """The folder of one kind of template."""
    return _folder("templates") / name


def example_flow(key: str) -> Path:
    """The file of an example office that comes with flowengine."""
    return _folder("flows") / f"{key}.yaml"
