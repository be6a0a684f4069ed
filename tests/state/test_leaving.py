"""Windows that leave memory: what is packed comes back as it was, in columns of any make."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.providers.openai import ENDPOINTS
from stream.records.windows import Snapshot
from stream.state.sqlite.codec import SMALL, Codec
from tests.support.pages import DAY, FIRST, Content, Json, bucket, page, put_all, used
from tests.support.running import replay


@settings(max_examples=25, deadline=None)
@given(st.integers(SMALL - 2, 3 * SMALL), st.integers(1, 400), st.integers(0, 9))
def test_a_large_snapshot_comes_back_as_it_was(rows: int, values: int, absent: int) -> None:
    """Columns of few or many distinct values, money, flags and silence are packed and unpacked."""
    texts = tuple(None if row % 10 < absent else f"v{row % values}" for row in range(rows))
    amounts = tuple(None if row % 7 < absent else Decimal(row) / 8 - 3 for row in range(rows))
    others = tuple((("cached", row % 3 == 0),) if row % 5 == 0 else None for row in range(rows))
    unique = tuple(f"r{row}" for row in range(rows))
    known = (texts,) * (len(ENDPOINTS["costs"].dimensions) - 1)
    collided = (*("x" for _ in known), "r0", None)
    snapshot = Snapshot(
        7,
        (*known, unique, others),
        (amounts, amounts, (None,) * rows),
        frozenset({collided}),
        b"0123456789abcdef",
    )
    codec = Codec()
    assert codec.unpack("costs", 7, snapshot.digest, codec.pack(snapshot)) == snapshot


def test_windows_that_leave_and_come_back_change_no_byte(tmp_path: Path, state: Path) -> None:
    """Windows of hundreds of rows go to the state file and back, whatever the budget."""
    rows = [used(number, model=f"m{number}", user_id=f"u{number % 300}") for number in range(400)]
    grown = [{**row, "input_tokens": number + 1} for number, row in enumerate(rows)]
    pages = {
        "usage_completions.json": page(*(bucket(*rows, day=day) for day in range(4)), cursor="c"),
        "usage_completions_page2.json": page(*(bucket(*grown, day=day) for day in range(4))),
    }
    put_all(tmp_path / "in", {**pages})
    whole = replay(tmp_path / "in")
    assert whole.code == 0
    assert replay(tmp_path / "in", memory="1B").raw == whole.raw
    assert replay(tmp_path / "in", memory="200kB", state=state).raw == whole.raw
    assert replay(tmp_path / "in", memory="1B", state=state).raw == whole.raw


ROWS = [
    used(number, model="m", project_id=f"p{number % 9}", user_id=f"u{number}")
    for number in range(70)
]
COLLIDING = [*ROWS, {**ROWS[0], "input_tokens": 9}]


@pytest.mark.parametrize(
    "later",
    [
        bucket(*ROWS, day=5),
        bucket(*COLLIDING, day=5),
        bucket(*ROWS[::-1], day=0),
        bucket(*({**row, "input_tokens": 80} for row in ROWS), day=0),
        bucket(*ROWS, end_time=FIRST + 2 * DAY),
        bucket(*ROWS, day=5, end_time=FIRST + 7 * DAY),
        bucket(*ROWS, day=1, daily_costs=[{"amount": {"value": 1}, "project_id": "p1"}]),
    ],
    ids=["new", "colliding", "shuffled", "grown", "wider", "longer", "rollup"],
)
@pytest.mark.parametrize("label", ["", "_other"])
def test_what_left_counts_once(later: Json, label: str, tmp_path: Path) -> None:
    """Windows that left count once, whether they come back, or others lie over them, or not."""
    files: dict[str, Content] = {
        "usage_completions.json": page(
            *(bucket(*COLLIDING, day=day) for day in range(4)), cursor="c"
        ),
        "usage_completions_page2.json": page(bucket(*ROWS, day=4), cursor="d"),
        f"usage_completions{label}_page3.json": page(later),
    }
    if label:
        files["usage_completions_page3.json"] = page()
        files[f"usage_completions{label}.json"] = page(bucket(*ROWS, day=8), cursor="c")
        files[f"usage_completions{label}_page2.json"] = page(bucket(*ROWS, day=9), cursor="d")
    put_all(tmp_path, files)
    whole = replay(tmp_path)
    assert whole.raw
    for budget in ("1B", "32kB", "64kB", "128kB"):
        assert replay(tmp_path, memory=budget).raw == whole.raw
