"""The parts of README.md that the benchmark writes: each between two comments with its name."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

__all__ = ["PICTURE", "README", "publish", "put"]

README: Final = Path(__file__).with_name("README.md")
PICTURE: Final = README.with_name("cost-curve.svg")


def publish(name: str, text: str, *, write: bool) -> None:
    """Print what was measured; ``write`` puts it into README.md too."""
    sys.stdout.write(f"{text}\n")
    if write:
        put(name, text)


def put(name: str, text: str, path: Path = README) -> None:
    """Replace a part.

    Raises:
        ValueError: the file has no such part.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    written, found = pattern.subn(lambda _: f"{start}\n{text}\n{end}", path.read_text("utf-8"))
    if found != 1:
        raise ValueError(f"{path} has {found} parts called {name}, expected one")
    path.write_text(written, "utf-8")
