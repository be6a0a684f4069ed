"""Worker processes: whatever their number, and whatever becomes of them, the bytes are the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import closing
from pathlib import Path

import pytest

from stream.engines.workers.joins import take_letters
from stream.engines.workers.worker import open_intake
from stream.intake.rules import Rules
from stream.records.shares import Share
from stream.state.sqlite.store import Store
from tests.support.pages import DAY, FIRST, Content, bucket, letters_in, listed, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import Replayed, replay, run
from tests.support.workers import Started, has_ended, moments


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate walks in which rows grow, fall, come late and come again, and rollups."""
    path = tmp_path_factory.mktemp("made") / "made.ndjson.zst"
    shape = "--rows 6000 --rows-per-bucket 25 --walks 12 --overlap 0.5 --revised 0.5 --late 0.05"
    more = "--corrected 0.1 --repeated 0.1 --out-of-order 0.1 --rollups --endpoints all"
    code, _, errors = run(["generate", str(path), *shape.split(), *more.split()])
    assert code == 0, errors
    return path


@pytest.fixture(scope="module")
def alone(capture: Path) -> Replayed:
    """Replay the capture in one process."""
    replayed = replay(capture)
    assert replayed.code == 0
    return replayed


@pytest.mark.parametrize("workers", [2, 3, 7])
@pytest.mark.parametrize("budget", ["50kB", "1GB"])
def test_any_number_of_workers_gives_the_same_bytes(
    capture: Path, alone: Replayed, workers: int, budget: str
) -> None:
    """The report is that of one process, details included, whatever leaves memory."""
    shared = replay(capture, workers=workers, memory=budget)
    assert (shared.code, shared.errors) == (0, "")
    assert shared.raw == alone.raw


def test_a_worker_makes_a_store_only_when_something_leaves_its_memory(tmp_path: Path) -> None:
    """As long as all fits there is no file to be made, and for the main process none to open."""
    shard = tmp_path / "shard-1"
    with closing(open_intake(Rules(), lambda: 0, Share(1, 2), shard)) as intake:
        intake.store()
        assert intake.checkpoints.hand_over([]) == []
        assert not shard.exists()
        intake.checkpoints.flush()
        assert shard.exists()


def test_fixtures_are_shared_out_too() -> None:
    """The project's own fixtures give the same report, and hold their expectations."""
    whole = replay(FIXTURES)
    shared = replay(FIXTURES, workers=2)
    assert shared.raw == whole.raw
    assert (shared.code, whole.code) == (0, 0)


def test_a_list_that_is_not_whole_defines_nothing(tmp_path: Path) -> None:
    """What usage refers to is checked against whole lists alone, in any number of workers."""
    projects = listed({"object": "organization.project", "id": "p1"}, has_more=True, last_id="p1")
    days = [bucket(used(1, project_id=f"p{day}"), day=day) for day in range(3)]
    put_all(tmp_path, {"usage_completions.json": page(*days), "projects_list.json": projects})
    whole = replay(tmp_path, "--allow-incomplete")
    assert whole.report is not None
    assert whole.report["foreignKeyIssues"]["unknownProjects"] == []
    assert replay(tmp_path, "--allow-incomplete", workers=2).raw == whole.raw


@pytest.mark.parametrize("workers", [2, 3])
def test_files_of_one_name_are_told_apart(tmp_path: Path, workers: int) -> None:
    """Names that are masked may be alike, and pages other than their name says: all are listed."""
    names = [f"users.sk-abcdefgh1234_page{number}.json" for number in range(1, 5)]
    kind = "organization.usage.completions.result"
    pages: dict[str, Content] = {
        name: page(bucket(used(day, object=kind), day=day)) for day, name in enumerate(names)
    }
    put_all(tmp_path, pages)
    whole = replay(tmp_path, "--allow-incomplete")
    shared = replay(tmp_path, "--allow-incomplete", workers=workers)
    assert whole.report is not None
    listed_files = whole.report["run"]["fixtures"]
    assert [file["name"] for file in listed_files] == ["users.***.json"] * len(names)
    digests = [file["digest"] for file in listed_files]
    assert digests == sorted({*digests})
    assert shared.raw == whole.raw


def test_windows_longer_than_a_day_are_resolved_together(tmp_path: Path) -> None:
    """A week beside its days crosses every share: only its excess counts, as in one process."""
    week = bucket(used(100, model="m"), start_time=FIRST, end_time=FIRST + 7 * DAY)
    days = [bucket(used(10, model="m"), day=day) for day in range(7)]
    put_all(
        tmp_path,
        {
            "usage_completions.json": page(*days),
            "usage_completions_week.json": page(week),
            "usage_embeddings.json": page(bucket(used(1)), bucket(used(2), day=1)),
        },
    )
    whole, shared = replay(tmp_path), replay(tmp_path, workers=3)
    assert whole.report is not None
    assert whole.report["endpoints"]["usage/completions"]["metrics"]["input_tokens"] == 100
    assert shared.raw == whole.raw


