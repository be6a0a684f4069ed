"""Standard output as the place of a report: nothing goes there before all of it is made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from stream.cli.standard_input import DASH
from stream.sinks.scratch import make_temporary_scratch

__all__ = ["ReportPlace", "send_file", "spool_report"]

CHUNK: Final = 1 << 18


class ReportPlace(Struct, frozen=True):
    """Where a report is made; one that ``is_sent`` goes to standard output when it is whole."""

    path: Path
    is_sent: bool

    @property
    def lasting_path(self) -> Path | None:
        """Where it is afterwards, if anywhere."""
        return None if self.is_sent else self.path


@contextmanager
def spool_report(path: Path) -> Iterator[ReportPlace]:
    """Give where a report is made: at a path, or for ``-`` in a file that is there for as long.

    Raises:
        Unavailable: there is no room for it.
    """
    if str(path) != DASH:
        yield ReportPlace(path, is_sent=False)
        return
    scratch = make_temporary_scratch()
    try:
        yield ReportPlace(scratch.path / "report.json", is_sent=True)
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
