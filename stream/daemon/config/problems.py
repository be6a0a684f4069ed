"""What is wrong with a configuration: all of it, a line for each thing, in the order of looking."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stream.records.errors import BadConfiguration

__all__ = ["Problems"]

MOST: Final = 100
"""How many are told; a file of another kind has no end of them."""


class Problems:
    """Collects what is wrong, by the key, variable or flag that says so."""

    def __init__(self, path: Path) -> None:
        """Begin with none; ``path`` is the file."""
        self.path = path
        self.lines: list[str] = []
        self.places: dict[str, str] = {}
        """The variable or flag that has set a key, where it was not the file."""
        self.bad_keys: set[str] = set()
        """Keys without a value that could be judged any further."""

    def note(self, key: str, message: str) -> None:
        """Note what is wrong with a key: what was found, and what was expected."""
        self.lines.append(f"{self.places.get(key, f'{self.path}: {key}')}: {message}")

    def note_bad(self, key: str, message: str) -> None:
        """Note that a key has no value that can be used; nothing more is said of it."""
        self.note(key, message)
        self.bad_keys.add(key)

    def is_good(self, *keys: str) -> bool:
        """Tell whether all of these keys have values that can be judged."""
        return self.bad_keys.isdisjoint(keys)

    def raise_all(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            BadConfiguration: something was.
        """
        lines = list(dict.fromkeys(self.lines))
        if len(lines) > MOST:
            lines[MOST:] = [f"{self.path}: {len(lines) - MOST} more"]
        if lines:
            raise BadConfiguration(*lines)
