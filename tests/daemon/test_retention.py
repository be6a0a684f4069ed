"""A daemon with a retention: what is older folds, and nothing that is shown moves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.daemons import Daemon, daemon
from tests.support.places import FIXTURES
from tests.support.pruning import totals_in
from tests.support.running import replay, run


def shown(found: Daemon) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Return the series of usage and costs."""
    return {name: one for name, one in found.metrics().items() if name.startswith("openai_api_")}


def folded_windows(found: Daemon) -> int:
    """Return how many windows its report says are folded."""
    return found.report()["run"].get("folded", {}).get("windows", 0)  # type: ignore[no-any-return]  # a count


def test_what_is_old_folds_and_no_series_moves(tmp_path: Path) -> None:
    """Without a retention, with one, after a restart, and when pages come again: all the same."""
    shutil.copytree(FIXTURES, tmp_path / "pages")
    (tmp_path / "pages" / "expectations.json").unlink()
    with daemon(tmp_path) as found:
        before = shown(found)
        assert folded_windows(found) == 0
        assert found.stop() == 0
    assert before
    whole = totals_in(found.report())
    with daemon(tmp_path, more='retention = "30d"') as found:
        found.until(lambda: folded_windows(found) == 23, "folding")
        assert shown(found) == before
        assert totals_in(found.report()) == whole
        for path in (tmp_path / "pages").iterdir():
            path.write_bytes(path.read_bytes() + b"\n")
        found.until(lambda: "usage_images" in found.log(), "a page that came again")
        assert found.stop() == 0
    assert totals_in(found.report()) == whole
    with daemon(tmp_path, more='retention = "30d"') as found:
        assert shown(found) == before
        assert totals_in(found.report()) == whole
    replayed = replay(tmp_path / "pages", state=tmp_path / "state.db")
    assert replayed.report is not None
    assert totals_in(replayed.report) == whole


def test_a_retention_that_comes_with_a_reload_is_followed(tmp_path: Path) -> None:
    """What was kept folds when the configuration says so; a state file in use is not pruned."""
    shutil.copytree(FIXTURES, tmp_path / "pages")
    with daemon(tmp_path) as found:
        code, _, errors = run(["state", "prune", str(tmp_path / "state.db"), "--retention", "9d"])
        assert code == 69
        assert "in use by another process" in errors
        assert "set retention in its configuration" in errors
        config = tmp_path / "config.toml"
        config.write_text('retention = "30d"\n' + config.read_text("utf-8"), "utf-8")
        assert found.ask("/-/reload", method="POST").status == 200
        found.until(lambda: folded_windows(found) == 23, "folding")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('"3d"', "retention: found 259200 seconds, expected more than poll acme takes to settle"),
        ('"1h"', "retention: found 3600 seconds, expected a day or more"),
        ('"long"', 'retention: found "long", expected seconds from 0 to 3153600000, or a time'),
    ],
)
def test_a_retention_must_be_one(value: str, said: str, tmp_path: Path) -> None:
    """It is a day or more; anything else is named (78)."""
    (tmp_path / "pages").mkdir()
    config = tmp_path / "usage-stream.toml"
    lines = ['state = "s"', 'report = "r"', 'dead_letters = "d"', f"retention = {value}"]
    poll = ["[[poll]]", 'name = "acme"', 'since = "2024-01-01"', 'evidence = "evidence"']
    config.write_text("\n".join([*lines, "[[watch]]", 'path = "pages"', 'name = "p"', *poll]))
    code, _, errors = run(["check-config", "--config", str(config)])
    assert code == 78
    assert said in errors
