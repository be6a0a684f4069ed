"""What the days of a state file came to, which may be in use: as of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from stream.figures.daybook import Daybook, StoredDaybook
from stream.figures.issues import chain_issues, view_issues
from stream.intake.account import Account
from stream.intake.former import windows_in
from stream.intake.standing import mark_standing
from stream.intake.walks import judge_all
from stream.records.chains import ChainSummary
from stream.state.links import group_links
from stream.state.objects import Objects
from stream.state.saved_state import SavedState
from stream.state.sqlite.inspection import Inspection
from stream.state.windows import Windows

__all__ = ["Faults", "NamedDaybook", "RecordedDays", "faults_of", "judge_stored", "open_daybook"]


class Faults(NamedTuple):
    """What does not hold of pages that were counted, in sentences: some are missing, or else."""

    gaps: list[str]
    other_faults: list[str]


class NamedDaybook(NamedTuple):
    """What days came to, the names of projects by their ids, and what does not hold.

    ``is_behind``: days have changed, and what stands here is what they came to before.
    """

    daybook: Daybook
    names: Mapping[str, str]
    faults: Faults
    is_behind: bool = False


class RecordedDays(NamedTuple):
    """What days came to, with their windows, the names of projects, and what does not hold."""

    daybook: StoredDaybook
    names: Mapping[str, str]
    faults: Faults


@contextmanager
def open_daybook(state: Path) -> Iterator[RecordedDays]:
    """Open a state file; days that have changed since they were worked out are worked out again.

    Raises:
        BadInput: it is damaged.
        Unavailable: it cannot be read.
    """
    with closing(Inspection(state)) as store, store.hold_moment():
        saved = store.load_but_series()
        objects = Objects()
        objects.restore(saved.objects)
        windows, faults = judge_stored(store, saved)
        former = saved.former_chains, store.replayed_former_chains
        daybook = StoredDaybook(store, windows, *former)
        yield RecordedDays(daybook, objects.project_names, faults)


def judge_stored(store: Inspection, saved: SavedState) -> tuple[Windows, Faults]:
    """Return the windows of a state file, and what does not hold of the pages that they are of.

    A walk of which pages are still to come is not whole.

    Raises:
        BadInput, Unavailable: the file cannot be read.
    """
    account = Account()
    account.restore(saved.parts, counted=True)
    windows = windows_in(store, saved, account)
    runs = account.summaries()
    mark_standing(runs, dict(judge_all(group_links(store.links()))), wait=False)
    return windows, faults_of(runs, windows, store.losses)


def faults_of(runs: Iterable[ChainSummary], windows: Windows, losses: Iterable[str] = ()) -> Faults:
    """Name what does not hold of chains, and what a state file has ``losses`` of.

    What only figures tell (rollups that are short, rows that contradict each other) is not in it.
    """
    gaps: list[str] = []
    others: list[str] = []
    for run in runs:
        (gaps if run.partial else others).extend(chain_issues([run]))
    return Faults(gaps, [*others, *view_issues(windows), *losses])
