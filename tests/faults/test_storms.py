"""Many connections at once leave ingestion and memory as they were."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import NamedTuple

import pytest

from tests.support.asking import opened, request, rest
from tests.support.bad_pages import END, MORE, ONE, TWO
from tests.support.daemons import Answer, Daemon, daemon
from tests.support.pages import bucket, page, put, put_all, used

MANY = 300
DEADLINE = 5
SERIES = 200
HASTY = (
    *(sys.executable, "-c"),
    (
        "import sys; from stream.cli import run_command; from stream.daemon import http_server; "
        f"http_server.REQUEST_SECONDS = {DEADLINE}; sys.exit(run_command(sys.argv[4:]))"
    ),
)
"""What runs the command that follows with a shorter deadline for requests."""
LARGE = 64 * 1024 * 1024
LOOKS = 10
MIB = 1024
"""In KiB, as the kernel counts."""


class Use(NamedTuple):
    """What a process holds: descriptors, threads, and memory in KiB."""

    descriptors: int
    threads: int
    memory: int


def use(running: Daemon) -> Use:
    """Look at what a daemon holds."""
    place = Path(f"/proc/{running.process.pid}")
    lines = (place / "status").read_text("ascii").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    descriptors = sum(1 for _ in (place / "fd").iterdir())
    return Use(descriptors, int(status["Threads"]), int(status["VmRSS"].split()[0]))


def settled(running: Daemon) -> Use:
    """Look at what a daemon holds once connections of before have ended."""
    looks: list[Use] = []

    def steady() -> bool:
        looks.append(use(running))
        last = {look.descriptors for look in looks[-LOOKS:]}
        return len(looks) >= LOOKS and len(last) == 1

    running.until(steady, "rest")
    return looks[-1]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon that has seen much, and been asked for it."""
    rows = [used(1, project_id=f"project-{index}", batch="true") for index in range(SERIES)]
    put_all(tmp_path / "pages", {"usage_embeddings.json": page(bucket(*rows)), ONE: MORE})
    with daemon(tmp_path, "--report-seconds", "3600", tracer=HASTY) as found:  # or it mends it
        found.until(lambda: found.ask("/report").status == 200, "the report")
        with ThreadPoolExecutor(8) as some:
            list(some.map(found.ask, ["/", "/report", "/metrics"] * 20))
        yield found


def tokens(running: Daemon) -> float:
    """Return the tokens of completions."""
    labels = {"endpoint": "usage/completions", "token_type": "input"}
    return running.value("openai_api_tokens_total", **labels)


@pytest.mark.no_cover
def test_half_open_connections_cost_nothing(running: Daemon) -> None:
    """While 300 say nothing or half of it, others are served and pages counted; then it is over."""
    before = settled(running)
    with ExitStack() as stack:
        half = [
            stack.enter_context(opened(running.port, sent))
            for sent in [b"", b"GET /metrics HT", request("/metrics")[:-2]] * (MANY // 3)
        ]
        started = time.monotonic()
        running.until(lambda: use(running).descriptors >= before.descriptors + MANY, "the crowd")
        put(running.place / "pages", TWO, END)
        running.until(lambda: tokens(running) == 12, "the page")
        assert running.ask("/metrics").status == 200
        assert time.monotonic() - started < DEADLINE
        during = use(running)
        assert during.descriptors >= before.descriptors + MANY
        assert during.threads <= before.threads + 4
        assert during.memory < before.memory + 16 * MIB
        assert {rest(one) for one in half} == {b""}
    running.until(lambda: use(running).descriptors <= before.descriptors, "the end of all")
    assert use(running).threads <= before.threads + 4
    assert use(running).memory < before.memory + 16 * MIB


def test_a_storm_of_scrapes_is_answered(running: Daemon) -> None:
    """Each of 300 scrapes at once is answered whole, a page is counted, and memory stays flat."""
    before, together = settled(running), Barrier(MANY + 1)

    def scrape(_: int) -> Answer:
        together.wait()
        return running.ask("/metrics")

    with ThreadPoolExecutor(MANY) as threads:
        answers = threads.map(scrape, range(MANY))
        together.wait()
        put(running.place / "pages", TWO, END)
        running.until(lambda: tokens(running) == 12, "the page")
        assert use(running).memory < before.memory + 32 * MIB
        for answer in answers:
            assert answer.status == 200
            assert answer.text.count("openai_api_tokens_total{") >= SERIES
    assert use(running).memory < before.memory + 32 * MIB
    running.until(lambda: use(running).descriptors <= before.descriptors, "the end of all")


def test_more_connections_than_there_may_be_end_the_eldest(running: Daemon) -> None:
    """Beyond 512 connections the eldest that waits is ended, and a scrape is still answered."""
    before = settled(running)
    with ExitStack() as stack:
        half = [stack.enter_context(opened(running.port, b"GET /")) for _ in range(2 * MANY)]
        assert rest(half[0]) == b""
        assert running.ask("/metrics").status == 200
        assert use(running).descriptors <= before.descriptors + 512 + 1
        half[-1].sendall(request("healthz", "Connection: close")[4:])
        assert rest(half[-1]).endswith(b"ok\n")


@pytest.mark.no_cover
def test_slow_readers_of_the_report_are_cut_off(running: Daemon) -> None:
    """Readers that take nothing keep neither descriptors nor memory, and others are served."""
    with (running.place / "report.json").open("r+b") as file:
        file.truncate(LARGE)
    before = settled(running)
    with ExitStack() as stack:
        slow = [
            stack.enter_context(opened(running.port, request("/report"), window=4096))
            for _ in range(MANY // 3)
        ]
        running.until(lambda: use(running).descriptors > before.descriptors + len(slow), "readers")
        during = use(running)
        assert during.descriptors <= before.descriptors + len(slow) + 64 + 1
        assert during.memory < before.memory + 64 * MIB
        running.until(lambda: use(running).descriptors <= before.descriptors, "the end of all")
        assert all(len(rest(one)) < LARGE for one in slow)
    assert len(running.ask("/report").body) == LARGE
