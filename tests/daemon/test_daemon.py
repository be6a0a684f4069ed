"""The daemon takes pages in as they land, and its report is the one that a replay would give."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bad_pages import END, GOOD, MORE, ONE, TWO
from tests.support.daemons import Daemon, daemon
from tests.support.pages import bucket, letters_in, listed, page, put, put_all, put_recorded, used
from tests.support.running import replay
from tests.support.strategies import written

THREE = "usage_completions_fixture_page3.json"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Make the directory that is watched."""
    directory = tmp_path / "pages"
    directory.mkdir()
    return directory


@pytest.fixture
def running(tmp_path: Path, pages: Path) -> Iterator[Daemon]:
    """Run a daemon over an empty directory."""
    assert pages.is_dir()
    with daemon(tmp_path) as found:
        yield found


def tokens(found: Daemon) -> float:
    """Return the input tokens that count: accepted less corrected."""
    name, token = "openai_api_tokens", {"token_type": "input"}
    return found.value(f"{name}_total", **token) - found.value(f"{name}_corrected_total", **token)


def test_its_report_is_that_of_a_replay(tmp_path: Path) -> None:
    """Over the fixtures, the report at the end has the bytes of a replay's; SIGTERM is exit 0."""
    pages = put_recorded(tmp_path / "pages")
    with daemon(tmp_path) as found:
        assert found.stop() == 0
    expected = replay(pages, "--no-details")
    assert (tmp_path / "report.json").read_bytes() == expected.raw


def test_details_are_written_when_asked_for(tmp_path: Path) -> None:
    """With details, the report has every record, as a replay's."""
    pages = put_recorded(tmp_path / "pages")
    with daemon(tmp_path, "--details", "true") as found:
        assert found.stop(signal.SIGINT) == 0
    assert (tmp_path / "report.json").read_bytes() == replay(pages).raw


def test_pages_count_as_they_land(running: Daemon, pages: Path) -> None:
    """A new page, a new chain, and a page that has grown are counted as they land."""
    put(pages, ONE, MORE)
    running.until(lambda: tokens(running) == 7, "the first page")
    put(pages, TWO, END)
    running.until(lambda: tokens(running) == 12, "the second page")
    put(pages, "usage_embeddings.json", page(bucket(used(3))))
    running.until(lambda: tokens(running) == 15, "a new chain")
    put(pages, ONE, page(bucket(used(9)), cursor="2"))
    running.until(lambda: tokens(running) == 17, "the changed page")
    assert running.stop() == 0
    assert running.report()["relationshipIssues"] == []


def test_a_chain_waits_for_its_next_page(running: Daemon, pages: Path) -> None:
    """A page behind one that has not arrived counts; its chain waits, and that is no error."""
    put_all(pages, {ONE: MORE, THREE: page(bucket(used(1), day=2))})
    running.until(lambda: tokens(running) == 8, "the pages that are there")
    running.until(lambda: "waits for its next page" in running.ask("/").text, "the wait")
    put(pages, TWO, page(bucket(used(5), day=1), cursor="3"))
    running.until(lambda: tokens(running) == 13, "the rest")
    assert running.stop() == 0
    assert running.report()["relationshipIssues"] == []
    assert letters_in(running.place / "dead") == []


