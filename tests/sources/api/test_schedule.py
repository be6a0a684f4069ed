"""What is asked, and when: as little as can be, the newest first, nothing settled twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stream.providers.openai import ENDPOINTS
from stream.sources.api.progress import Progress
from stream.sources.api.ranges import add_range, gaps_in
from stream.sources.api.schedule import DueWalk, PollPlan, due_walk, parts_of, settled_range

DAY = 86_400
START = 20_600 * DAY
COMPLETIONS = ENDPOINTS["usage/completions"]


def job_of(plan: PollPlan, progress: Progress, now: float, part: str = COMPLETIONS.key) -> DueWalk:
    """Return the job that is due, which there must be."""
    due = due_walk(plan, part, progress, now)
    assert isinstance(due, DueWalk), due
    return due


def finish(plan: PollPlan, progress: Progress, job: DueWalk, now: float) -> None:
    """Note that a walk was whole, as the source does."""
    query = job.query
    end = settled_range(plan, ENDPOINTS[job.part], query.start, now)[1]
    end = end if query.end is None else min(end, query.end)
    progress.settled_ranges = add_range(progress.settled_ranges, query.start, end)
    if job.is_live:
        progress.live_at = now


def test_the_newest_is_asked_first_and_without_an_end() -> None:
    """A new account is asked for today, then for what was before, whole pages, newest first."""
    plan, progress, now = PollPlan(start=START), Progress(), START + 20.5 * DAY
    first = job_of(plan, progress, now)
    assert (first.is_live, first.query.start, first.query.end) == (True, START + 20 * DAY, None)
    finish(plan, progress, first, now)
    chunks = []
    while isinstance(due := due_walk(plan, COMPLETIONS.key, progress, now), DueWalk):
        chunks.append((due.query.start, due.query.end))
        finish(plan, progress, due, now)
    days = [(13, 20), (6, 13), (0, 6)]
    assert chunks == [(START + one * DAY, START + other * DAY) for one, other in days]
    assert due == now + plan.interval


def test_what_is_settled_is_not_asked_again() -> None:
    """The live range begins where the last settled window ended, and so has no more than it has."""
    plan, progress = PollPlan(start=START, settle=1_800), Progress()
    for step in range(40):
        now = START + step * 1_000.0
        job = job_of(plan, progress, now) if step % 2 == 0 else None
        if job is not None:
            closed = int(now - 1_800) // 3_600 * 3_600
            assert job.query.start <= max(START, closed) <= now
            assert now - job.query.start < 3_600 + 1_800 + 2_000
            finish(plan, progress, job, now)


def test_a_long_silence_is_filled_from_its_end() -> None:
    """After weeks without a process today comes first, and the gap after it, newest first."""
    plan = PollPlan(start=START)
    progress = Progress(settled_ranges=[(START, START + DAY)], live_at=START + DAY)
    now = START + 30.25 * DAY
    live = job_of(plan, progress, now)
    assert (live.is_live, live.query.start) == (True, START + 30 * DAY)
    finish(plan, progress, live, now)
    gap = job_of(plan, progress, now)
    assert (gap.query.start, gap.query.end) == (START + 23 * DAY, START + 30 * DAY)


def test_costs_are_asked_by_the_day_and_by_key_where_that_is_known() -> None:
    """Costs have buckets of a day alone, three days are asked again, and the floor cuts a page."""
    floor = dict(ENDPOINTS["costs"].group_floors)["api_key_id"]
    plan, progress = PollPlan(start=floor - 5 * DAY), Progress()
    now = floor + 10.5 * DAY
    live = job_of(plan, progress, now, "costs")
    assert (live.query.width, live.query.start) == ("1d", floor)
    assert "api_key_id" in live.query.group_by
    finish(plan, progress, live, now)
    again = job_of(plan, progress, now + 2 * DAY, "costs")
    assert (again.is_live, again.query.start) == (True, floor + 7 * DAY)
    early = job_of(plan, progress, now, "costs")
    assert (early.query.start, early.query.end) == (floor - 5 * DAY, floor)
    assert "api_key_id" not in early.query.group_by


def test_lists_come_each_hour_and_those_of_projects_for_each() -> None:
    """A list of each project is a part of its own; a plan without lists has none."""
    plan = PollPlan(start=START, endpoints=())
    parts = parts_of(plan, ["p1", "p2"])
    assert {"projects", "users", "api_keys/p1", "service_accounts/p2"} <= set(parts)
    assert parts_of(PollPlan(start=START, endpoints=(), lists_interval=None), ["p1"]) == []
    progress = Progress()
    job = job_of(plan, progress, START, "api_keys/p1")
    assert (job.query.label, job.query.project) == ("p1", "p1")
    progress.live_at = START
    assert due_walk(plan, "api_keys/p1", progress, START + 60) == START + 3_600


def test_once_is_once() -> None:
    """A plan that asks once covers its range with no gap, and then has nothing more to ask."""
    for until in (None, START + 9 * DAY):
        plan, progress = PollPlan(start=START, end=until, once=True, width="1d"), Progress()
        now = START + 45.5 * DAY
        while isinstance(due := due_walk(plan, COMPLETIONS.key, progress, now), DueWalk):
            finish(plan, progress, due, now)
        assert due is None
        end = int(now) // DAY * DAY if until is None else until
        assert gaps_in(progress.settled_ranges, START, end) == []


@settings(max_examples=60)
@given(
    st.sampled_from(["1m", "1h", "1d"]),
    st.lists(st.floats(30, 40 * DAY), min_size=1, max_size=25),
    st.integers(0, 3 * DAY),
)
def test_nothing_is_left_out_and_nothing_settled_asked(
    width: str, pauses: list[float], settle: int
) -> None:
    """Whenever a process runs, all from the first day on is settled, each window once."""
    plan, progress = PollPlan(start=START, width=width, settle=settle), Progress()
    now = float(START + 2 * DAY)
    for pause in pauses:
        now += pause
        for _ in range(200):
            due = due_walk(plan, COMPLETIONS.key, progress, now)
            if not isinstance(due, DueWalk):
                break
            query = due.query
            assert query.start >= START
            if not due.is_live:
                assert query.end is not None
                assert gaps_in(progress.settled_ranges, query.start, query.end) == [
                    (query.start, query.end)
                ]
            finish(plan, progress, due, now)
    seconds = {"1m": 60, "1h": 3_600, "1d": DAY}[width]
    closed = int(now - settle) // seconds * seconds
    live = progress.settled_ranges[-1][1] if progress.settled_ranges else START
    if now - START < 150 * DAY or width != "1m":
        assert gaps_in(progress.settled_ranges, START, min(live, closed)) == []


def test_what_is_in_the_future_waits() -> None:
    """Before its first day nothing of an account is asked for, and then everything is."""
    plan = PollPlan(start=START + 5 * DAY)
    assert due_walk(plan, COMPLETIONS.key, Progress(), START + 0.5) == START + 5 * DAY
    assert job_of(plan, Progress(), START + 5 * DAY + 1.0).query.start == START + 5 * DAY
    assert due_walk(replace(plan, once=True), COMPLETIONS.key, Progress(), START + 0.5) is None


def test_a_clock_that_goes_back_asks_at_once() -> None:
    """What was asked for in what is now the future does not put off what is due."""
    plan, progress, now = PollPlan(start=START), Progress(), START + 2.5 * DAY
    finish(plan, progress, job_of(plan, progress, now), now)
    job = job_of(plan, progress, now - 3_600)
    assert job.is_live
    assert job.query.start <= now - 3_600
    progress = Progress(live_at=now)
    assert due_walk(plan, "users", progress, now) == now + 3_600
    assert job_of(plan, progress, now - 60, "users").is_live


def test_another_width_cuts_no_bucket() -> None:
    """Buckets of a day begin with one, though what was asked by the hour ends in the middle."""
    plan, progress, now = PollPlan(start=START), Progress(), START + 2.6 * DAY
    while isinstance(due := due_walk(plan, COMPLETIONS.key, progress, now), DueWalk):
        finish(plan, progress, due, now)
    assert progress.settled_ranges[-1][1] % DAY
    plan = replace(plan, width="1d")
    for later in (now + 300, now + DAY, now + 100 * DAY):
        while isinstance(due := due_walk(plan, COMPLETIONS.key, progress, later), DueWalk):
            assert due.query.start % DAY == 0
            assert (due.query.end or 0) % DAY == 0
            finish(plan, progress, due, later)
    assert len(progress.settled_ranges) == 1


def test_asked_once_and_again_on_another_day() -> None:
    """Who goes on with what was to be asked once a day later asks for whole buckets."""
    plan, progress = PollPlan(start=START, once=True, width="1d"), Progress()
    for now in (START + 2.4 * DAY, START + 3.6 * DAY):
        while isinstance(due := due_walk(plan, COMPLETIONS.key, progress, now), DueWalk):
            assert due.query.start % DAY == 0
            finish(plan, progress, due, now)
    assert progress.settled_ranges == [(START, START + 3 * DAY)]
