"""Contiguous ranges of pages in several processes: the bytes of one process, wherever it is cut."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from stream.engines.workers import handles, pool
from stream.engines.workers.ranges import compare_ranges, cut_pages, slots_in
from stream.engines.workers.worker import FigureRequest, Task, take_pages
from stream.intake.rules import Rules
from stream.pipeline import Replay
from stream.records.chains import Chain
from stream.records.windows import Bucket, Slot, Window
from stream.sources.discovery import survey_place
from stream.state.windows import KeyedState
from tests.support.envelopes import line, put_capture
from tests.support.outcomes import outcomes_in
from tests.support.pages import DAY, FIRST, Content, Json, bucket, listed, page, put_all, used
from tests.support.running import NOW, replay
from tests.support.strategies import (
    COMPLETIONS,
    DIFFERENCES,
    FIRST_DAY,
    ROWS,
    Chains,
    add_rollups,
    page_lists,
    write_chains,
)
from tests.support.workers import Started, has_ended

SOME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENDPOINTS = [
    COMPLETIONS,
    "costs",
    "usage/embeddings",
    "usage/file_search_calls",
    "usage/vector_stores",
]
HOUR = 3_600


@st.composite
def pages_apart(draw: st.DrawFn, endpoint: str) -> list[Json]:
    """Make the pages of one chain whose windows are apart, though pages share some of them."""
    width = DAY if endpoint == "costs" else draw(st.sampled_from([HOUR, DAY, 7 * DAY]))
    starts = st.integers(0, 6).map(lambda place: FIRST_DAY + place * width)
    made = st.builds(
        lambda start, rows: bucket(*rows, start_time=start, end_time=start + width),
        starts,
        st.lists(ROWS[endpoint], max_size=3),
    )
    pages = draw(st.lists(st.lists(made, max_size=3), min_size=1, max_size=8))
    if draw(st.booleans()):  # as walks go on: what two pages share is near a border
        pages.sort(key=lambda some: [one["start_time"] for one in some])
    return [{"data": some} for some in pages]


@st.composite
def chains_of_ranges(draw: st.DrawFn) -> Chains:
    """Make chains that are cut mostly: few have a second label, windows that touch, or rollups."""
    made: Chains = {}
    for endpoint in draw(st.lists(st.sampled_from(ENDPOINTS), min_size=1, max_size=3, unique=True)):
        any_pages = draw(st.integers(0, 4)) == 0
        pages = page_lists(endpoint) if any_pages else pages_apart(endpoint)
        made[endpoint, "primary"] = draw(pages)
    if draw(st.integers(0, 7)) == 0:
        made[COMPLETIONS, "dual"] = draw(page_lists(COMPLETIONS))
    if draw(st.integers(0, 3)) == 0:
        add_rollups(draw, made, DIFFERENCES, exact=False)
    return made


@st.composite
def list_pages(draw: st.DrawFn) -> dict[str, Content]:
    """Make the pages of a list of projects, which may not be whole."""
    pages: dict[str, Content] = {}
    last = draw(st.integers(0, 3))
    for number in range(1, last + 1):
        more = number < last or draw(st.integers(0, 3)) == 0
        one = {"object": "organization.project", "id": f"proj_{'abc'[number - 1]}"}
        pages[f"projects_page{number}.json"] = listed(one, has_more=more, last_id=one["id"])
    return pages


@SOME
@given(made=chains_of_ranges(), lists=list_pages(), data=st.data())
def test_ranges_give_the_bytes_of_one_process(
    made: Chains, lists: dict[str, Content], data: st.DataObject
) -> None:
    """Whatever two ranges share, however few bytes they may keep: report, code, line and counts."""
    flags = data.draw(
        st.lists(st.sampled_from(["--no-details", "--allow-incomplete"]), unique=True), "flags"
    )
    memory = data.draw(st.sampled_from(["1B", "20kB", "1GB"]), "memory")
    if data.draw(st.booleans(), "prices"):
        flags += ["--prices", "default"]
    with TemporaryDirectory() as name:
        place = Path(name) / "in"
        write_chains(put_all(place, lists), made)
        files = sorted(path.name for path in place.iterdir())
        if data.draw(st.integers(0, 5), "is a page gone") == 0 and len(files) > 1:
            (place / data.draw(st.sampled_from(files), "gone")).unlink()
        found = []
        for workers in (1, data.draw(st.integers(2, 4), "workers")):
            metrics = Path(name) / f"{workers}.prom"
            one = replay(place, *flags, workers=workers, memory=memory, metrics=metrics)
            counted = outcomes_in(metrics) if one.raw else None
            found.append((one.code, one.raw, one.errors, counted))
    assert found[0] == found[1]


def walk(last: int, *, name: str = "usage_completions", rows: int = 1) -> dict[str, Content]:
    """Make a chain of pages, each of a day, of which the next page has a row too."""
    found: dict[str, Content] = {}
    for number in range(1, last + 1):
        days = [
            bucket(*(used(day + row, user_id=f"u{row}-{number}") for row in range(rows)), day=day)
            for day in (number, number + 1)
        ]
        cursor = f"c{number}" if number < last else None
        found[f"{name}_page{number}.json"] = page(*days, cursor=cursor)
    return found


def test_pages_are_cut_and_the_main_process_takes_the_first_ones(
    tmp_path: Path, tasks: list[Task]
) -> None:
    """Each page is read by one process; without details, only a window that two share travels."""
    pages = put_all(tmp_path, walk(9))
    shared = replay(pages, "--no-details", workers=3)
    assert [(task.share.rank, task.share.by_days) for task in tasks] == [(1, False), (2, False)]
    read = [[file.page for file in chain.files] for task in tasks for chain in task.survey.chains]
    assert read == [[4, 5, 6], [7, 8, 9]]
    assert shared.raw == replay(pages, "--no-details").raw


@contextmanager
def noted_calls(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> Iterator[list[Any]]:
    """Note what a function is called with, by the main process."""
    found: list[Any] = []
    real = getattr(place, name)

    def note(*given: Any, **more: Any) -> Any:
        found.append(given)
        return real(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(place, name, note)
        yield found


def test_only_windows_that_two_ranges_have_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten windows two are of the last page of one range and the first of the next."""
    pages = put_all(tmp_path, walk(9))
    with noted_calls(monkeypatch, pool, "join_windows") as calls:
        assert replay(pages, "--no-details", workers=3).code == 0
    places = [place[1].window.start for _, windows in calls for place, _ in windows]
    assert places == [FIRST + day * DAY for day in (4, 7, 7)]  # the last one from either range