def test_a_file_that_is_being_written_is_left(running: Daemon, pages: Path) -> None:
    """Half a page is left alone for as long as its writer holds it open, and counts when whole."""
    text = written(page(bucket(used(7))))
    with (pages / ONE).open("w", encoding="utf-8") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        put(pages, "usage_embeddings.json", page(bucket(used(3))))
        running.until(lambda: tokens(running) == 3, "another page")
        looks = running.value("process_cpu_seconds_total")
        running.until(lambda: running.value("process_cpu_seconds_total") > looks + 0.2, "time")
        assert running.value("usage_stream_dead_letters_total") == 0
        file.write(text[len(text) // 2 :])
    running.until(lambda: tokens(running) == 10, "the whole page")
    assert running.value("usage_stream_dead_letters_total") == 0


def test_a_bad_page_is_set_aside_until_it_is_mended(running: Daemon, pages: Path) -> None:
    """A broken page goes to the dead letters and the chain says so; mended, it counts."""
    put_all(pages, {ONE: MORE, TWO: '{"object": "page", "data": [1]'})
    running.until(lambda: len(letters_in(running.place / "dead")) == 1, "the dead letter")
    assert letters_in(running.place / "dead")[0]["fixture"] == TWO
    running.until(lambda: bool(running.report()["relationshipIssues"]), "the issue")
    put(pages, TWO, END)
    running.until(lambda: tokens(running) == 12, "the mended page")
    running.until(lambda: letters_in(running.place / "dead") == [], "no dead letter")
    assert running.stop() == 0
    assert running.report()["relationshipIssues"] == []
    assert (running.place / "report.json").read_bytes() == replay(pages, "--no-details").raw


def test_a_bad_page_that_is_taken_away_is_forgotten(running: Daemon, pages: Path) -> None:
    """A page that was set aside whole is forgotten with its file."""
    put_all(pages, {ONE: page(GOOD), "costs.json": "{}"})
    running.until(lambda: len(letters_in(running.place / "dead")) == 1, "the dead letter")
    (pages / "costs.json").unlink()
    running.until(lambda: letters_in(running.place / "dead") == [], "no dead letter")
    assert running.stop() == 0
    assert running.report()["relationshipIssues"] == []
    assert (running.place / "report.json").read_bytes() == replay(pages, "--no-details").raw


def test_dead_letters_survive_a_restart(tmp_path: Path, pages: Path) -> None:
    """What was set aside is known after a kill, is not counted again, and is not read again."""
    put_all(pages, {ONE: page(bucket(used(7), used(-1, model="m")))})
    for _ in range(2):
        with daemon(tmp_path) as found:
            found.until(lambda: len(letters_in(tmp_path / "dead")) == 1, "the dead letter")
            assert found.value("usage_stream_dead_letters_total") == 1
            assert found.value("usage_stream_records_total") == 2
            found.stop(signal.SIGKILL)


def test_figures_that_fell_are_named(running: Daemon, pages: Path) -> None:
    """A lower figure in a plain file still counts as it was, with a warning and a gauge."""
    put(pages, ONE, page(bucket(used(7))))
    running.until(lambda: tokens(running) == 7, "the page")
    put(pages, ONE, page(bucket(used(3))))
    running.until(lambda: running.value("usage_stream_fallen_pages") == 1, "the gauge")
    assert tokens(running) == 7
    assert any(
        one["level"] == "warning" and one["event"] == "figures_fell" for one in running.events()
    )
    put(pages, ONE, page(bucket(used(8))))
    running.until(lambda: running.value("usage_stream_fallen_pages") == 0, "the gauge")
    assert tokens(running) == 8


def test_a_page_behind_the_end_counts_and_its_chain_is_named(running: Daemon, pages: Path) -> None:
    """A page after its chain's end is a fault, until the page before says there is more."""
    put_all(pages, {ONE: page(GOOD), TWO: END})
    running.until(lambda: tokens(running) == 12, "both pages")
    running.until(lambda: bool(running.report()["relationshipIssues"]), "the issue")
    assert "a page after the end of its chain" in running.report()["relationshipIssues"][0]
    assert letters_in(running.place / "dead") == []
    faults = "usage_stream_pagination_anomalies_total"
    running.until(lambda: running.value(faults, kind="after_end") == 1, "the count")
    put(pages, ONE, MORE)
    running.until(lambda: running.report()["relationshipIssues"] == [], "no issue")
    assert tokens(running) == 12
    assert running.stop() == 0
    assert (running.place / "report.json").read_bytes() == replay(pages, "--no-details").raw


def test_two_files_for_one_page_are_set_aside(running: Daemon, pages: Path) -> None:
    """Rivals for a page are not read until there is one of them; the letters name both."""
    put_all(pages, {ONE: page(GOOD), "usage_completions.json": page(bucket(used(100)))})
    running.until(lambda: len(letters_in(running.place / "dead")) == 2, "the dead letters")
    for letter in letters_in(running.place / "dead"):
        assert f"usage_completions.json and {ONE}" in letter["message"]
    assert tokens(running) == 0
    (pages / "usage_completions.json").unlink()
    running.until(lambda: tokens(running) == 7, "the page that is left")
    running.until(lambda: letters_in(running.place / "dead") == [], "no dead letter")


def test_a_residual_that_details_cover_is_corrected(running: Daemon, pages: Path) -> None:
    """What a rollup showed alone is taken back when its records come, and no counter falls."""
    day = {"timestamp": 1_730_419_200, "line_items": [{"model": "m", "input_tokens": 100}]}
    put(pages, ONE, page(cursor="2", daily_costs=[day]))
    running.until(lambda: tokens(running) == 100, "the residual")
    put(pages, TWO, page(bucket(used(60, project_id="p", model="m"))))
    total, corrected = "openai_api_tokens_total", "openai_api_tokens_corrected_total"
    running.until(lambda: running.value(total, project_id="p") == 60, "the records")
    assert running.value(total) == 160
    assert running.value(corrected, project_id="unspecified") == 60
    assert tokens(running) == 100


def test_two_directories_add_up_what_they_have_of_a_chain(tmp_path: Path) -> None:
    """Two sources with a chain of one name are one state, and overlaps count once."""
    sources = '[[watch]]\npath = "pages"\n[[watch]]\npath = "more"\nname = "more"'
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    put_all(tmp_path / "more", {ONE: page(GOOD, bucket(used(5), day=1))})
    for _ in range(2):
        with daemon(tmp_path, sources=sources) as found:
            assert tokens(found) == 12
            assert found.stop() == 0
        assert found.report()["usageSummary"]["totalRawEvents"] == 3
        assert found.report()["usageSummary"]["totalDedupedEvents"] == 2


def test_a_replay_goes_on_with_a_daemons_state(tmp_path: Path) -> None:
    """State of a source without a name is a replay's own: its pages are not read again."""
    pages = put_recorded(tmp_path / "pages")
    expected = replay(pages, "--no-details")
    with daemon(tmp_path) as found:
        assert found.stop() == 0
    for path in pages.glob("usage_*.json"):
        os.truncate(path, 0)
        path.unlink()
    assert replay(pages, "--no-details", state=tmp_path / "state.db").raw == expected.raw


def test_the_page_and_the_report_are_served(running: Daemon, pages: Path) -> None:
    """The report that is served is the one on disk."""
    put_all(pages, {ONE: page(GOOD), "projects.json": listed()})
    running.until(lambda: running.ask("/report").status == 200, "the report")
    running.until(lambda: b'"tokensIn": 7' in running.ask("/report").body, "the figures")
    assert json.loads(running.ask("/report").body) == json.loads(
        (running.place / "report.json").read_bytes()
    )


def test_files_with_other_names_are_named(running: Daemon, pages: Path) -> None:
    """A file that has no fixture's name is left out, with a warning."""
    put(pages, "notes.txt", "hello")
    running.until(lambda: "notes.txt" in running.log(), "the warning")
