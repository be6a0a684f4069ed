"""Samples in order, however many there are: SQLite sorts them in a scratch file, and not in memory.

Nobody else sees the file, and nothing of it is left when it is closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from stream.records.errors import Unavailable

__all__ = ["Sample", "SampleSorter"]

MEMORY: Final = 8_192
"""About how many kibibytes SQLite sorts in memory."""
END: Final = "\0"
"""What ends a label; inside of one it is escaped, in a way that keeps the order."""


class Sample(NamedTuple):
    """A number at a time, in Unix seconds: of a family by its rank, and of labels."""

    family: int
    labels: tuple[str, ...]
    time: int
    number: str


class SampleSorter:
    """Takes samples in any order, and gives them back by family, labels and time.

    Labels are in the order of their code points; a family has always as many of them.
    """

    def __init__(self) -> None:
        """Start with none.

        Raises:
            Unavailable: there is no room for a scratch file.
        """
        with scratch_errors():
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._database.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; "
                f"PRAGMA cache_size = -{MEMORY}; "
                "CREATE TABLE samples (family INTEGER, labels TEXT, time INTEGER, number TEXT);"
            )

    def close(self) -> None:
        """Let go of all of it."""
        self._database.close()

    def take(self, samples: Iterable[Sample]) -> None:
        """Take samples.

        Raises:
            Unavailable: there is no room for them.
        """
        rows = ((one[0], pack_labels(one[1]), one[2], one[3]) for one in samples)
        with scratch_errors():
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def sort(self) -> Iterator[Sample]:
        """Yield all samples in order.

        Raises:
            Unavailable: there is no room to sort them.
        """
        packed, labels = None, tuple[str, ...]()
        with scratch_errors():
            found = self._database.execute("SELECT * FROM samples ORDER BY family, labels, time")
            for family, text, time, number in found:
                if text != packed:
                    packed, labels = text, unpack_labels(text)
                yield Sample(family, labels, time, number)


def pack_labels(labels: tuple[str, ...]) -> str:
    """Return labels as one text; texts are in the order that the labels are in."""
    return END.join(one.replace("\1", "\1\2").replace(END, "\1\1") for one in labels)


def unpack_labels(text: str) -> tuple[str, ...]:
    """Return the labels of a text."""
    return tuple(one.replace("\1\1", END).replace("\1\2", "\1") for one in text.split(END))


@contextmanager
def scratch_errors() -> Iterator[None]:
    """Say that there is no room for a scratch file.

    Raises:
        Unavailable: that was so.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(
            f"scratch file for sorting: cannot be used ({error}); TMPDIR says where it is"
        ) from None
