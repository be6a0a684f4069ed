"""The keyed state is a join-semilattice over snapshots, and accounts for every row."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.records.chains import Chain
from stream.records.windows import Bucket, Outcomes, Slot, Snapshot, Window
from stream.state import dedupe
from stream.state.windows import KeyedState

CHAIN = Chain("usage/vector_stores", "primary")
WINDOWS = [Window(0, 60), Window(60, 120)]
Row: TypeAlias = tuple[Any, ...]
"""Project, unknown dimensions, bytes, unknown counters."""
State: TypeAlias = dict[Slot, tuple[int, dict[Row, Row], frozenset[Row]]]


class Delivery(NamedTuple):
    """A bucket as it was delivered, and the revision of the walk that brought it."""

    bucket: Bucket
    revision: int


def bucket(*rows: Row, window: Window = WINDOWS[0], rollup: bool = False) -> Bucket:
    """Arrange rows as columns."""
    columns = tuple(zip(*rows, strict=True)) or ((), (), (), ())
    return Bucket(window, len(rows), columns[:2], columns[2:], rollup)


def row(project: str | None, amount: int | None, unknown: Any = None) -> Row:
    """Make a row with a project and one counter, and perhaps unknown counters."""
    return project, None, amount, unknown


def pairs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Make what the registry does not know: sorted pairs, or nothing."""
    some = st.dictionaries(st.sampled_from(["x", "y"]), values, min_size=1)
    return st.one_of(st.none(), some.map(lambda found: tuple(sorted(found.items()))))


AMOUNTS = st.one_of(st.none(), st.integers(0, 3))
ROWS = st.tuples(
    st.sampled_from([None, "a", "b"]), pairs(st.booleans()), AMOUNTS, pairs(st.integers(0, 3))
)
FIGURES = st.tuples(AMOUNTS, pairs(st.integers(0, 3)))
BUCKETS = st.builds(
    lambda rows, window, rollup: bucket(*rows, window=window, rollup=rollup),
    st.lists(ROWS, max_size=4),
    st.sampled_from(WINDOWS),
    st.booleans(),
)
DELIVERIES = st.builds(Delivery, BUCKETS, st.integers(0, 2))
MANY = st.lists(DELIVERIES, max_size=6)
UNIQUE = st.lists(ROWS, min_size=2, max_size=6, unique_by=lambda one: one[:2])


def shown(state: KeyedState) -> State:
    """Show a state without the order of its rows."""
    return {slot: contents(snapshot) for (_, slot), snapshot in state.snapshots.items()}


def contents(snapshot: Snapshot) -> tuple[int, dict[Row, Row], frozenset[Row]]:
    """Show a snapshot: its revision, figures by identity, and collisions."""
    identities = list(zip(*snapshot.dimensions, strict=True))
    figures = list(zip(*snapshot.counters, strict=True))
    assert len(set(identities)) == len(identities) == len(figures)
    return snapshot.revision, dict(zip(identities, figures, strict=True)), snapshot.collisions


def taken(*deliveries: Delivery) -> tuple[KeyedState, list[Outcomes]]:
    """Deliver buckets to a new state."""
    state = KeyedState()
    return state, [state.take(CHAIN, one.bucket, one.revision) for one in deliveries]


def again(state: KeyedState) -> list[Delivery]:
    """Deliver a state's snapshots as buckets."""
    return [
        Delivery(
            Bucket(slot.window, one.rows, one.dimensions, one.counters, slot.rollup), one.revision
        )
        for (_, slot), one in state.snapshots.items()
    ]


def figures(state: KeyedState) -> dict[Slot, tuple[int, dict[Row, Row]]]:
    """Show a state without its collisions, which only a delivery as it was made can tell."""
    return {slot: found[:2] for slot, found in shown(state).items()}


@given(MANY.flatmap(lambda many: st.tuples(st.just(many), st.permutations(many))))
def test_order_does_not_matter(both: tuple[list[Delivery], list[Delivery]]) -> None:
    """Merging is commutative: deliveries in any order give the same state."""
    assert shown(taken(*both[0])[0]) == shown(taken(*both[1])[0])


