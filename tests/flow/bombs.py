"""Files made to hurt a reader, and the one code each is refused with."""

from __future__ import annotations

from itertools import pairwise

_LETTERS = "abcdefghi"
_NINE_FOLD = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in pairwise(_LETTERS)
)

BOMBS: dict[str, tuple[bytes, str]] = {
    "nested aliases": (_NINE_FOLD.encode(), "yaml-anchor"),
    "aliases in a line": (b"a: &a [x]\nb: [" + b"*a," * 20_000 + b"*a]\n", "yaml-anchor"),
    "recursive anchor": (b"a: &x [*x]\n", "yaml-anchor"),
    "recursive anchors": (b"a: &a {b: &b {c: *a, d: *b}}\n", "yaml-anchor"),
    "merge keys": (b"a: &a {x: 1}\nb:\n  <<: *a\n  <<: [*a, *a]\n", "yaml-anchor"),
    "brackets": (b"[" * 100_000, "too-deep"),
    "closed brackets": (b"[" * 50_000 + b"]" * 50_000, "too-deep"),
    "braces": (b"{a: " * 5_000, "too-deep"),
    "dashes": (b"- " * 50_000, "too-deep"),
    "questions": (b"? " * 50_000, "bad-key"),
    "steps": ("".join(" " * i + "a:\n" for i in range(1_000)).encode(), "too-deep"),
    "a long line": (b"flow: " + b"x" * 900_000, "missing-key"),
    "two megabytes": (b"a: " + b"x" * 2_000_000, "too-big"),
    "two megabytes of lines": (b"a: 1\n" * 400_000, "too-big"),
    "many values": (b"a: [" + b"1," * 250_000 + b"1]", "too-big"),
    "python object": (b"a: !!python/object/apply:os.system [ls]\n", "yaml-tag"),
    "python name": (b"!!python/name:os.system\n", "yaml-tag"),
    "nul": (b"a: \0\n", "bad-character"),
    "escape": (b"a: \x1b[31m\n", "bad-character"),
    "lone surrogate": (b"a: \xed\xa0\x80\n", "not-utf8"),
    "not text": (bytes(range(128, 256)), "not-utf8"),
    "utf-16": ("a: 1\n".encode("utf-16"), "not-utf8"),
    "utf-16 without mark": ("a: 1\n".encode("utf-16-le"), "bad-character"),
    "latin-1": ("a: café\n".encode("latin-1"), "not-utf8"),
    "empty": (b"", "empty-file"),
    "only a mark": (b"\xef\xbb\xbf", "empty-file"),
    "only a comment": (b"# nothing\n", "empty-file"),
    "two documents": (b"flow: a\n---\nflow: b\n", "second-document"),
    "directive": (b"%YAML 9.9\n---\na: 1\n", "yaml-syntax"),
    "long key": (b"flow: a\n? " + b"k" * 5_000 + b"\n: 1\n? [x]\n: 2\n", "bad-key"),
    "alias for a key": (b"*a : 1\n", "yaml-alias"),
    "groups for keys": (b"{{a: [b]}: c, d: e}: f\n", "bad-key"),
    "endless quote": (b"a: '" + b"x\n" * 100_000, "quotes"),
    "tabs": (b"a:\n" + b"\tb: 1\n" * 50_000, "tab"),
    "duplicates of nothing": (b"? \n" * 10, "not-a-flow"),
    "deep json": (b'{"a":' * 3_000 + b"1" + b"}" * 3_000, "too-deep"),
    "a zip": (b"PK\x03\x04\x00\x00", "bad-character"),
}