def test_what_is_bad_is_set_aside_once(tmp_path: Path) -> None:
    """Bad records, buckets and pages have one dead letter each, whoever comes upon them."""
    days = [bucket(used(1), used(-1), day=day) for day in range(4)]
    broken = bucket(used(5), start_time="soon")
    put_all(
        tmp_path / "in",
        {
            "usage_completions.json": page(*days, broken, cursor="c"),
            "usage_completions_page2.json": "{",
            "usage_completions_page3.json": page(bucket(used(7), day=9)),
            "usage_embeddings.json": page(bucket(used(1)), cursor="c"),
            "usage_embeddings_page2.json": page(bucket(used(1), day=1)),
            "usage_embeddings_page3.json": page(bucket(used(1), used(2), day=2)),
        },
    )
    found = []
    for workers in (1, 2, 3):
        dead, metrics = tmp_path / f"dead{workers}", tmp_path / f"metrics{workers}"
        replayed = replay(
            tmp_path / "in",
            on_error="dead-letter",
            dead_letters=dead,
            workers=workers,
            metrics=metrics,
        )
        assert replayed.code == 1
        counted = [
            line
            for line in metrics.read_text("utf-8").splitlines()
            if line.startswith(("usage_stream_records", "usage_stream_dead", "usage_stream_pages"))
        ]
        found.append((replayed.raw, letters_in(dead), counted))
    assert len(found[0][1]) == 6
    assert found[0] == found[1] == found[2]


def test_a_bad_page_ends_all_workers_with_one_line(tmp_path: Path) -> None:
    """Whichever worker comes upon a bad record, the run ends with 65 and names it."""
    days = [bucket(used(1), day=day) for day in range(5)]
    put_all(tmp_path, {"usage_completions.json": page(*days, bucket(used(-1), day=6))})
    one, two = replay(tmp_path), replay(tmp_path, workers=2)
    assert (two.code, two.errors, two.raw) == (65, one.errors, b"")


@pytest.mark.parametrize("workers", ["0", "-1", "two", "257"])
def test_a_number_of_workers_that_is_none_is_refused(workers: str) -> None:
    """Only numbers from 1 to 256 and ``auto`` are taken."""
    assert replay(FIXTURES, workers=workers).code == 2


def test_auto_is_one_for_each_core() -> None:
    """``auto`` is taken, and gives the same bytes."""
    assert replay(FIXTURES, workers="auto").raw == replay(FIXTURES).raw


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2), (3, 2)])
def test_a_state_file_is_that_of_one_process(
    capture: Path, alone: Replayed, state: Path, first: int, then: int
) -> None:
    """A run with any number of workers goes on from a run with any other, and nothing is left."""
    assert replay(capture, workers=first, state=state).raw == alone.raw
    assert replay(capture, workers=then, state=state).raw == alone.raw
    assert {path.name for path in state.parent.iterdir()} == {state.name, f"{state.name}.lock"}


def test_pages_that_come_later_are_added_by_workers(tmp_path: Path, state: Path) -> None:
    """A chain that grows between runs, and a page that changed, count as in one process."""
    first_page, second, third = (f"usage_completions_page{number}.json" for number in (1, 2, 3))
    one = page(bucket(used(1), day=1), cursor="c1")
    two = page(bucket(used(2), day=2), cursor="c2")
    put_all(tmp_path / "in", {first_page: one, second: two})
    first = replay(tmp_path / "in", "--allow-incomplete", workers=2, state=state)
    assert first.code == 1
    grown = page(bucket(used(5), day=1), bucket(used(3), day=4), cursor="c1")
    last = page(bucket(used(9), day=8), bucket(used(1), day=2))
    put_all(tmp_path / "in", {first_page: grown, third: last})
    whole = replay(tmp_path / "in")
    assert whole.code == 0
    assert replay(tmp_path / "in", workers=3, state=state).raw == whole.raw


def test_what_fell_is_named_in_the_order_of_time(tmp_path: Path, state: Path) -> None:
    """Figures that fell in a changed page are named once each, as one process names them."""
    high, low = ([bucket(used(tokens), day=day) for day in range(5)] for tokens in (9, 3))
    put_all(tmp_path / "in", {"usage_completions.json": page(*high)})
    replay(tmp_path / "in", state=state)
    other = Path(shutil.copy(state, tmp_path / "other.db"))
    put_all(tmp_path / "in", {"usage_completions.json": page(*low)})
    one = replay(tmp_path / "in", state=state)
    assert one.report is not None
    assert len(one.report["relationshipIssues"]) == 5
    assert replay(tmp_path / "in", state=other, workers=3).raw == one.raw


@pytest.mark.no_cover  # as in test_worker_ends
def test_a_killed_worker_ends_the_run_which_resumes(
    capture: Path, alone: Replayed, tmp_path: Path, state: Path
) -> None:
    """After SIGKILL of a worker one line says so, and the next run ends with the same bytes."""
    started = Started(capture, tmp_path / "r.json", "--state", str(state))
    victim, other = started.children()
    os.kill(victim, signal.SIGKILL)
    code, errors = started.end()
    assert code == 69
    assert f"worker process {victim} was ended by signal 9" in errors
    assert len(errors.splitlines()) == 1
    assert has_ended(other)
    assert not started.report.exists()
    assert replay(capture, workers=2, state=state).raw == alone.raw


