"""The texts that rows have had, as far as they are few: decoded as the very objects known of old.

A row names its project, its model and its key in texts that all other rows have too. Once they are
known, msgspec looks each up while it decodes, as one of a ``Literal``: no text is made that would
then have to be made canonical, and compared. A page with another text is decoded as before, and
what it says is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from stream.records.windows import Column

__all__ = ["KnownTexts", "TextsByField"]

MOST: Final = 1_024
"""How many texts a field may have to be looked up; of more it pays no longer."""
FIRST: Final = 512
"""After how many rows that are learned from texts are looked up for the first time."""
NO_TEXTS: Final = (None, True, False)
"""What else may stand where a text does."""
TextsByField: TypeAlias = Mapping[str, tuple[str, ...]]


class KnownTexts:
    """Learns the texts of some fields, from rows that were decoded without knowing them.

    A field counts that has had canonical texts alone, and not too many.
    """

    def __init__(self, fields: Iterable[str]) -> None:
        """Know no text of these fields."""
        self._texts: dict[str, dict[Any, None]] = {name: {} for name in fields}
        self._rows = 0
        self._wanted = FIRST

    @property
    def fields(self) -> list[str]:
        """The fields that are worth while learning."""
        return [*self._texts]

    def learn(self, rows: int, columns: Mapping[str, tuple[Column, Column]]) -> None:
        """Learn from so many rows; of each field's column there is what came, and its canon."""
        self._rows += rows
        for name, (found, canonical) in columns.items():
            texts = self._texts[name]
            texts.update(dict.fromkeys(canonical))
            for one in NO_TEXTS:
                texts.pop(one, None)
            if len(texts) > MOST or found != canonical:
                del self._texts[name]

    @property
    def is_due(self) -> bool:
        """Whether enough rows were learned from for texts to be looked up, once more."""
        return self._rows >= self._wanted

    def take_stock(self) -> TextsByField:
        """Return what is known; the next time takes twice as many rows, so that it is seldom."""
        self._rows, self._wanted = 0, self._wanted * 2
        return {name: tuple(texts) for name, texts in self._texts.items()}
