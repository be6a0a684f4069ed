"""Every error that usage-stream raises on purpose, with the exit code it ends a command with.

::

    UsageStreamError            70  a bug, unless a subclass says otherwise
    ├── BadInput                65  a page, chain or checksum that cannot be trusted
    ├── Unavailable             69  a source or a store that cannot be reached or written
    ├── KeyRefused              77  the provider refuses the key
    ├── BadConfiguration        78  a setting that is unknown, of the wrong type, or unsafe
    └── Interrupted            130  SIGINT (143: SIGTERM, 129: SIGHUP) ended a replay

Exit code 1 is no error: the report is whole, and names what does not hold. Exit code 2 is the
command line's own.
"""

from __future__ import annotations

from typing import ClassVar, Final

__all__ = [
    "NO_REPORT",
    "BadConfiguration",
    "BadInput",
    "Interrupted",
    "KeyRefused",
    "Unavailable",
    "UsageStreamError",
    "first_of",
]


NO_REPORT: Final = "no report was written"


class UsageStreamError(Exception):
    """Raised when the program itself is wrong; report it with the line that it printed."""

    exit_code: ClassVar[int] = 70


class BadInput(UsageStreamError):
    """Raised when a page or a chain cannot be trusted; mend or remove the file that it names.

    ``reason`` is a short word for metrics and dead letters, ``path`` the JSON path inside the page
    (``None`` when the whole file is meant), ``place`` the file and its place in the chain.
    """

    exit_code: ClassVar[int] = 65

    def __init__(self, reason: str, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.path = path
        self.place: str | None = None

    def __str__(self) -> str:
        """Give the whole line: file and page, JSON path, what was found and expected."""
        return ": ".join(part for part in (self.place, self.path, self.message) if part)

    def name_place(self, where: str) -> BadInput:
        """Name the file and the page that the error was found in; return the error itself."""
        self.place = where
        return self


class Unavailable(UsageStreamError):
    """Raised when a source or a store cannot be reached or written; trying again may help."""

    exit_code: ClassVar[int] = 69


class KeyRefused(UsageStreamError):
    """Raised when the provider does not accept the key; give one that it accepts."""

    exit_code: ClassVar[int] = 77


class BadConfiguration(UsageStreamError):
    """Raised when a configuration is wrong; mend the keys, variables or flags that it names.

    ``problems`` has a line for each.
    """

    exit_code: ClassVar[int] = 78

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Interrupted(UsageStreamError):
    """Raised when a signal ended a replay; run it again, nothing was left half-written."""

    def __init__(self, signal_number: int, remains: str = NO_REPORT) -> None:
        super().__init__(f"interrupted by signal {signal_number}; {remains}")
        self.signal_number = signal_number
        self.remains = remains


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of tasks."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
