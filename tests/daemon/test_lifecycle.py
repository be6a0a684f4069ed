"""The daemon's life: it is stopped, told to load anew, killed, and denied its store."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.bad_pages import GOOD, ONE
from tests.support.daemons import Daemon, command, configure, daemon
from tests.support.pages import bucket, letters_in, page, put, put_all, put_recorded, used
from tests.support.places import FIXTURES
from tests.support.processes import faulty, spent_in
from tests.support.prometheus import free_port
from tests.support.running import replay

MANY = 400
MOST = 40
AT_ONCE = 3
WAKES, TICKS = 40, 5
"""Of an idle second: 20 of the watcher's thread and some of the loop's; hundredths of a second."""
SECONDS = 15


def chain(directory: Path, pages: int) -> Path:
    """Write a long chain whose buckets come again and grow."""
    directory.mkdir(exist_ok=True)
    for number in range(1, pages + 1):
        name = "usage_completions.json" if number == 1 else f"usage_completions_page{number}.json"
        rows = [used(number, model=f"m{index}") for index in range(3)]
        cursor = f"c{number}" if number < pages else None
        put(directory, name, page(bucket(*rows, day=number % 50), cursor=cursor))
    return directory


def test_a_second_signal_exits_at_once(tmp_path: Path) -> None:
    """While it stops, another signal ends the daemon, and nothing is lost."""
    chain(tmp_path / "pages", MANY)
    with daemon(tmp_path, "--checkpoint-seconds", "30", wait=False) as found:
        found.until(lambda: found.ask("/healthz").status == 200, "life")
        found.process.send_signal(signal.SIGTERM)
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(30) in {0, 130, 143}
    with daemon(tmp_path) as found:
        assert found.stop() == 0
    expected = replay(tmp_path / "pages", "--no-details")
    assert (tmp_path / "report.json").read_bytes() == expected.raw


@pytest.mark.no_cover
def test_kills_lose_nothing(tmp_path: Path) -> None:
    """After kills at many moments the report is that of a replay, and no counter ever fell."""
    chain(tmp_path / "pages", MANY)
    shown: dict[str, float] = {}
    names = ("openai_api_tokens_total", "openai_api_tokens_corrected_total")
    for delay in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        with daemon(tmp_path, "--checkpoint-pages", "20", wait=False) as found:
            found.until(lambda: found.ask("/healthz").status == 200, "life")
            end = time.monotonic() + delay
            while True:
                samples = found.metrics()
                for name in (*names, "usage_stream_records_total", "usage_stream_pages_read_total"):
                    value = sum(samples.get(name, {}).values())
                    assert value >= shown.get(name, 0)
                    shown[name] = value
                if time.monotonic() >= end:
                    break
            found.stop(signal.SIGKILL)
    with daemon(tmp_path) as found:
        assert found.value("usage_stream_records_total") == 3 * MANY
        assert found.stop() == 0
    expected = replay(tmp_path / "pages", "--no-details")
    assert (tmp_path / "report.json").read_bytes() == expected.raw


def test_the_configuration_is_loaded_again(tmp_path: Path) -> None:
    """A reload starts new sources; a bad one is refused, and the daemon goes on as before."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    put_all(tmp_path / "more", {"usage_embeddings.json": page(bucket(used(5)))})
    more = '[[watch]]\npath = "pages"\n[[watch]]\npath = "more"\nname = "more"'
    with daemon(tmp_path) as found:
        configure(tmp_path, found.port, sources=more)
        assert found.ask("/-/reload", method="POST").status == 200
        found.until(lambda: found.value("openai_api_tokens_total") == 12, "the new source")
        configure(tmp_path, found.port, more="nonsense = 1")
        answer = found.ask("/-/reload", method="POST")
        assert (answer.status, "nonsense" in answer.text) == (400, True)
        assert found.value("usage_stream_config_last_reload_successful") == 0
        configure(tmp_path, found.port + 1)
        found.process.send_signal(signal.SIGHUP)
        found.until(lambda: "wants a restart" in found.log(), "the refusal")
        assert found.ask("/-/reload").status == 405
        configure(tmp_path, found.port)
        found.process.send_signal(signal.SIGHUP)
        name = "usage_stream_config_last_reload_successful"
        found.until(lambda: found.value(name) == 1, "the reload")
        assert found.stop() == 0


