"""Memory that is not given back piece by piece, as the process is about to end."""

from __future__ import annotations

from typing import Final

__all__ = ["expect_end", "leave_memory"]

LEFT: Final[list[object]] = []
"""What is left to the system. It holds itself: Python does not free it on its way out either."""


def expect_end() -> None:
    """Note that the process ends with the command that it runs."""
    LEFT.append(LEFT)


def leave_memory(held: object) -> None:
    """Leave something to the system, which takes all memory at once as the process ends.

    A replay has a tuple for each column of each window, and a twentieth of its time would go into
    freeing them. Where the process goes on they are freed as ever.
    """
    if LEFT:
        LEFT.append(held)
