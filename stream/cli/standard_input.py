"""Standard input as a file: what is read more than once has to stand somewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stream.records.errors import Unavailable
from stream.sinks.scratch import make_temporary_scratch

__all__ = ["DASH", "spool_input"]

DASH: Final = "-"


@contextmanager
def spool_input(path: Path) -> Iterator[Path]:
    """Give a path, or for ``-`` a file that has what stood on standard input, for as long.

    Raises:
        Unavailable: standard input cannot be read, or there is no room for it.
    """
    if str(path) != DASH:
        yield path
        return
    scratch = make_temporary_scratch()
    try:
        place = scratch.path / "stdin"
        try:
            with place.open("xb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise Unavailable(f"standard input: cannot be read ({error.strerror})") from None
        yield place
    finally:
        scratch.remove()
