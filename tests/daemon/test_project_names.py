"""Names of projects in the metrics: to join on, renamed as the lists are, of projects alone."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from stream.figures.ledger import Ledger
from stream.sinks.metrics.usage import families_of_usage
from tests.support.daemons import Daemon, daemon
from tests.support.days import HeldDays
from tests.support.envelopes import line, put_capture
from tests.support.pages import bucket, listed, page, put, put_all, used

ODD = 'a "quoted" name\nof \u202etwo lines'


def names(found: Daemon) -> dict[str, str]:
    """Return the name of each project in a scrape."""
    samples = found.metrics().get("openai_project_info", {})
    assert set(samples.values()) <= {1}
    pairs = [dict(labels) for labels in samples]
    assert len({one["project_id"] for one in pairs}) == len(pairs)
    return {one["project_id"]: one["name"] for one in pairs}


def test_a_rename_takes_the_place_of_the_name(tmp_path: Path) -> None:
    """One series for each project, by its latest name, after a restart too."""
    pages = put_all(
        tmp_path / "pages",
        {
            "usage_completions.json": page(bucket(used(1, project_id="p"))),
            "projects.json": listed(
                {"id": "p", "name": "Search"},
                {"id": "a", "name": "Attic", "status": "archived"},
                {"id": "unspecified", "name": "of jane@corp.test"},
                {"id": "odd", "name": ODD},
                {"id": "nameless"},
            ),
            "users.json": listed({"id": "u", "name": "Jane Doe"}),
        },
    )
    with daemon(tmp_path) as found:
        found.until(lambda: len(names(found)) == 4, "the names")
        shown = names(found)
        assert (shown["p"], shown["a"]) == ("Search", "Attic")
        assert shown["_unspecified"] == "of ***"  # as the project is called in the other metrics
        assert "Jane" not in found.ask("/metrics").text + found.ask("/").text
        assert "\u202e" not in shown["odd"]
        put(pages, "projects.json", listed({"id": "p", "name": "Find"}))
        found.until(lambda: names(found) == {"p": "Find"}, "the new name")
        moment = "2024-12-01T06:00:00Z"
        walk = listed({"id": "p", "name": "Seek"}, {"id": "q", "name": "Quiz"})
        put_capture(pages / "w.ndjson", [line(walk, endpoint="projects", observed_at=moment)])
        found.until(lambda: names(found) == {"p": "Seek", "q": "Quiz"}, "the name of a walk")
        found.stop()
    with daemon(tmp_path) as found:
        assert names(found) == {"p": "Seek", "q": "Quiz"}


def test_so_many_names_are_shown() -> None:
    """Beyond a bound there are no more series, and those there are do not change."""
    with patch("stream.sinks.metrics.usage.MOST_NAMES", 2):
        many = {name: name.upper() for name in ("b", "c", "a")}
        *_, info = families_of_usage(Ledger([], 10, HeldDays()), many)
    assert [*info.values] == [("a", "A"), ("b", "B")]
