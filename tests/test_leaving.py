"""Windows that leave memory: what is packed comes back as it was, in columns of any make."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.checkpoint.codec import SMALL, Codec
from stream.endpoints import ENDPOINTS
from stream.records import Snapshot
from tests.pages import bucket, page, put_all, used
from tests.running import replay


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
    assert codec.unpacked("costs", 7, snapshot.digest, codec.packed(snapshot)) == snapshot


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
    assert replay(tmp_path / "in", row_budget=1).raw == whole.raw
    assert replay(tmp_path / "in", row_budget=500, state=state).raw == whole.raw
    assert replay(tmp_path / "in", row_budget=1, state=state).raw == whole.raw
