"""Standard output as the place of a report: nothing goes there before all of it is made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stream.cli.standard_input import DASH
from stream.sinks.scratch import make_temporary_scratch

__all__ = ["is_standard_output", "send_file", "spool_report"]

CHUNK: Final = 1 << 18


def is_standard_output(path: Path) -> bool:
    """Tell whether a path stands for standard output."""
    return str(path) == DASH


@contextmanager
def spool_report(path: Path) -> Iterator[Path]:
    """Give a path, or for ``-`` that of a file that is there for as long, to be sent when whole.

    Raises:
        Unavailable: there is no room for it.
    """
    if not is_standard_output(path):
        yield path
        return
    scratch = make_temporary_scratch()
    try:
        yield scratch.path / "report.json"
    finally:
        scratch.remove()


def send_file(path: Path) -> None:
    """Write a file to standard output, byte by byte as it is; a reader may go away.

    Raises:
        Unavailable: standard output is closed or full.
    """
    sys.stdout.flush()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
