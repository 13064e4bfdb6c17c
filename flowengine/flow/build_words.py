"""Spoken lines: one text, or one text a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowengine.flow.model import Spoken


@dataclass(frozen=True, slots=True)
class Say:
    """Turns a value of the file into a Spoken; `language` is the one calls begin in."""

    language: str

    def __call__(self, value: str | Mapping[str, str] | None, usual: str) -> Spoken:
        """The line, or the usual one when the file gives none."""
        if value is None:
            return Spoken(usual)
        if isinstance(value, str):
            return Spoken(value)
        return Spoken(value[self.language], {name: text for name, text in value.items() if name != self.language})
