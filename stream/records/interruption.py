"""A signal that has come, and what it may break off at once: work that only reads.

The event loop has no turn while a page is decoded, and a page may have hundreds of megabytes.
"""

from __future__ import annotations

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
        self.is_allowed = False
        """Whether what runs may be broken off."""

    def forget(self) -> None:
        """Know of no signal any more."""
        self.signal_number, self.is_allowed = 0, False

    def note(self, number: int) -> None:
        """Note a signal.

        Raises:
            Interrupted: it is the first, and what runs may be broken off.
        """
        if not self.signal_number:
            self.signal_number = number
            if self.is_allowed:
                self.is_allowed = False  # it may come before the end of a block has its turn
                raise Interrupted(number)

    def allow(self) -> Allowance:
        """Let a signal break off what is done meanwhile: nothing is changed by it.

        Raises:
            Interrupted: a signal comes, or has come.
        """
        return Allowance(self, is_allowed=True)

    def suspend(self) -> Allowance:
        """Let nothing break off what is done meanwhile, though it may be before and after.

        Raises:
            Interrupted: a signal came meanwhile.
        """
        return Allowance(self, is_allowed=False)


class Allowance:
    """Whether what is done meanwhile may be broken off, and what held before holds again.

    It is no generator: those take several times as long, and each page has two.
    """

    __slots__ = ("_before", "_interruption", "_is_allowed")

    def __init__(self, interruption: Interruption, *, is_allowed: bool) -> None:
        """Begin with nothing."""
        self._interruption = interruption
        self._is_allowed = is_allowed

    def __enter__(self) -> None:
        """Begin; a signal that has come breaks off here what may be broken off.

        Raises:
            Interrupted: one has come.
        """
        known = self._interruption
        if self._is_allowed and known.signal_number:
            raise Interrupted(known.signal_number)
        self._before, known.is_allowed = known.is_allowed, self._is_allowed

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """End; what could not be broken off is broken off here, unless an error has.

        Raises:
            Interrupted: a signal came meanwhile.
        """
        known, before = self._interruption, self._before
        known.is_allowed = before
        if before and error is None and not self._is_allowed and known.signal_number:
            raise Interrupted(known.signal_number)


INTERRUPTION: Final = Interruption()
"""That of this process: signals are a process' own."""
