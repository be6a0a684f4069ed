"""Totals add up exactly: counts of any size, money, and what is absent here and there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.figures import totals
from stream.providers.openai import ENDPOINTS
from stream.records.windows import MAX_COUNT, Column, Columns

COSTS = ENDPOINTS["costs"]
SMALL = st.sampled_from([0, 1, (1 << 32) - 1])
COUNTS = {
    "small": SMALL,
    "large": st.sampled_from([0, 1 << 32, MAX_COUNT]),
    "silent": st.none() | SMALL,
    "absent": st.none(),
    "money": st.sampled_from([Decimal("0.1"), Decimal(3), 5]),
}


@pytest.mark.parametrize("most", [0, 1 << 32], ids=["few", "many"])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_sums_are_exact(most: int, data: st.DataObject) -> None:
    """Whatever comes together, each group has the sum of what is present, and nothing else."""
    wanted: dict[Column, dict[str, Decimal]] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(totals, "SUMMED", 8)
        patched.setattr(totals, "MOST", most)
        found = totals.Totals(COSTS)
        for _ in range(data.draw(st.integers(0, 5))):
            rows = data.draw(st.integers(1, 6))
            projects = tuple(data.draw(st.sampled_from([None, "p1", "p2"])) for _ in range(rows))
            columns = [
                tuple(data.draw(kind) for _ in range(rows))
                for kind in (data.draw(st.sampled_from([*COUNTS.values()])) for _ in COSTS.counters)
            ]
            nothing = (None,) * rows
            others = [nothing] * len(COSTS.dimensions)
            found.add((projects, *others), (*columns, nothing))
            for project, *row in zip(projects, *columns, strict=True):
                sums = wanted.setdefault((project,), {})
                for name, value in zip(COSTS.counters, row, strict=True):
                    if value is not None:
                        sums[name] = sums.get(name, Decimal(0)) + value
        assert dict(found.sums_by("project_id")) == wanted


@pytest.mark.parametrize(
    ("amounts", "is_packed"),
    [
        ((1, 2), True),
        ((0, (1 << 32) - 1), True),
        ((1, 1 << 32), False),
        ((1, None), False),
        ((1, Decimal(2)), False),
        ((None, None), True),
    ],
)
def test_small_counts_are_packed(
    amounts: Column, *, is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of small counts are an integer each, whatever the rows before were; others never."""
    packed: list[list[bytes] | None] = []
    pack = totals.pack_rows

    def spy(columns: Columns, rows: int) -> list[bytes] | None:
        packed.append(pack(columns, rows))
        return packed[-1]

    monkeypatch.setattr(totals, "pack_rows", spy)
    found = totals.Totals(COSTS)
    nothing = (None, None)
    others = [nothing] * len(COSTS.dimensions)
    for column in (amounts, (3, 4), amounts):
        found.add((("p", "p"), *others), (column, *[nothing] * (len(COSTS.counters) - 1), nothing))
    assert (packed[-1] is not None) == is_packed
    wanted = 2 * sum(one for one in amounts if one is not None) + 7
    assert found.metrics() == {COSTS.counters[0]: wanted}
