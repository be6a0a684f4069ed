"""Windows in a row are written as one, and nothing of them is lost."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream.intake.stretches import Stretch, slots_of, stretches_of
from stream.records.windows import Slot, Window

MINUTE = 60
slots = st.builds(
    lambda start, width, rollup: Slot(Window(start, start + width), rollup),
    st.integers(0, 6),
    st.integers(1, 3),
    st.booleans(),
)


@given(st.lists(slots))
def test_each_slot_comes_back_once(some: list[Slot]) -> None:
    """In whatever order, and however often they are given."""
    found = stretches_of(some)
    assert sorted(slots_of(found)) == sorted(set(some))
    assert found == stretches_of(reversed(some))


def test_a_day_of_minutes_is_one_stretch() -> None:
    """A hole, another width, or a rollup begins a new one."""
    day = [Slot(Window(start, start + MINUTE), rollup=False) for start in range(0, 86_400, MINUTE)]
    assert stretches_of(day) == [Stretch(Window(0, MINUTE), rollup=False, length=1440)]
    assert [one.length for one in stretches_of(day[:700] + day[701:])] == [700, 739]
    rollup = Slot(Window(0, 86_400), rollup=True)
    assert [one.length for one in stretches_of([*day, rollup])] == [1, 1, 1439]


def test_slots_of_older_state_files_are_read() -> None:
    """There a page has a list of slots, without a length."""
    older = msgspec.msgpack.encode([Slot(Window(0, 60), rollup=False)])
    (read,) = msgspec.msgpack.decode(older, type=list[Stretch])
    assert read == Stretch(Window(0, 60), rollup=False)
    assert list(slots_of([read])) == [Slot(Window(0, 60), rollup=False)]
