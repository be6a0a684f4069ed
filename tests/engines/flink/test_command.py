"""``usage-stream flink`` where Flink need not run: what stands in its way, and what is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.captures import BROKEN, WRITTEN
from tests.support.engines import Engine, reported, same
from tests.support.envelopes import EMPTY, line, put_capture
from tests.support.pages import bucket, letters_in, page, used
from tests.support.running import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for an installation: the files that are looked for, and nothing that runs."""
    for program in ("bin/flink", "bin/java"):
        path = tmp_path / "home" / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setenv("FLINK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Make a directory with one small capture."""
    (tmp_path / "in").mkdir()
    put_capture(tmp_path / "in" / "a.ndjson", [line()])
    return tmp_path / "in"


def refused(code: int, *arguments: str | Path) -> str:
    """See that a command is refused in one line; return it."""
    found, output, errors = run(["flink", *map(str, arguments)])
    assert (found, output, errors.count("\n")) == (code, "", 1), errors
    return errors


def test_without_flink_nothing_is_submitted(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says how to get it, and names a FLINK_HOME that has none."""
    monkeypatch.delenv("FLINK_HOME", raising=False)
    monkeypatch.setattr("stream.engines.flink.submit.find_spec", lambda _: None)
    assert "make flink" in refused(78, "submit", captures, tmp_path / "out")
    monkeypatch.setenv("FLINK_HOME", str(tmp_path))
    assert f"FLINK_HOME ({tmp_path})" in refused(78, "submit", captures, tmp_path / "out")


def test_without_java_nothing_is_submitted(
    captures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names a JAVA_HOME that has none, or says that there is none."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert f"JAVA_HOME ({tmp_path})" in refused(78, "submit", captures, tmp_path / "out")
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setattr("stream.engines.flink.submit.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(home / "lib"))
    assert "there is no Java" in refused(78, "submit", captures, tmp_path / "out")


def test_a_client_that_cannot_be_run_is_named(captures: Path, tmp_path: Path, home: Path) -> None:
    """A file that is no program is a matter of the installation, and not a bug."""
    assert f"{home}/bin/flink: cannot be run" in refused(78, "submit", captures, tmp_path / "out")


@pytest.mark.usefixtures("home")
def test_captures_that_flink_cannot_read_are_refused(captures: Path, tmp_path: Path) -> None:
    """None at all, packed ones that want a jar, and names that Flink passes over in silence."""
    out = tmp_path / "out"
    assert "found no captures" in refused(65, "submit", tmp_path / "nowhere", out)
    (tmp_path / "empty").mkdir()
    assert "found no captures" in refused(65, "submit", tmp_path / "empty", out)
    packed = put_capture(captures / "b.ndjson.zst", [line()])
    assert "found b.ndjson.zst" in refused(65, "submit", captures, out)
    packed.rename(captures / "_b.ndjson")
    assert "found _b.ndjson" in refused(65, "submit", captures, out)


@pytest.mark.usefixtures("home")
def test_fixtures_beside_captures_are_refused(captures: Path, tmp_path: Path) -> None:
    """A job reads captures alone, and would leave out what a replay counts."""
    (captures / "costs.json").touch()
    named = "found costs.json, which is a fixture"
    assert named in refused(65, "submit", captures, tmp_path / "out")
    Engine(tmp_path / "out").end()
    assert named in refused(65, "report", captures, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("below/c.ndjson", "found below/c.ndjson, which has pages"),
        ("notes.csv", "found notes.csv (found CSV"),
    ],
)
@pytest.mark.usefixtures("home")
def test_nothing_beside_captures_is_left_out_in_silence(
    name: str, found: str, captures: Path, tmp_path: Path
) -> None:
    """What a replay would count, or name, a job does not read, and says so."""
    (captures / name).parent.mkdir(exist_ok=True)
    (captures / name).write_text("x,y\n", "utf-8")
    assert found in refused(65, "submit", captures, tmp_path / "out")


@pytest.mark.usefixtures("home")
def test_each_run_writes_to_a_directory_of_its_own(captures: Path, tmp_path: Path) -> None:
    """What another run has written is left alone."""
    put_capture(tmp_path / "other", [b"x"])
    for out in (tmp_path, tmp_path / "other"):
        assert "is not empty" in refused(78, "submit", captures, out)


@pytest.mark.usefixtures("home")
def test_a_restore_wants_a_whole_checkpoint(captures: Path, tmp_path: Path) -> None:
    """A directory without one is named."""
    (tmp_path / "chk-7").mkdir()
    said = refused(78, "submit", captures, tmp_path / "out", "--restore", tmp_path / "chk-7")
    assert "no checkpoint that is whole" in said


SPEAKS = """#!/bin/sh
printf '%s\\n' "$@" > "$0.arguments"
echo 'Job has been submitted with JobID 0123456789abcdef0123456789abcdef'
echo 'Caused by: org.apache.flink.util.FlinkException: Failed to execute job'
echo 'Caused by: java.net.ConnectException: Connection refused'
exit $WITH
"""


def test_flinks_client_is_told_what_to_run(
    captures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the job, the place to go on from and the user's settings, the last of which hold."""
    client = home / "bin" / "flink"
    client.write_text(SPEAKS, "utf-8")
    client.chmod(0o755)
    whole = tmp_path / "checkpoints" / "chk-2"
    whole.mkdir(parents=True)
    (whole / "_metadata").touch()
    (tmp_path / "checkpoints" / "chk-3").mkdir()
    options = ["--follow", "7", "--restore", str(whole.parent), "-D", "a.b=c", "--parallelism", "2"]
    monkeypatch.setenv("WITH", "0")
    code, output, errors = run(
        ["flink", "submit", str(captures), str(tmp_path / "out"), *options, "--no-details"]
    )
    assert (code, errors) == (0, "")
    assert json.loads(output) == {"jobId": "0123456789abcdef" * 2}
    told_to = (home / "bin" / "flink.arguments").read_text("utf-8").splitlines()
    assert told_to[:2] == ["run", "--detached"]
    assert told_to[told_to.index("--fromSavepoint") + 1] == f"file://{whole}"
    assert told_to[told_to.index("--parallelism") + 1] == "2"
    assert told_to.index("-Da.b=c") < told_to.index("-py")
    assert told_to[told_to.index("-py") + 2 :] == [
        f"file://{captures}",
        f"file://{tmp_path / 'out'}",
        "--every=10",
        "--no-details",
        "--max-page-bytes=268435456",
        "--follow=7",
    ]
    monkeypatch.setenv("WITH", "1")
    code, _, errors = run(["flink", "submit", str(captures), str(tmp_path / "out")])
    assert (code, errors) == (
        69,
        "usage-stream: Flink at 127.0.0.1:8081: java.net.ConnectException: Connection refused\n",
    )


def test_the_client_takes_the_jar_that_is_bound_to_loopback(
    captures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A jar that is not known is refused, unless the user names the directory to take it from."""
    client = home / "bin" / "flink"
    client.write_text(SPEAKS, "utf-8")
    client.chmod(0o755)
    (home / "opt").mkdir()
    (home / "opt" / "flink-python-9.jar").write_bytes(b"no jar")
    monkeypatch.setenv("WITH", "0")
    assert "flink-python-9.jar" in refused(78, "submit", captures, tmp_path / "out")
    assert not (home / "bin" / "flink.arguments").exists()
    monkeypatch.setenv("FLINK_OPT_DIR", str(home / "opt"))
    assert run(["flink", "submit", str(captures), str(tmp_path / "out")])[0] == 0


def told(captures: Path, tmp_path: Path, *, details: bool = True) -> Path:
    """Let an engine write what captures come to."""
    engine = Engine(tmp_path / "out", details=details)
    engine.take(captures)
    engine.end()
    return tmp_path / "out"


def test_a_report_of_everything_that_the_rules_speak_of(tmp_path: Path) -> None:
    """Wider windows, labels, views, lists, money, collisions and unknown fields."""
    captures = put_capture(tmp_path / "a.ndjson", WRITTEN)
    assert same(captures, told(captures, tmp_path)).code == 1


def test_a_report_refuses_what_a_replay_refuses(tmp_path: Path) -> None:
    """Each bad line ends it with 65 and one line, which names the capture or the chain."""
    for number, bad in enumerate(BROKEN):
        place = tmp_path / str(number)
        place.mkdir()
        captures = put_capture(place / "a.ndjson", [line(), bad])
        said = refused(65, "report", captures, told(captures, place), "--now", "1735689600")
        assert "a.ndjson" in said or "label cut" in said


def test_what_is_set_aside_is_what_a_replay_sets_aside(tmp_path: Path) -> None:
    """The report, the exit code and the letters' reasons are those of a replay."""
    (tmp_path / "in").mkdir()
    put_capture(tmp_path / "in" / "a.ndjson", [*WRITTEN, *BROKEN])
    aside = ("--on-error", "dead-letter", "--dead-letters", str(tmp_path / "dead"))
    assert same(tmp_path / "in", told(tmp_path / "in", tmp_path), *aside).code == 1
    assert len(letters_in(tmp_path / "dead")) == len(BROKEN) - 1  # a walk without an end is none


def test_captures_without_a_page_have_a_report(tmp_path: Path) -> None:
    """Empty captures, and pages without a bucket, give what a replay gives."""
    (tmp_path / "in").mkdir()
    put_capture(tmp_path / "in" / "a.ndjson", [line(EMPTY)])
    put_capture(tmp_path / "in" / "b.ndjson", [])
    same(tmp_path / "in", told(tmp_path / "in", tmp_path))


def test_a_report_wants_what_it_is_made_of(captures: Path, tmp_path: Path) -> None:
    """No figures, files that do not fit together, rows of something else, and no windows."""
    out = tmp_path / "out"
    assert "no figures are there" in refused(69, "report", captures, out)
    told(captures, tmp_path, details=False)
    assert "--no-details" in refused(78, "report", captures, out)
    assert reported(captures, out, "--no-details")[1] == 0
    (out / "totals" / "part-0").rename(tmp_path / "totals")
    assert "files of the run are missing" in refused(69, "report", captures, out)
    (out / "totals" / "part-0").write_text("{}\n", "utf-8")
    assert "found no row of a run" in refused(65, "report", captures, out)


def test_windows_are_those_that_the_sums_were_made_of(captures: Path, tmp_path: Path) -> None:
    """While a run writes, windows that are older or newer than the sums make no report."""
    out = told(captures, tmp_path)
    rows = out / "windows" / "part-0"
    (row,) = rows.read_text("utf-8").splitlines()
    rows.unlink()
    assert "still writing" in refused(69, "report", captures, out)
    rows.write_text(row.replace('"version": 1', '"version": 2'), "utf-8")
    assert reported(captures, out)[1] == 0
    put_capture(tmp_path / "other.ndjson", [line(page(bucket(used(8))))])
    other = Engine(tmp_path / "out2")
    other.take(tmp_path / "other.ndjson")
    other.end()
    rows.write_bytes((tmp_path / "out2" / "windows" / "part-0").read_bytes())
    assert "still writing" in refused(69, "report", captures, out)


def test_a_capture_that_has_changed_beside_its_list_is_refused(
    captures: Path, tmp_path: Path
) -> None:
    """Digests are those of a replay: one that a list has is a SHA-256, and must be so."""
    out, listed = told(captures, tmp_path), captures / "CHECKSUMS.sha256"
    found = hashlib.sha256((captures / "a.ndjson").read_bytes()).hexdigest()
    listed.write_text(f"{found}  a.ndjson\n", "utf-8")
    report = json.loads(reported(captures, out)[0])
    assert [one["digest"] for one in report["run"]["fixtures"]] == [f"sha256:{found}"]
    listed.write_text(f"{'0' * 64}  a.ndjson\n", "utf-8")
    assert refused(65, "report", captures, out).startswith("usage-stream: a.ndjson: found the SHA")


def test_a_capture_that_is_gone_is_named(captures: Path, tmp_path: Path) -> None:
    """Its digest cannot be taken any more."""
    out = told(captures, tmp_path)
    (captures / "a.ndjson").rename(captures / "b.ndjson")
    assert refused(65, "report", captures, out).startswith("usage-stream: a.ndjson: ")