@pytest.mark.no_cover  # the same starts and stops again and again
@pytest.mark.needs_program("strace")
@pytest.mark.parametrize("calls", ["fsync,fdatasync", "rename"])
def test_a_kill_at_each_sync_and_rename_loses_nothing(calls: str, tmp_path: Path) -> None:
    """Killed at its first sync, its second, and so on, the next daemon ends with the same bytes."""
    expected, kills = replay(put_recorded(tmp_path / "pages"), "--no-details").raw, 0

    def is_killed(when: int) -> bool:
        place = tmp_path / str(when)
        put_recorded(place / "pages")
        tracer = faulty(calls, f"signal=KILL:when={when}")
        with daemon(place, tracer=tracer, wait=False) as found:
            if ended(found) == 0:
                return False
        with daemon(place) as found:
            assert found.stop() == 0
        assert (place / "report.json").read_bytes() == expected
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:  # they wait more than they work
        for first in range(1, MOST, AT_ONCE):
            killed = list(pool.map(is_killed, range(first, first + AT_ONCE)))
            kills += sum(killed)
            if not all(killed):
                break
    assert 0 < kills < MOST - 1


def ended(found: Daemon) -> int:
    """Wait until a traced daemon has died; one that has caught up is stopped."""
    while found.process.poll() is None:
        try:
            caught_up = found.ready() and found.ask("/report").status == 200
        except OSError:
            caught_up = False
        if caught_up:
            child = Path(f"/proc/{found.process.pid}/task/{found.process.pid}/children")
            for pid in child.read_text("ascii").split():
                os.kill(int(pid), signal.SIGTERM)
            break
        time.sleep(0.02)
    return found.process.wait(30)


@pytest.mark.no_cover
@pytest.mark.needs_program("strace")
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_store_that_fails_for_long_ends_it(fault: str, tmp_path: Path) -> None:
    """A checkpoint that cannot be stored is tried again, and after give_up_seconds it is 69."""
    chain(tmp_path / "pages", MANY)
    tracer = faulty("pwrite64,fdatasync", f"error={fault}:when=80+")
    options = ("--give-up-seconds", "1", "--checkpoint-pages", "20")
    with daemon(tmp_path, *options, tracer=tracer, wait=False) as found:
        assert found.process.wait(60) == 69
        assert "gave up after 1 seconds" in found.log()
        assert "Traceback" not in found.log()
    with daemon(tmp_path) as found:
        assert found.stop() == 0
    expected = replay(tmp_path / "pages", "--no-details")
    assert (tmp_path / "report.json").read_bytes() == expected.raw


@pytest.mark.needs_program("strace")
def test_a_store_that_fails_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    """A few writes that fail cost time and a warning, and no page."""
    chain(tmp_path / "pages", MANY)
    tracer = faulty("pwrite64", "error=ENOSPC:when=80..81")
    with daemon(tmp_path, "--checkpoint-pages", "20", tracer=tracer) as found:
        assert found.value("usage_stream_checkpoint_failures_total") > 0
        assert found.value("usage_stream_records_total") == 3 * MANY
        child = Path(f"/proc/{found.process.pid}/task/{found.process.pid}/children")
        os.kill(int(child.read_text("ascii").split()[0]), signal.SIGTERM)
        assert found.process.wait(30) == 0
    expected = replay(tmp_path / "pages", "--no-details")
    assert (tmp_path / "report.json").read_bytes() == expected.raw


