"""A plain replay imports nothing that it does not need: each start would wait for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.places import ROOT

# Tracing imports what it needs itself.
pytestmark = pytest.mark.no_cover

UNNEEDED: Final = (
    "click.shell_completion",  # shells that complete words
    "ctypes",  # large pages, and captures
    "fractions",  # levels
    "hashlib",  # files whose SHA-256 is listed, --sha256, and secrets
    "httpx2",  # who asks the API
    "jinja2",  # --html
    "json",  # JSON that is broken, or has numbers that are too long
    "mmap",  # --notes
    "multiprocessing",  # --workers
    "prometheus_client",  # --metrics
    "rich",  # terminals
    "shlex",  # --notes
    "sqlite3",  # --state, and what does not fit into memory
    "starlette",  # the daemon
    "stream.daemon",
    "stream.decode.careful",  # pages of another shape, or that are bad
    "stream.decode.foreign",  # files that are no page
    "stream.decode.lists",  # lists of objects
    "stream.engines.workers",  # --workers
    "stream.figures.money",  # --prices
    "stream.figures.rollup.clusters",  # windows that overlap
    "stream.figures.rollup.layers",  # as above
    "stream.providers.prices",  # --prices
    "stream.records.sizes",  # --memory
    "stream.recordings",  # generate, verify, capture
    "stream.sinks.bills",  # --prices
    "stream.sinks.captures",  # captures that are written
    "stream.sinks.html",  # --html
    "stream.sinks.metrics",  # --metrics
    "stream.sinks.notes",  # --notes
    "stream.sources.capture_source",  # captures, and files that are told by their content
    "stream.sources.envelope",  # captures
    "stream.sources.lines",  # captures
    "stream.sources.queries",  # request.json
    "stream.sources.recognition",  # files whose names say nothing
    "stream.sources.request",  # captures, and request.json
    "stream.state.sqlite",  # --state, and what does not fit into memory
    "tomllib",  # --prices, and the daemon's configuration
    "uvicorn",  # the daemon
    "watchfiles",  # the daemon
)
OF_WORKERS: Final = frozenset({"ctypes", "multiprocessing", "stream.engines.workers"})
"""Of those, what several processes need."""
PROGRAM: Final = """
import sys
from stream.cli import run_command
code = run_command(sys.argv[1:])
sys.stderr.write("\\n".join(sys.modules))
sys.exit(code)
"""


def imported_by(*arguments: str, code: int = 0) -> set[str]:
    """Replay in another process; return what it has imported, the packages of all that too."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "replay", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    names = ended.stderr.split("\n")
    return {name.rsplit(".", many)[0] for name in names for many in range(name.count(".") + 1)}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Make a directory with one page, of a bucket with a row."""
    row = {"object": "organization.usage.completions.result", "input_tokens": 3, "output_tokens": 4}
    row |= {"num_model_requests": 1, "project_id": "proj_a", "model": "gpt-4o"}
    bucket = {"object": "bucket", "start_time": 1_700_000_000, "end_time": 1_700_003_600}
    page = {"object": "page", "data": [bucket | {"results": [row]}], "has_more": False}
    place = tmp_path / "pages"
    place.mkdir()
    text = json.dumps(page | {"next_page": None})
    (place / "usage_completions_fixture.json").write_text(text, "utf-8")
    return place


def test_a_plain_replay_imports_only_what_it_needs(pages: Path, tmp_path: Path) -> None:
    """What options and faults need is not there, also once the report is written."""
    found = imported_by(str(pages), "--report", str(tmp_path / "report.json"))
    assert "stream.pipeline" in found
    assert sorted(found & set(UNNEEDED)) == []


def test_workers_import_only_what_they_need(pages: Path, tmp_path: Path) -> None:
    """Several processes need each other, and no store, as long as windows fit into memory."""
    (page,) = pages.iterdir()
    (pages / "usage_images_fixture.json").write_bytes(page.read_bytes())
    report = ["--report", str(tmp_path / "report.json"), "--no-details", "--workers", "2"]
    found = imported_by(str(pages), *report)
    assert found >= OF_WORKERS
    assert sorted(found & set(UNNEEDED) - OF_WORKERS) == []


def test_what_is_asked_for_is_imported(pages: Path, tmp_path: Path) -> None:
    """The names that are looked for are those of the modules: prices and notes bring theirs."""
    outputs = ["--report", str(tmp_path / "report.json"), "--notes", str(tmp_path / "notes.md")]
    prices = tmp_path / "prices.toml"
    prices.write_text('[[price]]\nmodel = "gpt-4o"\ninput = "2.5"\noutput = "10"\n', "utf-8")
    found = imported_by(str(pages), *outputs, "--prices", str(prices))
    assert {
        "hashlib",
        "shlex",
        "stream.figures.money",
        "stream.providers.prices",
        "stream.sinks.bills",
        "stream.sinks.notes",
        "tomllib",
    } <= found


def test_a_state_file_and_little_memory_bring_the_store(pages: Path, tmp_path: Path) -> None:
    """SQLite is there where something is stored: in a state file, or as memory is short."""
    report = ["--report", str(tmp_path / "report.json")]
    assert "sqlite3" in imported_by(str(pages), *report, "--state", str(tmp_path / "state.db"))
    assert "stream.state.sqlite" in imported_by(str(pages), *report, "--memory", "1B")


def test_other_files_bring_what_reads_them(pages: Path, tmp_path: Path) -> None:
    """A file that is told by its content, and one that says what was asked, need more."""
    (page,) = pages.iterdir()
    page.rename(pages / "page.json")
    (pages / "request.json").write_text('{"group_by": "model"}', "utf-8")
    found = imported_by(str(pages), "--report", str(tmp_path / "report.json"))
    assert {
        "ctypes",
        "stream.sources.capture_source",
        "stream.sources.envelope",
        "stream.sources.lines",
        "stream.sources.queries",
        "stream.sources.recognition",
        "stream.sources.request",
    } <= found


def test_lists_other_shapes_and_overlaps_bring_what_reads_them(tmp_path: Path) -> None:
    """The recorded fixtures have all of that, and a list of checksums."""
    found = imported_by(str(ROOT / "fixtures"), "--report", str(tmp_path / "report.json"))
    assert {
        "hashlib",
        "stream.decode.careful",
        "stream.decode.lists",
        "stream.figures.rollup.clusters",
        "stream.figures.rollup.layers",
    } <= found


def test_figures_are_imported_once_pages_are_taken_in(pages: Path, tmp_path: Path) -> None:
    """The first page does not wait for what only a report needs: a bad one ends the run without."""
    (page,) = pages.iterdir()
    report = ["--report", str(tmp_path / "report.json")]
    late = {"stream.figures", "stream.sinks.report", "stream.sinks.summary"}
    assert late <= imported_by(str(pages), *report)
    page.write_text("{}", "utf-8")
    assert sorted(late & imported_by(str(pages), *report, code=65)) == []