@given(MANY, MANY, MANY)
def test_grouping_does_not_matter(
    first: list[Delivery], second: list[Delivery], third: list[Delivery]
) -> None:
    """Merging is associative: joining with a state that was joined before gives the same."""
    left = taken(*again(taken(*first, *second)[0]), *third)[0]
    right = taken(*first, *again(taken(*second, *third)[0]))[0]
    assert figures(left) == figures(right) == figures(taken(*first, *second, *third)[0])


@given(MANY)
def test_repetition_does_not_matter(many: list[Delivery]) -> None:
    """Merging is idempotent: whatever comes again, in whatever pieces, changes nothing."""
    once, twice = taken(*many)[0], taken(*many, *many)[0]
    assert shown(once) == shown(twice)
    for one in again(once):
        assert twice.take(CHAIN, one.bucket, one.revision) == Outcomes(duplicate=one.bucket.rows)
    assert shown(once) == shown(twice)


@given(MANY)
def test_outcomes_add_up_to_the_rows(many: list[Delivery]) -> None:
    """Every delivered row has exactly one outcome."""
    for delivery, outcomes in zip(many, taken(*many)[1], strict=True):
        assert sum(outcomes) == delivery.bucket.rows
        assert min(outcomes) >= 0


@given(MANY)
def test_state_is_the_naive_one(many: list[Delivery]) -> None:
    """Each window holds the rows of its latest revision, each with its counters' maximum."""
    wanted: dict[Slot, tuple[int, dict[Row, Row]]] = {}
    for found, revision in sorted(many, key=lambda one: one.revision):
        slot = Slot(found.window, found.rollup)
        if wanted.setdefault(slot, (revision, {}))[0] < revision:
            wanted[slot] = (revision, {})
        rows = wanted[slot][1]
        for one in zip(*found.dimensions, *found.counters, strict=True):
            rows[one[:2]] = joined(rows.get(one[:2], (None, None)), one[2:])
    assert figures(taken(*many)[0]) == wanted


def joined(old: Row, new: Row) -> Row:
    """Join two rows' counters the slow way."""
    known = [value for value in (old[0], new[0]) if value is not None]
    both = [*(old[1] or ()), *(new[1] or ())]
    unknown = {name: max(v for n, v in both if n == name) for name, _ in both}
    return max(known, default=None), tuple(sorted(unknown.items())) or None


def test_a_later_revision_replaces_the_window() -> None:
    """Rows that vanished are gone, figures that fell have fallen, and each row says so."""
    state, outcomes = taken(
        Delivery(bucket(row("a", 5), row("b", 5), row("c", 5)), 1),
        Delivery(bucket(row("a", 5), row("b", 2), row("d", 1)), 2),
    )
    assert outcomes == [Outcomes(new=3), Outcomes(new=1, revised=1, duplicate=1)]
    assert contents(state.snapshots[CHAIN, Slot(WINDOWS[0], rollup=False)])[:2] == (
        2,
        {("a", None): (5, None), ("b", None): (2, None), ("d", None): (1, None)},
    )


@given(UNIQUE.flatmap(lambda rows: st.tuples(st.just(rows), *[FIGURES] * len(rows))))
def test_the_order_of_a_later_revision_does_not_matter(drawn: tuple[Any, ...]) -> None:
    """Rows in the order that the window has are judged as those in another order are."""
    before, *figures_after = drawn
    after = [(*old[:2], *new) for old, new in zip(before, figures_after, strict=True)]
    first = Delivery(bucket(*before), 1)
    ordered, outcomes = taken(first, Delivery(bucket(*after), 2))
    reversed_, expected = taken(first, Delivery(bucket(*reversed(after)), 2))
    assert outcomes == expected
    assert shown(ordered) == shown(reversed_)


