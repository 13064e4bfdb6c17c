"""The seal on the end of a trail: whoever can write the database but has no key cannot write the trail anew."""

from __future__ import annotations

from dataclasses import dataclass

from flowengine.store.chain import Head
from flowengine.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Seal:
    """A signature over where a trail ended. From line `first` on every line was written with a key at hand; that number
    grows when somebody takes the seal away."""

    first: int
    end: Head
    signature: str

    @classmethod
    def over(cls, vault: Vault, flow: str, first: int, end: Head) -> Seal:
        return cls(first, end, vault.sign(_words(flow, first, end)))

    @classmethod
    def read(cls, text: str) -> Seal | None:
        """As `text` tells it; None when it tells none."""
        match text.split(" "):
            case [first, lines, hash_, signature] if first.isdecimal() and lines.isdecimal():
                return cls(int(first), Head(int(lines), hash_), signature)
            case _:
                return None

    @property
    def text(self) -> str:
        return f"{self.first} {self.end.sequence} {self.end.hash} {self.signature}"

    def fits(self, vault: Vault, flow: str) -> bool:
        """Whether it was made with one of our keys, for this trail."""
        return vault.signed(_words(flow, self.first, self.end), self.signature)


def _words(flow: str, first: int, end: Head) -> str:
    return f"accesses {flow}\n{first}\n{end.sequence}\n{end.hash}"