def started(place: Path, *options: str, port: int) -> subprocess.CompletedProcess[str]:
    """Run a daemon that must not start."""
    (place / "pages").mkdir(exist_ok=True)
    return subprocess.run(
        command(configure(place, port), *options),
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_what_keeps_it_from_starting_is_one_line(tmp_path: Path) -> None:
    """A taken address, state in use, damaged state, no directory: a line and its exit code."""
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        ended = started(tmp_path, port=port)
        assert (ended.returncode, ended.stderr.count("\n")) == (69, 1), ended.stderr
        assert "cannot be listened on" in ended.stderr
    with daemon(tmp_path) as found:
        ended = started(tmp_path, "--http-listen", f"127.0.0.1:{port}", port=found.port)
        assert (ended.returncode, ended.stderr.count("\n")) == (69, 1), ended.stderr
        assert f"pid {found.process.pid}" in ended.stderr
        assert found.stop() == 0
    (tmp_path / "state.db").write_bytes(b"no database at all, and long enough to be seen" * 30)
    ended = started(tmp_path, port=port)
    assert (ended.returncode, ended.stderr.count("\n")) == (65, 1), ended.stderr
    shutil.rmtree(tmp_path / "pages")
    ended = subprocess.run(
        command(configure(tmp_path, port)), check=False, capture_output=True, text=True, timeout=30
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (69, 1), ended.stderr


def test_systemd_is_told(tmp_path: Path) -> None:
    """Readiness, signs of life, reloads and the stop are sent to the notify socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        heard: list[str] = []
        with daemon(tmp_path, variables=variables) as found:
            while not any("WATCHDOG=1\nSTATUS=ready" in one for one in heard):
                heard.append(listener.recv(4096).decode())
            assert any(one.startswith("READY=1") for one in heard)
            found.process.send_signal(signal.SIGHUP)
            while not any(one.startswith("RELOADING=1") for one in heard):
                heard.append(listener.recv(4096).decode())
            while not heard[-1].startswith("READY=1"):
                heard.append(listener.recv(4096).decode())
            assert found.stop() == 0
            while not heard[-1].startswith("STOPPING=1"):
                heard.append(listener.recv(4096).decode())


def test_secrets_reach_no_output(tmp_path: Path) -> None:
    """Emails, keys and private values stand in no log, metric, page, dead letter or state."""
    secret = "sk-proj-Abcdefgh01234567"
    row = used(5, project_id=secret, owner="Jane Doe", mail="a@corp.test", model="a@corp.test")
    bad = used("x", project_id=secret, email="a@corp.test")
    put_all(tmp_path / "pages", {ONE: page(bucket(row, bad)), f"notes {secret}.txt": "x"})
    with daemon(tmp_path, "--details", "true") as found:
        put(tmp_path / "pages", "usage_embeddings.json", f'{{"error": {{"message": "{secret}"}}}}')
        found.until(lambda: len(letters_in(tmp_path / "dead")) == 2, "the dead letters")
        answers = "".join(found.ask(path).text for path in ("/", "/metrics", "/report"))
        assert found.stop() == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "pages" not in path.parts]
    held = b"".join(path.read_bytes() for path in files)
    for word in ("Abcdefgh", "Jane", "corp.test"):
        assert word not in answers
        assert word.encode() not in held
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("state.db*")}
    assert set(modes.values()) == {0}


def test_an_idle_daemon_rests(tmp_path: Path) -> None:
    """With nothing to do, a second costs few wakes and next to no CPU time.

    The kernel counts both for the daemon alone. What it still finishes takes the first seconds.
    """
    shutil.copytree(FIXTURES, tmp_path / "pages")
    with daemon(tmp_path, "--checkpoint-seconds", "5", "--report-seconds", "60") as found:
        seconds: list[tuple[int, int]] = []
        while not any(wakes <= WAKES and ticks <= TICKS for wakes, ticks in seconds):
            assert len(seconds) < SECONDS, seconds
            seconds.append(spent_in(found.process.pid, 1.0))