def test_only_a_later_revision_with_other_rows_is_taken_row_by_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later revision of the same rows is compared by columns, with collisions or without."""
    state, _ = taken(Delivery(bucket(row("a", 1), row("b", 2), row("a", 3)), 1))
    asked: list[Bucket] = []
    unite = dedupe.unite_rows

    def unite_and_note(held: Any, found: Bucket, revision: int) -> Any:
        asked.append(found)
        return unite(held, found, revision)

    monkeypatch.setattr(dedupe, "unite_rows", unite_and_note)
    same = bucket(row("a", 3), row("b", 1))
    assert state.take(CHAIN, same, 2) == Outcomes(revised=1, duplicate=1)
    assert not asked
    (held,) = state.snapshots.values()
    assert contents(held) == (2, {("a", None): (3, None), ("b", None): (1, None)}, frozenset())
    doubled = bucket(row("a", 3), row("b", 1), row("b", 2))
    assert state.take(CHAIN, doubled, 3) == Outcomes(revised=2, duplicate=1)
    assert asked == [doubled]


def test_an_earlier_revision_is_superseded() -> None:
    """Rows of an earlier revision change nothing, not even those that no later one has."""
    late = Delivery(bucket(row("a", 1)), 2)
    state, outcomes = taken(late, Delivery(bucket(row("a", 9), row("b", 9)), 1))
    assert outcomes[1] == Outcomes(superseded=2)
    assert shown(state) == shown(taken(late)[0])


def test_an_empty_revision_empties_the_window() -> None:
    """A later revision without rows leaves a window without rows, which is still a window."""
    state, outcomes = taken(Delivery(bucket(row("a", 1)), 0), Delivery(bucket(), 1))
    assert outcomes[1] == Outcomes()
    assert figures(state) == {Slot(WINDOWS[0], rollup=False): (1, {})}


def test_growth_is_told_from_repetition() -> None:
    """A re-delivery's rows are duplicates, and revised where a counter grew or came to be known."""
    first = bucket(row("a", 5), row("b", None), row("c", 5), row("d", 5))
    second = bucket(row("a", 5), row("b", 0), row("c", 4), row("d", 5, (("x", 1),)))
    _, outcomes = taken(Delivery(first, 0), Delivery(second, 0), Delivery(second, 0))
    assert outcomes[1:] == [Outcomes(duplicate=2, revised=2), Outcomes(duplicate=4)]


def test_a_window_that_grows_holds_the_texts_of_the_page() -> None:
    """A decoder shares texts between windows; those that came back from a store are its own."""
    grown = bucket(row("a", 2), row("b", 2))
    state, _ = taken(Delivery(bucket(row("a", 1), row("b", 2)), 0), Delivery(grown, 0))
    (held,) = state.snapshots.values()
    assert held.dimensions is grown.dimensions


def test_rows_that_contradict_each_other_are_kept_in_mind() -> None:
    """Two rows of one identity in one bucket collide if they differ, and only then."""
    same = bucket(row("a", 5), row("a", 5))
    state, outcomes = taken(Delivery(same, 0), Delivery(bucket(row("a", 6)), 0))
    assert outcomes == [Outcomes(new=1, duplicate=1), Outcomes(revised=1)]
    slot = Slot(WINDOWS[0], rollup=False)
    assert state.snapshots[CHAIN, slot].collisions == frozenset()
    state.take(CHAIN, bucket(row("a", 1), row("a", 2)))
    assert state.snapshots[CHAIN, slot].collisions == {("a", None)}
    assert contents(state.snapshots[CHAIN, slot])[1] == {("a", None): (6, None)}


def test_rollups_and_labels_are_kept_apart() -> None:
    """Rollups, labels and windows have their own place, and do not merge with each other."""
    state = KeyedState()
    for chain in (CHAIN, Chain(CHAIN.endpoint, "other")):
        for rollup in (False, True):
            for window in WINDOWS:
                made = bucket(row("a", 1), window=window, rollup=rollup)
                assert state.take(chain, made) == Outcomes(new=1)
    assert len(state.snapshots) == 8
