"""The budget of requests: how many, in which order, and what cancelling leaves."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sources.api.budget import Budget


class SteppingClock:
    """A clock that stands still but for who sleeps by it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def read(self) -> float:
        """Return its time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        await anyio.lowlevel.checkpoint()
        self.sleeps.append(seconds)
        self.now += seconds


async def test_a_burst_is_free_and_then_turns_are_evenly_spread() -> None:
    """With 60 a minute and a burst of three, the fourth request waits a second, and so on."""
    clock = SteppingClock()
    budget = Budget(60, 3, clock.read, clock.sleep)
    waits = [await budget.take() for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 1, 1, 1])
    assert budget.waited_seconds == pytest.approx(3)
    clock.now += 100
    assert [await budget.take() for _ in range(4)] == pytest.approx([0, 0, 0, 1])


async def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    """Nobody overtakes who has waited longer, not even who asks when the turn has just come."""
    clock = SteppingClock()
    wakes: list[anyio.Event] = []
    turns: list[str] = []

    async def sleep_until_woken(_: float) -> None:
        wakes.append(anyio.Event())
        await wakes[-1].wait()

    budget = Budget(60, 1, clock.read, sleep_until_woken)
    await budget.take()

    async def ask(name: str) -> None:
        await budget.take()
        turns.append(name)

    async with anyio.create_task_group() as group:
        for name in ("first", "second"):
            group.start_soon(ask, name)
            await anyio.wait_all_tasks_blocked()
        clock.now += 1
        group.start_soon(ask, "third")
        await anyio.wait_all_tasks_blocked()
        assert turns == []
        for woken in range(3):
            wakes[woken].set()
            await anyio.wait_all_tasks_blocked()
            clock.now += 1
    assert turns == ["first", "second", "third"]


async def test_a_pause_holds_for_everyone_and_the_latest_counts() -> None:
    """Nobody has a turn before the moment, not even out of a burst; it may be put off meanwhile."""
    clock = SteppingClock()
    budget = Budget(60, 5, clock.read, clock.sleep)
    budget.pause_until(1_030)
    budget.pause_until(1_010)
    assert await budget.take() == pytest.approx(30)

    async def pause_on(_: float) -> None:
        if clock.now < 1_050:
            budget.pause_until(1_060)
        clock.now += 10

    budget = Budget(60, 5, clock.read, pause_on)
    budget.pause_until(1_040)
    await budget.take()
    assert clock.now >= 1_060


async def test_who_is_cancelled_has_taken_nothing() -> None:
    """The next in the queue has the turn that somebody cancelled was waiting for."""
    clock = SteppingClock()
    started = anyio.Event()

    async def wait_for_ever(_: float) -> None:
        started.set()
        await anyio.sleep_forever()

    budget = Budget(60, 1, clock.read, wait_for_ever)
    await budget.take()
    async with anyio.create_task_group() as group:
        group.start_soon(budget.take)
        group.start_soon(budget.take)
        await started.wait()
        group.cancel_scope.cancel()
    assert budget.waited_seconds == 0
    clock.now += 1
    assert await budget.take() == 0


@given(
    per_minute=st.floats(0.01, 100_000),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 1_000), max_size=60),
    start=st.sampled_from([0.0, 1e3, 1.8e9]),
)
def test_no_minute_has_more_than_the_budget(
    per_minute: float, burst: int, gaps: list[float], start: float
) -> None:
    """Between any two requests there is time for those between them, but for one burst."""
    clock = SteppingClock(start)
    times: list[float] = []

    async def ask_all() -> None:
        budget = Budget(per_minute, burst, clock.read, clock.sleep)
        for gap in gaps:
            clock.now += gap
            await budget.take()
            times.append(clock.now)

    anyio.run(ask_all)
    interval = 60 / per_minute
    for first in range(len(times)):
        for last in range(first + burst, len(times)):
            earliest = times[first] + (last - first - burst + 1) * interval
            assert times[last] >= earliest - 1e-4


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_budget_of_nothing_is_refused(per_minute: float, burst: int) -> None:
    """A budget by which nobody could ever ask is an error at once, and no endless wait."""
    with pytest.raises(ValueError, match="expected more"):
        Budget(per_minute, burst, lambda: 0.0, anyio.sleep)
