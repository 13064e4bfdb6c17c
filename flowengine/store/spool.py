"""What the database has not taken, on the local disk: in order, each line safe when `put` returns, bounded.

A file a process, locked while it lives: what a dead one left is taken over by the next that starts.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

MOST_BYTES = 64 * 2**20  # reliability.md F27
_ENDING = ".lines"


class SpoolFull(Exception):
    """The line was not kept: there are too many already, or the disk takes no more."""


class Spool:
    """One file of lines. Its methods wait for the disk: call them in a thread, one at a time."""

    def __init__(self, file: int, path: Path, most: int) -> None:
        self._file, self.path, self._most = file, path, most
        self.size = os.fstat(file).st_size
        self._read = 0

    @classmethod
    def new(cls, folder: Path, most: int = MOST_BYTES) -> Spool:
        """Raises `SpoolFull` where no file can be made."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / f"{time.time_ns()}-{os.getpid()}{_ENDING}"
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            _lock(file)
            _to_disk(folder)
        except OSError as mistake:
            raise SpoolFull(mistake.strerror) from None
        return cls(file, path, most)

    @classmethod
    def left(cls, folder: Path) -> Iterator[Spool]:
        """What processes that are gone have left, oldest first. Raises `OSError` for a file that cannot be opened."""
        for path in sorted(folder.glob(f"*{_ENDING}")):
            file = os.open(path, os.O_RDWR)
            try:
                _lock(file)
            except BlockingIOError:  # its process lives
                os.close(file)
                continue
            yield cls(file, path, 0)

    def put(self, line: str) -> None:
        """On the disk when this returns, or not at all. Raises `SpoolFull`."""
        data = line.encode() + b"\n"
        if self.size + len(data) > self._most:
            raise SpoolFull("as large as it may become")
        try:
            if os.write(self._file, data) < len(data):
                raise OSError("only a part was written")
            os.fsync(self._file)
        except OSError as mistake:
            os.ftruncate(self._file, self.size)
            raise SpoolFull(mistake.strerror or str(mistake)) from None
        self.size += len(data)

    def front(self, most: int) -> tuple[list[str], int]:
        """The next lines, about `most` bytes of them, and where they end. A line that a dying process left torn was
        never promised to anybody."""
        os.lseek(self._file, self._read, os.SEEK_SET)
        data = os.read(self._file, most)
        while b"\n" not in data and (more := os.read(self._file, most)):
            data += more
        whole = data[: data.rfind(b"\n") + 1]
        return whole.decode("utf-8", "replace").split("\n")[:-1], self._read + len(whole)

    @property
    def over(self) -> bool:
        """Whether every line is done with."""
        return self._read >= self.size

    def done(self, until: int) -> None:
        """The lines up to there need not be kept any more."""
        self._read = until

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self._file)

    def leave(self) -> None:
        """For the next process."""
        os.close(self._file)


def _lock(file: int) -> None:
    """For this process. Raises `BlockingIOError` when another has it."""
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _to_disk(folder: Path) -> None:
    """The name of a new file, too."""
    if sys.platform == "win32":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
