"""A report that cannot be written, or is gone: the daemon goes on, says so, and writes it again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stream.daemon.config import Settings
from stream.daemon.core import Core
from stream.daemon.report_writer import ReportWriter
from tests.support.bad_pages import GOOD, ONE
from tests.support.daemons import Daemon, daemon, tokens
from tests.support.pages import bucket, page, put, put_all, used
from tests.support.running import replay

EMBEDDINGS = "usage_embeddings.json"
IMPATIENT = ("--give-up-seconds", "0.05")


def events(found: Daemon, *names: str) -> list[dict[str, Any]]:
    """Return the log lines of some events, in order."""
    return [one for one in found.events() if one["event"] in names]


def fails(found: Daemon) -> bool:
    """Tell whether the daemon says that its report fails, and that alone."""
    reasons = found.metrics()["usage_stream_unready_reason"]
    return {dict(labels)["reason"] for labels, value in reasons.items() if value} == {"report"}


def test_a_report_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    """Where a directory stands in its place it is tried for ever; figures and checkpoints go on."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    path = tmp_path / "report.json"
    with daemon(tmp_path, *IMPATIENT) as found:
        found.until(lambda: found.value("usage_stream_ready") == 1, "readiness")
        found.until(path.exists, "the report")
        path.unlink()
        path.mkdir()
        found.until(lambda: fails(found), "the failure")
        assert found.value("usage_stream_ready") == 0
        assert "report failing" in found.ask("/readyz").text
        before = tokens(found)
        put(tmp_path / "pages", EMBEDDINGS, page(bucket(used(5))))
        found.until(lambda: tokens(found) == before + 5, "the page from meanwhile")
        count = found.value("usage_stream_report_failures_total")
        assert count
        found.until(lambda: found.value("usage_stream_report_failures_total") > count, "a retry")
        path.rmdir()
        found.until(found.ready, "readiness")
        assert found.value("usage_stream_ready") == 1
        begun, ended = events(found, "report_failed", "report_works")
        assert (begun["event"], begun["level"]) == ("report_failed", "error")
        assert "no regular file stands there" in begun["reason"]
        assert (ended["event"], ended["level"]) == ("report_works", "info")
        assert found.stop() == 0
    assert path.read_bytes() == replay(tmp_path / "pages", "--no-details").raw


def test_it_starts_without_a_place_for_the_report(tmp_path: Path) -> None:
    """A file stands where the report's directory is to be: unready with that reason, until not."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    place = tmp_path / "out"
    place.touch()
    with daemon(tmp_path, *IMPATIENT, "--report", "out/report.json", wait=False) as found:
        found.until(lambda: fails(found), "the failure")
        assert found.value("usage_stream_report_last_success_timestamp_seconds") == 0
        place.unlink()
        found.until(found.ready, "readiness")
        assert found.value("usage_stream_report_last_success_timestamp_seconds") > 0
        assert found.stop() == 0
    assert (place / "report.json").read_bytes() == replay(tmp_path / "pages", "--no-details").raw


def test_a_report_that_fails_at_the_end_is_69(tmp_path: Path) -> None:
    """Who stops the daemon is told that the last report could not be written."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    (tmp_path / "report.json").mkdir()
    with daemon(tmp_path, wait=False) as found:
        found.until(lambda: fails(found), "the failure")
        assert found.stop() == 69
        assert "report.json: cannot be written" in found.log().splitlines()[-1]


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_report_that_is_not_what_was_written_is_written_again(
    content: bytes | None, tmp_path: Path
) -> None:
    """One that was deleted, emptied or overwritten is there again, though no figure changed."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    path = tmp_path / "report.json"
    with daemon(tmp_path) as found:
        found.until(path.exists, "the report")
        found.until(lambda: bool(events(found, "report")), "that it was written")
        first = path.read_bytes()
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        found.until(lambda: path.exists() and path.read_bytes() == first, "the report, again")
        assert found.ready()
        assert found.stop() == 0
    assert path.read_bytes() == first


@pytest.mark.anyio
async def test_a_report_that_stays_is_left_alone(tmp_path: Path) -> None:
    """Without news no report is due; one that is gone, cut or replaced is, and new figures are."""
    report, other = tmp_path / "report.json", tmp_path / "other"
    settings = Settings(state=tmp_path / "state.db", report=report, dead_letters=tmp_path)
    with closing(Core(settings, lambda: 0)) as core:
        writer = ReportWriter(core)
        assert await writer.is_due()
        await writer.write()
        assert not await writer.is_due()
        other.write_bytes(report.read_bytes())
        other.replace(report)
        assert await writer.is_due()
        await writer.write()
        report.unlink()
        assert await writer.is_due()
        await writer.write()
        core.changes += 1
        assert await writer.is_due()
