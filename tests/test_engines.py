"""The rules on an engine: parts, facts and sums give the report of a replay, to the last byte."""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines import Engine
from tests.envelopes import envelope, put_capture
from tests.running import NOW, Replayed, replay, run
from tests.strategies import Chains, chains, written


def reported(captures: Path, out: Path, *arguments: str) -> tuple[bytes, int, str]:
    """Make the report of what an engine has written; return it, the exit code and stderr."""
    report = out.with_suffix(".json")
    command = ["flink", "report", str(captures), str(out), "--report", str(report), "--now", NOW]
    code, _, errors = run([*command, *arguments])
    return report.read_bytes() if report.exists() else b"", code, errors


def same(captures: Path, out: Path, *arguments: str) -> Replayed:
    """See that an engine's report is that of a replay."""
    wanted = replay(captures, *arguments)
    raw, code, errors = reported(captures, out, *arguments)
    assert (code, errors) == (wanted.code, wanted.errors)
    assert raw == wanted.raw
    return wanted


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate walks in which rows grow, fall, come late and come again, and rollups."""
    place = tmp_path_factory.mktemp("made")
    shape = "--rows 6000 --rows-per-bucket 25 --walks 12 --overlap 0.5 --revised 0.5 --late 0.05"
    more = "--corrected 0.1 --repeated 0.1 --out-of-order 0.1 --rollups --endpoints all"
    code, _, errors = run(["generate", str(place / "a.ndjson"), *shape.split(), *more.split()])
    assert code == 0, errors
    (place / "a.ndjson.gz").write_bytes(gzip.compress((place / "a.ndjson").read_bytes()))
    (place / "a.expectations.json").rename(place / "expectations.json")
    (place / "a.ndjson").unlink()
    return place


def test_a_bounded_run_gives_the_report_of_a_replay(captures: Path, tmp_path: Path) -> None:
    """Revised, corrected, late and repeated rows, wider windows, rollups, all endpoints."""
    engine = Engine(tmp_path / "out")
    engine.take(captures)
    engine.end()
    assert same(captures, tmp_path / "out").code == 0


@pytest.mark.parametrize("seed", range(3))
def test_what_was_said_too_early_is_taken_back(captures: Path, tmp_path: Path, seed: int) -> None:
    """Parts that take what is theirs in any order, and say it early, end with the same sums."""
    engine = Engine(tmp_path / "out", details=False)
    engine.take(captures, seed, told=0.05)
    engine.commit()
    same(captures, tmp_path / "out", "--no-details")


@given(made=chains(), early=st.booleans(), seed=st.integers(0, 99))
def test_any_pages_in_any_order(made: Chains, *, early: bool, seed: int) -> None:
    """Whatever the pages say, and however early parts speak, the report is that of a replay."""
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "in").mkdir()
        lines = [
            written(
                envelope({"object": "page", **one, "has_more": False}, endpoint=key, label=label)
            )
            for (key, label), pages in made.items()
            for one in pages
        ]
        put_capture(place / "in" / "a.ndjson", [one.encode() for one in lines])
        engine = Engine(place / "out")
        engine.take(place / "in", seed, told=0.3 if early else 0.0)
        engine.commit() if early else engine.end()
        same(place / "in", place / "out")
