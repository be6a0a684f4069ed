"""A process that holds a capture open and writes to it, as a collector does for months."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

WRITE: Final = """
import os, sys
flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if sys.argv[2] == "append" else 0)
file = os.open(sys.argv[1], flags, 0o600)
for told in sys.stdin.buffer:
    if told == b"reopen\\n":
        os.close(file)
        file = os.open(sys.argv[1], flags, 0o600)
    else:
        os.write(file, bytes.fromhex(told.decode()))
    sys.stdout.write("done\\n")
    sys.stdout.flush()
"""


class Writer:
    """A process that has ``path`` open to write."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Speak to a process that was started."""
        self._process = process

    def _tell(self, words: bytes) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"done\n"

    def write(self, content: bytes) -> None:
        """Write to the file that is open, wherever it stands by now."""
        self._tell(content.hex().encode())

    def reopen(self) -> None:
        """Let go of the file, and open the one of that name; it is made if it is not there."""
        self._tell(b"reopen")


@contextmanager
def writer(path: Path, *, appends: bool = True) -> Iterator[Writer]:
    """Run a process that holds a file open; unless it ``appends`` it keeps an offset of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), "append" if appends else "write"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield Writer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