def test_what_stands_apart_is_not_put_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums alone come from the others; with details, or a second label by content, windows do."""
    pages = put_all(tmp_path / "in", walk(4))
    for flags, flush in ((["--no-details"], False), ([], True)):
        with noted_calls(monkeypatch, handles.Worker, "ask") as calls:
            replay(pages, *flags, workers=2)
        asked = [request for _, request in calls]
        assert asked[-1] == FigureRequest(set(), flush)
    other = put_all(tmp_path / "other", walk(4))
    capture = put_capture(tmp_path / "a.ndjson", [line(page(bucket(used(3))), label="eu")])
    capture.rename(other / "usage_completions_page4.json")
    with noted_calls(monkeypatch, handles.Worker, "ask") as calls:
        found = replay(other, "--no-details", "--allow-incomplete", workers=2)
    assert calls[-1][1] == FigureRequest({COMPLETIONS}, flush=True)
    assert found.raw == replay(other, "--no-details", "--allow-incomplete").raw


def test_collisions_of_both_ranges_are_named(tmp_path: Path) -> None:
    """A window that two ranges have names what collided in the pages of either, once each."""
    files: dict[str, Content] = {}
    for number, twice in enumerate(("a", "b", "b", "c"), start=1):
        rows = [used(tokens, model=twice) for tokens in (number, number + 1)]
        cursor = None if number == 4 else f"c{number}"
        files[f"usage_completions_page{number}.json"] = page(bucket(*rows), cursor=cursor)
    pages = put_all(tmp_path, files)
    whole = replay(pages, "--no-details")
    assert whole.report is not None
    assert len(whole.report["reconciliation"]["identityCollisions"]) == 3
    for workers in (2, 3, 4):
        assert replay(pages, "--no-details", workers=workers).raw == whole.raw


@pytest.mark.parametrize(
    "why", ["a state file", "dead letters", "a capture of another chain", "two chains"]
)
def test_days_are_shared_out_where_ranges_would_not_do(
    why: str, tmp_path: Path, tasks: list[Task]
) -> None:
    """Then every worker sees all pages, and the main process none."""
    pages = put_all(tmp_path / "in", walk(3))
    options: dict[str, object] = {}
    if why == "a state file":
        options = {"state": tmp_path / "state.db"}
    elif why == "dead letters":
        options = {"on_error": "dead-letter", "dead_letters": tmp_path / "dead"}
    elif why == "a capture of another chain":
        put_capture(pages / "a.ndjson", [line(page(bucket(used(3))), label="eu")])
    else:
        put_all(pages, {"usage_completions_eu.json": page(bucket(used(3)))})
    shared = replay(pages, workers=2, **options)
    assert [task.share.by_days for task in tasks] == [True, True]
    assert [len(chain.files) for chain in tasks[1].survey.chains][-1] == 3
    assert shared.code == 0
    assert shared.raw == replay(pages).raw


def test_lists_of_two_kinds_and_labels_are_cut(tmp_path: Path, tasks: list[Task]) -> None:
    """What lists define comes together; a label of a list alone is no reason to share days."""
    lists: dict[str, Content] = {
        f"{name}.json": listed({"id": name[-1]}) for name in ("projects_a", "projects_b", "users_c")
    }
    rows = [bucket(used(1, project_id=one), day=day) for day, one in enumerate("abc")]
    usage = {"usage_completions.json": page(rows[0], cursor="c")}
    usage["usage_completions_page2.json"] = page(*rows[1:])
    pages = put_all(tmp_path, {**lists, **usage})
    shared, whole = replay(pages, workers=4), replay(pages)
    assert {task.share.by_days for task in tasks} == {False}
    assert shared.raw == whole.raw
    assert whole.report is not None
    assert whole.report["foreignKeyIssues"]["unknownProjects"] == ["usage/completions:c"]


def test_of_two_bad_pages_the_first_one_is_named(tmp_path: Path) -> None:
    """Though a later range comes upon its bad page at once, the line is that of one process."""
    files = walk(8, rows=300)
    files["usage_completions_page4.json"] = page(bucket(used(-1)), cursor="c4")
    files["usage_completions_page5.json"] = page(bucket(used(-2)), cursor="c5")
    pages = put_all(tmp_path, files)
    whole = replay(pages)
    assert "page4.json" in whole.errors
    for workers in (2, 3, 4):
        shared = replay(pages, workers=workers)
        assert (shared.code, shared.errors, shared.raw) == (65, whole.errors, b"")


def test_two_files_for_a_page_are_named_once(tmp_path: Path) -> None:
    """What is wrong with a chain's files is in the range of its first ones."""
    pages = put_all(tmp_path, walk(4))
    put_all(tmp_path, {"usage_completions_fixture_page3.json": page(bucket(used(1), day=3))})
    whole, shared = replay(pages), replay(pages, workers=3)
    assert (whole.code, whole.raw) == (65, b"")
    assert (shared.code, shared.errors, shared.raw) == (65, whole.errors, b"")


