"""Days that a replay keeps in a state file: nobody counts by them, and changed days are gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, folded_chain
from stream.records.errors import BadInput
from stream.records.tally import SavedTally
from stream.records.windows import Slot, Snapshot, Window
from stream.state.saved_series import SavedDay, SavedFigures, Span
from stream.state.saved_state import Checkpoint
from stream.state.sqlite.inspection import Inspection
from stream.state.sqlite.store import Store
from stream.state.windows import Fold, Place
from tests.support.pages import DAY, FIRST

KEY = "usage/completions"
CHAIN = Chain(KEY, "primary")
NOBODY = frozenset[Chain]()
ALL = Window(0, 1 << 40)


def span(first: int, last: int, key: str = KEY) -> Span:
    """Return some days from the first on."""
    return Span(key, Window(FIRST + first * DAY, FIRST + last * DAY))


KEPT = [
    SavedDay(span(0, 1), b"a"),
    SavedDay(span(1, 3), b"b"),
    SavedDay(span(4, 5), b"", is_empty=True),
]


def empty_window(day: int, chain: Chain = CHAIN) -> tuple[Place, Snapshot]:
    """Return an hour of a day, without rows."""
    entry, start = ENDPOINTS[KEY], FIRST + day * DAY
    empty = Snapshot(0, ((),) * (len(entry.dimensions) + 1), ((),) * (len(entry.counters) + 1))
    return (chain, Slot(Window(start, start + 3_600), rollup=False)), empty


def checkpoint(store: Store, *days: int, figures: SavedFigures | None = None) -> None:
    """Store windows of some days."""
    found = map(empty_window, days)
    store.save(Checkpoint({}, {}, (), (), found, {}, None, SavedTally(), figures))


def raise_revision(store: Store) -> None:
    """Have a window of the third day come again later, unchanged."""
    (place, _) = empty_window(2)
    store.save(Checkpoint({}, {}, (), (), (), {place: 7}, None, SavedTally()))


def fold(store: Store) -> None:
    """Fold a window of the third day."""
    (place, empty), folded = empty_window(2), (folded_chain(KEY, "primary"), empty_window(2)[0][1])
    store.fold([Fold([(folded, empty)], [place], 0)])


def count(store: Store) -> None:
    """Work out the third day as a daemon does, which joins it with no other."""
    figures = SavedFigures([], [SavedDay(span(2, 3), b"own")], [], NOBODY)
    checkpoint(store, figures=figures)


def take_shard(store: Store) -> None:
    """Take over what a worker has of the third day."""
    assert store.path is not None
    store.take_shards(["shard"])
    with closing(Store(store.path.with_name("shard"))) as shard:
        checkpoint(shard, 2)
    store.take_shards([])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a state file in which a replay has kept days."""
    with closing(Store(tmp_path / "state.db")) as found:
        checkpoint(found, 0, 1, 2, 4)
        found.keep_replayed(KEPT, NOBODY)
        yield found


def test_they_stand_beside_those_that_are_counted(store: Store) -> None:
    """They are found by time, and are no days of a daemon's: all of those are still to count."""
    assert list(store.replayed_days(KEY, ALL)) == KEPT
    assert list(store.replayed_days(KEY, span(2, 4).window)) == KEPT[1:2]
    assert list(store.replayed_days("costs", ALL)) == []
    assert store.replayed_spans(KEY, NOBODY) == {day.span for day in KEPT}
    assert list(store.days(KEY, ALL)) == []
    assert store.last_day(KEY) is None
    assert len(store.stale_spans(9)) == 4


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda store: checkpoint(store, 2), id="checkpoint"),
        pytest.param(lambda store: store.put_windows([empty_window(2)], {}), id="windows"),
        raise_revision,
        fold,
        count,
        take_shard,
    ],
)
def test_a_day_that_changes_is_kept_no_more(store: Store, change: Callable[[Store], None]) -> None:
    """Whatever changes a window, or works the day out, takes with it the days that it is of."""
    change(store)
    assert list(store.replayed_days(KEY, ALL)) == [KEPT[0], KEPT[2]]


def test_a_day_takes_the_place_of_those_that_it_joins(store: Store) -> None:
    """Where a window across midnight has come, several days are one."""
    joined = SavedDay(span(0, 2), b"c")
    store.keep_replayed([joined], NOBODY)
    assert list(store.replayed_days(KEY, ALL)) == [joined, KEPT[2]]


def test_other_former_chains_make_them_others(store: Store) -> None:
    """What was kept while other chains were former ones stands for nothing, and goes."""
    former = frozenset({CHAIN})
    assert store.replayed_spans(KEY, former) == set()
    store.keep_replayed(KEPT[:1], former)
    assert store.replayed_former_chains == former
    assert list(store.replayed_days(KEY, ALL)) == KEPT[:1]
    assert store.replayed_spans(KEY, NOBODY) == set()
    assert store.load().former_chains == NOBODY


def test_they_are_kept_all_or_none(store: Store) -> None:
    """What is broken off leaves those that were there."""

    def days() -> Iterator[SavedDay]:
        yield SavedDay(span(0, 3), b"c")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.keep_replayed(days(), frozenset({CHAIN}))
    assert list(store.replayed_days(KEY, ALL)) == KEPT
    assert store.replayed_former_chains == NOBODY


@pytest.mark.parametrize(
    "damage", ["UPDATE replayed_days SET sums = x'28b52ffd0400'", "DELETE FROM replayed_days"]
)
def test_what_is_damaged_is_named(store: Store, damage: str, tmp_path: Path) -> None:
    """A day that is not what was written is never shown, and a check finds it."""
    store.close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        database.execute(damage)
    with pytest.raises(BadInput), closing(Inspection(tmp_path / "state.db")) as found:
        found.check_whole()
