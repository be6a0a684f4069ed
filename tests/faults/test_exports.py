"""Exports that are killed leave nothing half-written, and memory does not follow the records."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.generated import summary
from tests.support.processes import peak_of
from tests.support.running import replay, run

FEW, MANY = 8_000, 80_000
MORE = 12 * 1024
"""KiB that ten times the records may take more; as rows they would be several times that."""
LOOKS = 20_000_000
SHAPE = ("--endpoints", "usage/embeddings,costs", "--rows-per-bucket", "500", "--width", "1d")
FORMS = {
    "csv": ("csv",),
    "parquet": ("parquet",),
    "days": ("parquet", "--partition", "day"),
}
SMALL_GROUPS = "from stream.sinks.exports import parquet; parquet.GROUP = 8_192; "
COMMAND = "import sys; from stream.cli import run_command; sys.exit(run_command(sys.argv[1:]))"
MAIN = "from stream.__main__ import main; main()"
FULL = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); {COMMAND}"
"""Runs a command that may write files of 40 kB; what SQLite wants beside a state file is less."""


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Make a state file, and one with ten times the records."""
    place = tmp_path_factory.mktemp("states")
    made = []
    for rows in (FEW, MANY):
        capture = place / f"{rows}.ndjson.zst"
        assert summary(capture, "--rows", str(rows), *SHAPE)
        done = replay(capture, "--no-details", state=capture.with_suffix(".db"))
        assert done.report is not None
        made.append(capture.with_suffix(".db"))
    return made


def started(
    arguments: list[str], run_it: str = COMMAND, stderr: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a command whose row groups are small."""
    command = [sys.executable, "-c", SMALL_GROUPS + run_it, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)


def peak(form: str, state: Path, *options: str) -> int:
    """Export in a process of its own; return the most memory that it had, in KiB."""
    return peak_of(["export", form, str(state), *options], SMALL_GROUPS)


@pytest.mark.parametrize("form", FORMS)
def test_ten_times_the_records_need_no_more_memory(
    form: str, states: list[Path], tmp_path: Path
) -> None:
    """A state file with ten times the records is exported within the same memory."""
    name, *options = FORMS[form]
    few, many = (peak(name, one, "--out", str(tmp_path / one.stem), *options) for one in states)
    assert many - few < MORE


@pytest.mark.no_cover
@pytest.mark.needs_program("initdb")
@pytest.mark.usefixtures("database")
def test_ten_times_the_records_go_into_tables_in_the_same_memory(states: list[Path]) -> None:
    """Records go to PostgreSQL as they are read, and what is noted of days is small."""
    few, many = (
        peak("postgres", one, "--schema", name)
        for name, one in zip(("few", "many"), states, strict=True)
    )
    assert many - few < MORE


def kill_once(arguments: list[str], seen: Callable[[], bool]) -> None:
    """Start an export, and kill it as soon as something is seen."""
    child = started(["export", *arguments])
    for _ in range(LOOKS):
        if seen():
            break
        assert child.poll() is None, "it ended unseen"
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL


def has_grown(place: Path, form: str) -> bool:
    """Tell whether a scratch file has something in it, or a scratch directory some days."""
    for found in place.glob(".usage-stream-*.tmp"):
        if form == "days":
            return len(list(found.glob("made/*/*"))) > 2
        return found.stat().st_size > 0
    return False


@pytest.mark.parametrize("form", FORMS)
def test_a_kill_leaves_the_old_or_nothing(form: str, states: list[Path], tmp_path: Path) -> None:
    """While a file grows beside its place that has what it had; the next export clears the rest."""
    few, many = map(str, states)
    name, *options = FORMS[form]
    out = tmp_path / "out"
    arguments = [name, many, "--out", str(out), *options]

    kill_once(arguments, lambda: has_grown(tmp_path, form))
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".usage-stream-")

    assert run(["export", name, few, "--out", str(out), *options])[0] == 0
    assert list(tmp_path.iterdir()) == [out]
    before = contents_of(out)

    kill_once(arguments, lambda: has_grown(tmp_path, form))
    assert contents_of(out) == before
    assert run(["export", name, few, "--out", str(out), *options])[0] == 0
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("form", FORMS)
def test_a_signal_ends_it_in_one_line(form: str, states: list[Path], tmp_path: Path) -> None:
    """SIGTERM while records are written is 143, and nothing is left of them."""
    name, *options = FORMS[form]
    arguments = ["export", name, str(states[1]), "--out", str(tmp_path / "out"), *options]
    child = started(arguments, MAIN, stderr=subprocess.PIPE)
    for _ in range(LOOKS):
        if has_grown(tmp_path, form):
            break
        assert child.poll() is None, "it ended unseen"
    child.terminate()
    _, errors = child.communicate()
    assert (child.returncode, errors.count(b"\n")) == (143, 1), errors
    assert b"nothing was written" in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.no_cover  # there is no room for what coverage writes, either
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_full_disk_is_69(form: str, states: list[Path], tmp_path: Path) -> None:
    """What there is no room for is named in one line, and nothing is left of it."""
    name, *options = FORMS[form]
    arguments = ["export", name, str(states[0]), "--out", str(tmp_path / "out"), *options]
    child = started(arguments, FULL, stderr=subprocess.PIPE)
    _, errors = child.communicate()
    assert (child.returncode, errors.count(b"\n")) == (69, 1), errors
    assert b"cannot be written" in errors
    assert not list(tmp_path.iterdir())


def contents_of(out: Path) -> dict[str, bytes]:
    """Read a file, or all files of a directory."""
    files = [out] if out.is_file() else sorted(one for one in out.rglob("*") if one.is_file())
    return {str(one.relative_to(out)): one.read_bytes() for one in files}
