"""What the options of a replay do: the clock, incomplete chains, notes, metrics."""

from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import stream
from stream import __version__
from tests.support.bad_pages import END, GOOD, MORE, ONE, THREE, TWO
from tests.support.pages import Content, bucket, page, put, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import NOW, replay, run


@pytest.mark.parametrize(
    "moment", ["1735689600", "2025-01-01T00:00:00Z", "2025-01-01T01:00:00+01:00"]
)
@pytest.mark.parametrize("by", ["option", "environment"])
def test_the_clock_can_be_fixed(
    by: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--now`` and SOURCE_DATE_EPOCH take Unix seconds or a time with a zone."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    report = tmp_path / "report.json"
    command = ["replay", str(pages), "--report", str(report)]
    if by == "environment":
        monkeypatch.setenv("SOURCE_DATE_EPOCH", moment)
    else:
        command += ["--now", moment]
    assert run(command)[0] == 0
    shown = json.loads(report.read_text("utf-8"))
    assert shown["metadata"]["generatedAt"] == "2025-01-01T00:00:00Z"
    assert shown["usageSummary"]["cursor"]["lastSyncedAt"] == "2025-01-01T00:00:00Z"


@pytest.mark.parametrize("moment", ["now", "-1", "1e9", "99999999999999", "2025-13-01", "\x1b[2J"])
def test_what_is_no_time_is_a_usage_error(moment: str, tmp_path: Path) -> None:
    """A clock that cannot be read is a usage error, before anything is written."""
    code, _, errors = run(["replay", str(tmp_path), f"--now={moment}"])
    assert code == 2
    assert "\x1b" not in errors


@pytest.mark.parametrize("size", ["512", "-1MB", "much"])
def test_what_is_no_size_is_a_usage_error(size: str, tmp_path: Path) -> None:
    """``--memory`` wants a unit, as nobody knows what a number alone means."""
    code, _, errors = run(["replay", str(tmp_path), f"--memory={size}"])
    assert code == 2
    assert f"'{size}' is not a size, such as 512MB, 1GB or 64MiB" in errors


def test_a_chain_that_goes_on_can_be_allowed(tmp_path: Path) -> None:
    """``--allow-incomplete`` reports a chain without its end, says so, and exits with 1."""
    put_all(tmp_path, {ONE: MORE})
    assert replay(tmp_path).code == 65
    replayed = replay(tmp_path, "--allow-incomplete")
    assert (replayed.code, replayed.errors) == (1, "")
    report = replayed.report
    assert report is not None
    entry = report["endpoints"]["usage/completions"]
    assert (entry["hasMore"], entry["nextPage"]) == (True, "cursor_2")
    cursor = report["usageSummary"]["cursor"]
    assert (cursor["hasMore"], cursor["nextPage"]) == (True, "cursor_2")
    (issue,) = report["relationshipIssues"]
    assert "usage/completions" in issue


@pytest.mark.parametrize("files", [{ONE: MORE, THREE: END}, {ONE: page(GOOD, has_more=True)}])
def test_only_the_end_may_be_missing(files: dict[str, Content], tmp_path: Path) -> None:
    """``--allow-incomplete`` is for a chain without an end; a gap or a lost cursor stays bad."""
    assert replay(put_all(tmp_path, files), "--allow-incomplete").code == 65


def test_the_version_says_where_it_runs() -> None:
    """The version stands alone on the first line; Python, platform and package follow."""
    code, output, errors = run(["--version"])
    assert (code, errors) == (0, "")
    version, runs, place = output.splitlines()
    assert version == __version__
    assert runs == f"Python {platform.python_version()}, {platform.platform()}"
    assert Path(place) == Path(stream.__file__).parent


def test_notes_are_appended(tmp_path: Path) -> None:
    """Each run adds a section: command, versions, digests, and the summary before and after."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    notes = put(tmp_path, "notes.md", "# Notes\n")
    report = str(tmp_path / "report.json")
    command = ["replay", str(pages), "--report", report, "--notes", str(notes), "--now", NOW]
    assert run(command)[0] == 0
    first = notes.read_text("utf-8")
    put(pages, ONE, page(bucket(used(8))))
    assert run(command)[0] == 0
    both = notes.read_text("utf-8")
    assert first.startswith("# Notes\n")
    assert both.startswith(first)
    second = both.removeprefix(first)
    assert ("none: no report stood there" in first, "none:" in second) == (True, False)
    assert ('"tokensIn": 7' in second, '"tokensIn": 8' in second) == (True, True)
    digest = json.loads(Path(report).read_text("utf-8"))["run"]["fixtures"][0]["digest"]
    for wanted in (
        digest,
        ONE,
        f"usage-stream {__version__}",
        "msgspec ",
        "Python 3",
        "2025-01-01",
    ):
        assert wanted in second


def outcomes(path: Path) -> Counter[str]:
    """Read the records by outcome, over all endpoints, from a metrics file."""
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(path.read_text("utf-8")):
        for sample in family.samples:
            if sample.name == "usage_stream_records_total":
                counts[sample.labels["outcome"]] += int(sample.value)
    return counts


def test_metrics_account_for_every_row(tmp_path: Path) -> None:
    """The outcomes of all rows add up to the rows that came in, those set aside included."""
    first = page(bucket(used(1, model="a"), used(1, model="b"), used(-1)), cursor="2")
    second = page(bucket(used(1, model="a"), used(2, model="b")), bucket(used(-1), end_time=0))
    pages = put_all(tmp_path / "pages", {ONE: first, TWO: second})
    metrics, dead = tmp_path / "metrics.prom", tmp_path / "dead"
    replayed = replay(pages, on_error="dead-letter", dead_letters=dead, metrics=metrics)
    assert replayed.report is not None
    wanted = {"new": 2, "duplicate": 1, "revised": 1, "dead_lettered": 2}
    assert outcomes(metrics) == wanted
    entry = replayed.report["endpoints"]["usage/completions"]
    assert entry["totalResults"] == sum(wanted.values())


def test_metrics_of_the_fixtures_can_be_parsed(tmp_path: Path) -> None:
    """The metrics file holds each family once, named by the project, and every row as new."""
    metrics = tmp_path / "deeper" / "metrics.prom"
    report = replay(FIXTURES, metrics=metrics).report
    assert report is not None
    families = list(text_string_to_metric_families(metrics.read_text("utf-8")))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert [name for name in names if not name.startswith("usage_stream_")] == []
    rows = sum(entry["totalResults"] for entry in report["endpoints"].values())
    assert outcomes(metrics) == {"new": rows}


@pytest.mark.parametrize(
    "command",
    [
        *(["replay", ".", option] for option in ("--html", "--notes", "--metrics")),
        *(["export", form, ".", "--out"] for form in ("html", "openmetrics", "parquet", "focus")),
    ],
    ids=lambda command: " ".join(command[:2] + command[-1:]),
)
def test_what_goes_to_no_standard_output_says_so(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``-`` is no name of a file: nothing is written, and none is made that is called so."""
    monkeypatch.chdir(tmp_path)
    code, output, errors = run([*command, "-"])
    assert (code, output) == (2, "")
    assert "does not go to standard output" in errors
    assert list(tmp_path.iterdir()) == []
