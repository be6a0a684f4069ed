"""What state keeps for those who show figures elsewhere, and what moves with its checkpoints."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SavedSeries"]


class SavedSeries(NamedTuple):
    """A series as a state file keeps it: labels as JSON, counts as their digits.

    ``folded``: it has no counts of its own, what it counts is in the family's ``__other__``.
    """

    family: str
    labels: str
    accepted: str
    corrected: str
    folded: int
