"""How often pages are expected: by each source's own settings."""

from __future__ import annotations

from pathlib import Path

from stream.daemon.config import PaceSettings, PollSettings, Settings, WatchSettings
from stream.daemon.intervals import expected_intervals
from tests.support.daemons import daemon
from tests.support.pages import DAY, bucket, page, put_all, used

HERE = Path("/srv")
USAGE, IMAGES = "usage/completions", "usage/images"
PLAIN = Settings(state=HERE / "s", report=HERE / "r", dead_letters=HERE / "d")


def settings(**sources: object) -> Settings:
    """Return settings with these sources."""
    named = {name: getattr(PLAIN, name) for name in ("state", "report", "dead_letters")}
    return Settings(**named, **sources)  # type: ignore[arg-type]  # lists of sources


def test_directories_have_their_own() -> None:
    """What came from a directory is expected as often as it says; nothing of a pace is."""
    watch = (
        WatchSettings(path=HERE / "a", name="a"),
        WatchSettings(
            path=HERE / "b", name="b", every=DAY, costs_every=7 * DAY, lists_every=30 * DAY
        ),
    )
    pace = (PaceSettings(path=HERE / "p", speed="1d/s", name="p"),)
    names = (USAGE, "costs", "projects")
    feeds = [(source, name) for source in ("a", "b", "p", "gone") for name in names]
    assert expected_intervals(settings(watch=watch, pace=pace), feeds) == {
        ("a", USAGE): 3_600,
        ("a", "costs"): 86_400,
        ("a", "projects"): 86_400,
        ("b", USAGE): 86_400,
        ("b", "costs"): 7 * 86_400,
        ("b", "projects"): 30 * 86_400,
    }


def test_accounts_have_theirs_and_evidence_the_shortest() -> None:
    """Each endpoint and list of an account has one; in evidence lists that say the same do not."""
    first = PollSettings(name="x", since="2026-10-01", evidence=HERE / "e", endpoints=(USAGE,))
    second = PollSettings(
        name="y",
        since="2026-10-01",
        evidence=HERE / "e",
        endpoints=(USAGE, IMAGES, "costs"),
        every=60,
        costs_every=7_200,
        lists=False,
    )
    feeds = [("evidence", name) for name in (USAGE, "costs", "projects")]
    assert expected_intervals(settings(poll=(first, second)), feeds) == {
        ("x", USAGE): 300,
        ("x", "projects"): 3_600,
        ("x", "certificates"): 3_600,
        ("x", "users"): 3_600,
        ("y", USAGE): 60,
        ("y", IMAGES): 60,
        ("y", "costs"): 7_200,
        ("evidence", USAGE): 60,
        ("evidence", "costs"): 7_200,
    }


def test_a_scrape_says_when_and_how_often(tmp_path: Path) -> None:
    """Each source has its interval and its last page, and they outlive the process."""
    put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(used(1)))})
    sources = '[[watch]]\npath = "pages"\nname = "main"\nevery = "2h"'
    labels = {"source": "main", "endpoint": USAGE}
    name = "usage_stream_source_last_success_timestamp_seconds"
    with daemon(tmp_path, sources=sources) as found:
        assert found.value("usage_stream_source_interval_seconds", **labels) == 7_200
        came = found.value(name, **labels)
        assert came > 0
        assert found.stop() == 0
    (tmp_path / "pages" / "usage_completions.json").unlink()
    with daemon(tmp_path, sources=sources) as found:
        assert found.value(name, **labels) == came
        assert found.stop() == 0
