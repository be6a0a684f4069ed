"""Standard input as a file: what is read more than once has to stand somewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from stream.records.errors import Unavailable

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
    with TemporaryDirectory(prefix="usage-stream-") as scratch:
        place = Path(scratch, "stdin")
        try:
            with place.open("xb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise Unavailable(f"standard input: cannot be read ({error.strerror})") from None
        yield place
