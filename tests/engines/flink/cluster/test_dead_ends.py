"""What a user is told when a job cannot be run: one line, and the exit code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import stream
from stream import __version__
from tests.engines.flink.cluster.cluster import Cluster
from tests.engines.flink.cluster.jobs import Ended, submitted
from tests.support.envelopes import line, put_capture
from tests.support.prometheus import free_port


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Make a directory with one small capture."""
    (tmp_path / "in").mkdir()
    put_capture(tmp_path / "in" / "a.ndjson", [line()])
    return tmp_path / "in"


def said(ended: Ended, code: int) -> str:
    """See that a command has ended in one line; return it."""
    assert (ended.code, ended.errors.count("\n")) == (code, 1), ended
    return ended.errors


def test_nobody_is_at_the_address(flink: Cluster, captures: Path, tmp_path: Path) -> None:
    """It is worth a retry, and the line has the address."""
    address, soon = f"127.0.0.1:{free_port()}", ("-D", "rest.retry.delay=10ms")
    ended = submitted(flink, captures, tmp_path / "out", "--jobmanager", address, *soon)
    assert address in said(ended, 69)
    assert ended.output == ""


def test_zstd_wants_a_jar(flink: Cluster, captures: Path, tmp_path: Path) -> None:
    """Flink's package as it is installed has none."""
    put_capture(captures / "b.ndjson.zst", [line()])
    assert "zstd-jni" in said(submitted(flink, captures, tmp_path / "out"), 65)


def test_two_versions_do_not_work_together(
    flink: Cluster, captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TaskManager with another version than the one that submits says so, and the job ends."""
    other = tmp_path / "other" / "stream"
    shutil.copytree(Path(stream.__file__).parent, other)
    text = (other / "__init__.py").read_text("utf-8")
    (other / "__init__.py").write_text(text.replace(__version__, "0.0.7"), "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    at_once = ("-D", "restart-strategy.type=none")
    line = said(submitted(flink, captures, tmp_path / "out", *at_once), 69)
    assert "0.0.7" in line
    assert __version__ in line