def test_pages_of_all_ranges_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress has every page once, whoever has read it, and NUL bytes wherever they stood."""
    pages = put_all(tmp_path, walk(40))
    with noted_calls(monkeypatch, pool, "announce_survey") as calls:
        told: list[str] = []
        monkeypatch.setattr(
            pool,
            "hear",
            lambda worker, observer, hear=handles.hear: hear(
                worker, structs.replace(observer, on_page=told.append)
            ),
        )
        monkeypatch.setattr(
            pool,
            "take_pages",
            lambda survey, intake, run, observer: take_pages(
                survey, intake, run, structs.replace(observer, on_page=told.append)
            ),
        )
        assert replay(pages, workers=3).code == 0
    assert (len(calls), len(told)) == (1, 40)


def test_more_workers_than_pages_are_not_started(tmp_path: Path, tasks: list[Task]) -> None:
    """One page is the main process' own."""
    pages = put_all(tmp_path, {"usage_completions.json": page(bucket(used(1)))})
    assert replay(pages, workers=4).raw == replay(pages).raw
    assert tasks == []


def start_ranges(tmp_path: Path) -> Started:
    """Start a replay of pages that take the main process and one worker a while."""
    pages = put_all(tmp_path / "in", walk(300, rows=40))
    out = tmp_path / "out"
    out.mkdir()
    return Started(pages, out / "r.json", beside=1)


