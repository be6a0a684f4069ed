"""Incremental dedupe: buckets merge into keyed state, and nothing counts twice.

A window holds a :class:`Snapshot`, whose rows are kept as columns. It is a join-semilattice: a
later revision replaces, at equal revisions rows unite and each counter keeps its maximum. So pages
may come again, late, or in any order, and give the same state (:mod:`stream.state.windows` keeps
it).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq, ge
from typing import Any, Final

from stream.records.windows import (
    Bucket,
    Column,
    Identity,
    Outcomes,
    Snapshot,
    larger_value,
    pair_rows,
)

__all__ = ["has_fallen", "merge_bucket"]


EMPTY: Final = Snapshot(0, (), ())


def has_fallen(snapshot: Snapshot, bucket: Bucket | None, *, sole: bool) -> bool:
    """Tell whether a page that was read again says less than its window holds.

    That is a lower figure, and where the page is the ``sole`` one that delivered the window, also a
    record or a whole bucket that is gone.
    """
    if bucket is None:
        return sole and snapshot.rows > 0
    held = dict(pair_rows(snapshot))
    seen: dict[Identity, Column] = {}
    for identity, row in pair_rows(bucket):
        seen[identity] = join_rows(seen[identity], row) if identity in seen else row
    return any(join_rows(held[one], row) != row for one, row in seen.items() if one in held) or (
        sole and not held.keys() <= seen.keys()
    )


def merge_bucket(
    snapshot: Snapshot | None, bucket: Bucket, revision: int
) -> tuple[Snapshot, Outcomes]:
    """Join a delivered bucket of a revision with what its window holds."""
    if snapshot is None:
        return unite_rows(None, bucket, revision)
    if revision < snapshot.revision:
        return snapshot, Outcomes(superseded=bucket.rows)
    if revision > snapshot.revision:
        return replace_snapshot(snapshot, bucket, revision)
    if bucket.dimensions == snapshot.dimensions:
        return grow_snapshot(snapshot, bucket)
    return unite_rows(snapshot, bucket, revision)


def grow_snapshot(snapshot: Snapshot, bucket: Bucket) -> tuple[Snapshot, Outcomes]:
    """Merge a re-delivery of the same rows in the same order, column by column."""
    columns = tuple(map(larger_column, snapshot.counters[:-1], bucket.counters[:-1]))
    columns += (join_columns(snapshot.counters[-1], bucket.counters[-1]),)
    pairs = zip(snapshot.counters, columns, strict=True)
    revised = count_changed_rows([(old, now) for old, now in pairs if old is not now], bucket.rows)
    outcomes = Outcomes(duplicate=bucket.rows - revised, revised=revised)
    whole = not snapshot.collisions and columns == bucket.counters
    if revised:
        digest = bucket.digest if whole else b""
        dimensions = bucket.dimensions  # the same, and decoded texts share memory
        return snapshot._replace(dimensions=dimensions, counters=columns, digest=digest), outcomes
    if whole and not snapshot.digest and bucket.digest:
        return snapshot._replace(digest=bucket.digest), outcomes
    return snapshot, outcomes


def count_changed_rows(columns: list[tuple[Column, Column]], rows: int) -> int:
    """Count the rows that differ in any column; each column is asked of the rows still alike."""
    alike: Sequence[int] = range(rows)
    for old, now in columns:
        if len(alike) == rows:
            alike = [row for row, same in enumerate(map(eq, old, now)) if same]
        else:
            alike = [row for row in alike if old[row] == now[row]]
    return rows - len(alike)


def larger_column(old: Column, new: Column) -> Column:
    """Return the maximum of two columns, value by value; the old one itself if not exceeded."""
    if old == new:
        return old
    try:
        if all(map(ge, new, old)):
            return new
        pairs = zip(old, new, strict=True)
        column = tuple([b if b > a else a for a, b in pairs])  # noqa: FURB136 -- as in larger()
    except TypeError:  # an absent value compares with nothing
        column = tuple(map(larger_value, old, new))
    return old if column == old else column


def join_columns(old: Column, new: Column) -> Column:
    """Merge the column of counters that the registry does not know."""
    if old == new:
        return old
    column = tuple(map(join_unknown, old, new))
    return old if column == old else column


def join_unknown(old: Any, new: Any) -> Any:
    """Merge two rows' unknown counters: ``((name, number), …)``, each name's maximum."""
    if old is None or new is None:
        return new if old is None else old
    values = dict(old)
    for name, number in new:
        values[name] = larger_value(values.get(name), number)
    return tuple(sorted(values.items()))


def join_rows(old: Column, new: Column) -> Column:
    """Merge two rows' counters, the unknown ones last."""
    return (*map(larger_value, old[:-1], new[:-1]), join_unknown(old[-1], new[-1]))


def unite_rows(
    snapshot: Snapshot | None, bucket: Bucket, revision: int
) -> tuple[Snapshot, Outcomes]:
    """Merge rows one by one: a window's first delivery, or one with other rows than before."""
    if snapshot is None and len(set(zip(*bucket.dimensions, strict=True))) == bucket.rows:
        fresh = Snapshot(revision, bucket.dimensions, bucket.counters, digest=bucket.digest)
        return fresh, Outcomes(new=bucket.rows)
    held = snapshot or EMPTY
    rows = dict(pair_rows(held))
    delivered: dict[Identity, Column] = {}
    collisions = set(held.collisions)
    new = revised = 0
    for identity, row in pair_rows(bucket):
        if delivered.setdefault(identity, row) != row:
            collisions.add(identity)
        before = rows.get(identity)
        rows[identity] = after = row if before is None else join_rows(before, row)
        new += before is None
        revised += before is not None and after != before
    outcomes = Outcomes(new=new, revised=revised, duplicate=bucket.rows - new - revised)
    if snapshot is not None and not new and not revised and len(collisions) == len(held.collisions):
        return snapshot, outcomes
    return snapshot_of(revision, rows, frozenset(collisions)), outcomes


def replace_snapshot(
    snapshot: Snapshot, bucket: Bucket, revision: int
) -> tuple[Snapshot, Outcomes]:
    """Replace a window by a later revision; rows are judged by what the window held before.

    Rows that are the same as before, in the same order, are compared column by column.
    """
    if bucket.dimensions == snapshot.dimensions:  # each row once, as in every snapshot
        pairs = zip(snapshot.counters, bucket.counters, strict=True)
        revised = count_changed_rows([(old, now) for old, now in pairs if old != now], bucket.rows)
        later = Snapshot(revision, bucket.dimensions, bucket.counters, digest=bucket.digest)
        return later, Outcomes(duplicate=bucket.rows - revised, revised=revised)
    later, outcomes = unite_rows(None, bucket, revision)
    before = dict(pair_rows(snapshot))
    known = [(before[identity], row) for identity, row in pair_rows(later) if identity in before]
    revised = sum(old != now for old, now in known)
    return later, Outcomes(
        new=outcomes.new - len(known),
        revised=outcomes.revised + revised,
        duplicate=outcomes.duplicate + len(known) - revised,
    )


def snapshot_of(
    revision: int, rows: dict[Identity, Column], collisions: frozenset[Identity]
) -> Snapshot:
    """Arrange unique rows as columns."""
    return Snapshot(
        revision,
        tuple(zip(*rows, strict=True)),
        tuple(zip(*rows.values(), strict=True)),
        collisions,
    )
