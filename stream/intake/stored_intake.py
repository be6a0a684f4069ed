"""What a state file has taken in, which is only read and may be in use: as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.records.tally import Tally
from stream.state.sqlite.inspection import Inspection

__all__ = ["open_stored_intake"]


@contextmanager
def open_stored_intake(state: Path, now: int) -> Iterator[Intake]:
    """Open a state file as an intake that takes nothing in; its walks are judged.

    ``now`` is the clock, in Unix seconds. A walk of which pages are still to come is not whole.

    Raises:
        BadInput: it is damaged.
        Unavailable: it cannot be read.
    """
    with closing(Inspection(state)) as store, store.hold_moment():
        intake = Intake(Rules(), Tally(), lambda: now, store=store)
        intake.standing.judge_all()
        yield intake