def test_a_killed_worker_ends_the_run_at_once(tmp_path: Path) -> None:
    """The main process sees it while it reads pages itself: 69, a line, and nothing left."""
    started = start_ranges(tmp_path)
    (victim,) = started.children()
    os.kill(victim, signal.SIGKILL)
    code, errors = started.end()
    assert (code, len(errors.splitlines())) == (69, 1), errors
    assert f"worker process {victim} was ended by signal 9" in errors
    assert list(started.report.parent.iterdir()) == []


def test_a_signal_ends_both(tmp_path: Path) -> None:
    """SIGTERM while the main process reads ends it with 143, and its worker with it."""
    started = start_ranges(tmp_path)
    (child,) = started.children()
    started.process.terminate()
    code, errors = started.end()
    assert (code, len(errors.splitlines())) == (143, 1), errors
    assert has_ended(child)
    assert list(started.report.parent.iterdir()) == []


# The cut, and what ranges share -----------------------------------------------------------


@given(sizes=st.lists(st.integers(0, 60_000), min_size=1, max_size=12), count=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_a_cut_has_each_page_once_and_in_order(sizes: list[int], count: int) -> None:
    """Ranges are contiguous, none is empty, and there are no more than were asked for."""
    with TemporaryDirectory() as name:
        place = Path(name)
        half = len(sizes) // 2
        for number, size in enumerate(sizes):
            stem = "costs" if number < half else "usage_completions"
            at = number + 1 if number < half else number + 1 - half
            (place / f"{stem}_page{at}.json").write_bytes(b" " * size)
        survey = survey_place(place)
        run = Replay(directory=place, now=int(NOW))
        ranges = cut_pages(run, survey, count)
    flat = [(one.chain, file) for found in ranges for one in found.chains for file in one.files]
    assert flat == [(one.chain, file) for one in survey.chains for file in one.files]
    assert 1 <= len(ranges) <= count
    assert all(one.files for found in ranges for one in found.chains)


def test_nothing_is_cut_that_has_a_state_file(tmp_path: Path) -> None:
    """The rules of the run decide too."""
    survey = survey_place(put_all(tmp_path / "in", walk(3)))
    run = Replay(directory=tmp_path, now=int(NOW))
    assert len(cut_pages(run, survey, 2)) == 2
    rules = Rules(state=tmp_path / "s.db"), Rules(dead_letters=tmp_path)
    for one in rules:
        lasting = Replay(directory=tmp_path, now=int(NOW), rules=one)
        assert cut_pages(lasting, survey, 2) == []


SLOTS = st.sets(
    st.builds(
        lambda start, width, rollup: Slot(Window(start, start + width), rollup),
        st.integers(0, 12),
        st.integers(1, 3),
        st.sampled_from([False, False, False, False, True]),
    ),
    max_size=6,
)


@given(st.lists(SLOTS, min_size=1, max_size=4))
def test_windows_of_ranges_are_compared_as_those_of_one(ranges: list[set[Slot]]) -> None:
    """What two have is found in each, and that windows touch, as in all of them together."""
    chain = Chain(COMPLETIONS, "primary")

    def state_of(slots: set[Slot]) -> KeyedState:
        state = KeyedState()
        state.chains.add(chain)
        for window, rollup in slots:
            state.take(chain, Bucket(window, 1, (("p",),), ((1,),), rollup))
        return state

    found = [slots_in(state_of(slots).windows()) for slots in ranges]
    shared, touching = compare_ranges(found)
    for rank, slots in enumerate(ranges):
        others = set[Slot]().union(*ranges[:rank], *ranges[rank + 1 :])
        assert shared[rank] == [(chain, slot) for slot in sorted(slots & others)]
    whole = state_of(set[Slot]().union(*ranges)).windows()
    assert bool(touching) != whole.stand_apart(chain)
