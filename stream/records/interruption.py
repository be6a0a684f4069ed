"""A signal that has come, and what it may break off at once: work that only reads.

The event loop has no turn while a page is decoded, and a page may have hundreds of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stream.records.errors import Interrupted

__all__ = ["INTERRUPTION", "Interruption"]


class Interruption:
    """The first signal that came since somebody began to listen; 0: none did.

    Whoever listens notes signals. Only the main thread may allow to be broken off, as it is the
    one that signals come to.
    """

    def __init__(self) -> None:
        """Start without a signal."""
        self.signal_number = 0
        self._is_allowed = False

    def forget(self) -> None:
        """Know of no signal any more."""
        self.signal_number, self._is_allowed = 0, False

    def note(self, number: int) -> None:
        """Note a signal.

        Raises:
            Interrupted: it is the first, and what runs may be broken off.
        """
        if not self.signal_number:
            self.signal_number = number
            if self._is_allowed:
                raise Interrupted(number)

    @contextmanager
    def allow(self) -> Iterator[None]:
        """Let a signal break off what is done meanwhile: nothing is changed by it.

        Raises:
            Interrupted: a signal comes, or has come.
        """
        if self.signal_number:
            raise Interrupted(self.signal_number)
        before, self._is_allowed = self._is_allowed, True
        try:
            yield
        finally:
            self._is_allowed = before

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """Let nothing break off what is done meanwhile, though it may be before and after.

        Raises:
            Interrupted: a signal came meanwhile.
        """
        before, self._is_allowed = self._is_allowed, False
        try:
            yield
        finally:
            self._is_allowed = before
        if before and self.signal_number:
            raise Interrupted(self.signal_number)


INTERRUPTION: Final = Interruption()
"""That of this process: signals are a process' own."""
