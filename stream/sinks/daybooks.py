"""What the days of a state file came to, which may be in use: as of one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from stream.figures.daybook import Daybook, StoredDaybook
from stream.intake.former import windows_in
from stream.state.objects import Objects
from stream.state.sqlite.inspection import Inspection

__all__ = ["NamedDaybook", "open_daybook"]


class NamedDaybook(NamedTuple):
    """What days came to, and the names of projects by their ids.

    ``is_behind``: days have changed, and what stands here is what they came to before.
    """

    daybook: Daybook
    names: Mapping[str, str]
    is_behind: bool = False


@contextmanager
def open_daybook(state: Path) -> Iterator[tuple[StoredDaybook, Mapping[str, str]]]:
    """Open a state file; days that have changed since they were worked out are worked out again.

    With it come the names of projects.

    Raises:
        BadInput: it is damaged.
        Unavailable: it cannot be read.
    """
    with closing(Inspection(state)) as store, store.hold_moment():
        saved = store.load_but_series()
        objects = Objects()
        objects.restore(saved.objects)
        former = saved.former_chains, store.replayed_former_chains
        daybook = StoredDaybook(store, windows_in(store, saved), *former)
        yield daybook, objects.project_names
