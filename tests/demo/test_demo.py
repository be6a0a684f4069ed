"""The demonstration as a newcomer runs it: figures move, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.places import ROOT

PATIENCE = 120
COMMAND = (sys.executable, "-m", "tests.demo")
INPUT = re.compile(r"^openai_api_requests_total\{.*\} (\S+)$", re.MULTILINE)


def ask(url: str) -> str:
    """Return what a page says."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 -- on loopback
        text: str = answer.read().decode()
    return text


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def processes_in(place: Path) -> list[str]:
    """Return the commands that run with something below a directory."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = one.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(place) in text:
            found.append(text)
    return found


@pytest.mark.no_cover
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_figures_move_and_nothing_is_left(number: int, tmp_path: Path) -> None:
    """Requests are counted and grow, each address answers, and a signal ends all of it."""
    variables = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    variables.pop("SOURCE_DATE_EPOCH", None)
    without = () if number == signal.SIGINT else ("--no-prometheus",)
    with subprocess.Popen(
        [*COMMAND, *without], stdout=subprocess.PIPE, cwd=ROOT, env=variables, text=True
    ) as demo:
        try:
            assert demo.stdout is not None
            lines: list[str] = []
            while not (lines and lines[-1].startswith("Ctrl-C")):
                lines.append(demo.stdout.readline())
                assert lines[-1], lines
            urls = re.findall(r"(http://\S+)$", "".join(lines[:-3]), re.MULTILINE)
            assert len(urls) >= 4
            metrics = next(url for url in urls if url.endswith("/metrics"))

            def count() -> float:
                return sum(map(float, INPUT.findall(ask(metrics))))

            until(lambda: count() > 0)
            if number == signal.SIGINT:
                first = count()
                until(lambda: count() > first)
                assert "demo" in ask(urls[0])
                for url in urls:
                    if not url.endswith("/report"):  # it may not be written yet
                        ask(url)
            assert processes_in(tmp_path)
            demo.send_signal(number)
            assert demo.wait(PATIENCE) == 0
            assert demo.stdout.read() == "stopped\n"
        finally:
            if demo.poll() is None:
                demo.terminate()
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(urllib.error.URLError):
        ask(metrics)


def test_the_target_is_in_the_help() -> None:
    """``make demo`` runs this module, and stands in the list of targets."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"(?m)^demo: \$\(STAMP\) ## .+\n\t\$\(BIN\)/python -m tests\.demo", makefile)