@pytest.mark.no_cover  # as in test_worker_ends
def test_a_killed_main_process_takes_its_workers_along(
    capture: Path, alone: Replayed, tmp_path: Path, state: Path
) -> None:
    """Workers whose main process is gone end by themselves; the next run takes over from them."""
    started = Started(capture, tmp_path / "r.json", "--state", str(state))
    children = started.children()
    started.process.kill()
    started.process.communicate()
    assert any(all(has_ended(child) for child in children) for _ in moments())
    assert replay(capture, state=state).raw == alone.raw


@pytest.mark.no_cover  # as in test_worker_ends
def test_a_signal_stops_all_and_leaves_no_report(
    capture: Path, alone: Replayed, tmp_path: Path, state: Path
) -> None:
    """SIGTERM ends main process and workers with 143; what was taken in stays."""
    started = Started(capture, tmp_path / "r.json", "--state", str(state))
    children = started.children()
    started.process.terminate()
    code, errors = started.end()
    assert (code, len(errors.splitlines())) == (143, 1)
    assert all(has_ended(child) for child in children)
    assert not started.report.exists()
    again = replay(capture, workers=2, state=state)
    assert (again.code, again.errors) == (0, "")
    assert again.raw == alone.raw


def leave_shard(state: Path) -> Path:
    """Let a state file name a shard, as a run with two workers does; return where that stands."""
    name = f"{state.name}.shard-0-of-2"
    with closing(Store(state)) as store:
        store.take_shards([name])
    return state.with_name(name)


def test_shards_of_a_killed_run_are_taken_over_by_one_process(tmp_path: Path, state: Path) -> None:
    """What workers left is taken up first, and not in the place of later figures."""
    one = "usage_completions.json"
    pages = put_all(tmp_path / "few", {one: page(bucket(used(7)))})
    assert replay(pages, state=state).code == 0
    shutil.copy(state, leave_shard(state))
    put_all(pages, {one: page(bucket(used(9)))})
    alone = replay(pages, state=state)
    assert replay(pages, state=state, workers=2).raw == alone.raw
    assert alone.report is not None
    assert alone.report["endpoints"]["usage/completions"]["metrics"]["input_tokens"] == 9


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_a_shard_that_counts_has_to_be_whole(
    harm: str, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a disk loses of a worker's windows before they are copied is never said to be stored."""
    pages = put_all(tmp_path / "few", {"usage_completions.json": page(bucket(used(7)))})
    whole = replay(pages)
    shards = [state.with_name(f"{state.name}.shard-{rank}-of-2") for rank in range(2)]

    def lose(*taken: object) -> None:
        take_letters(*taken)  # type: ignore[arg-type]  # as they came
        for shard in shards:
            for name in (shard, shard.with_name(f"{shard.name}-wal")):
                if harm == "gone":
                    name.unlink(missing_ok=True)
                elif name.exists():
                    found = name.read_bytes()
                    name.write_bytes(found[: len(found) // 2] + bytes(len(found) // 2))

    with monkeypatch.context() as patched:
        patched.setattr("stream.engines.workers.pool.take_letters", lose)
        lost = replay(pages, workers=2, state=state)
    assert lost.code in {65, 69}
    assert len(lost.errors.splitlines()) == 1
    assert shards[0].name in lost.errors or shards[1].name in lost.errors
    assert lost.report is None
    assert replay(pages, state=state).raw == whole.raw


def test_shards_may_have_chains_that_the_state_file_has_not(tmp_path: Path, state: Path) -> None:
    """A run that was stopped early has left windows, and no word of their chains."""
    day = page(bucket(used(7)))
    shard = tmp_path / "shard.db"
    embeddings = put_all(tmp_path / "one", {"usage_embeddings.json": day})
    both: dict[str, Content] = {"usage_embeddings.json": day, "usage_completions.json": day}
    pages = put_all(tmp_path / "both", both)
    assert replay(pages, state=shard).code == 0
    assert replay(embeddings, state=state).code == 0
    shutil.move(shard, leave_shard(state))
    again = replay(pages, state=state)
    assert (again.code, again.errors) == (0, "")
    assert again.raw == replay(pages).raw


def test_counts_of_workers_add_up(capture: Path, tmp_path: Path) -> None:
    """Pages, bytes and rows are counted once, however many workers there are."""
    found = []
    for workers in (1, 2):
        metrics = tmp_path / f"{workers}.prom"
        replay(capture, workers=workers, metrics=metrics)
        lines = metrics.read_text("utf-8").splitlines()
        rows = sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("usage_stream_records_total{")
        )
        pages = [line for line in lines if line.startswith("usage_stream_pages")]
        found.append((rows, pages))
    assert found[0] == found[1]
    summary = json.loads(replay(capture).output)
    assert found[0][0] == sum(one["totalResults"] for one in summary["endpoints"].values())
