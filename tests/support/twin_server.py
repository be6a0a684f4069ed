"""The twin on loopback, and what an account says of itself when it is pulled."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvicorn

from stream.recordings.twin import DEFAULT_KEY, Twin
from stream.recordings.twin.server import listen_on, twin_app
from tests.support.running import PLAIN

__all__ = ["KEYED", "PATIENCE", "RunningTwin", "pull_process", "serve_twin_here", "wait_for"]

PATIENCE: Final = 240.0
"""Seconds after which something hangs: starts and syncs of a crowded machine take tens of them."""
KEYED: Final = {**PLAIN, "OPENAI_ADMIN_KEY": DEFAULT_KEY}
"""An environment that has the key."""


class RunningTwin(NamedTuple):
    """A twin, and where it is asked."""

    twin: Twin
    url: str

    @property
    def targets(self) -> list[str]:
        """What it was asked for and has answered with a page, with every parameter."""
        noted = list(self.twin.requests)  # at once, as its thread adds to them
        return [f"{one.path}?{one.query}" for one in noted if one.status == 200]


@contextmanager
def serve_twin_here(
    seed: int = 1, clock: Callable[[], float] = time.time, **options: Any
) -> Iterator[RunningTwin]:
    """Serve a twin from a thread of this process, so that a test may look into it."""
    twin = Twin(seed, clock, **options)
    opened = listen_on("127.0.0.1", 0)
    config = uvicorn.Config(
        twin_app(twin),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        wait_for(lambda: server.started, "the twin")
        yield RunningTwin(twin, f"http://127.0.0.1:{opened.getsockname()[1]}/v1")
    finally:
        server.should_exit = True
        thread.join()
        opened.close()


def wait_for(holds: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.005)


def pull_process(
    out: Path, url: str, *options: str, variables: Mapping[str, str] = KEYED
) -> subprocess.Popen[bytes]:
    """Start a pull as a process of its own."""
    command = [sys.executable, "-m", "stream", "pull", str(out), "--base-url", url, *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env={**variables})


def read_lines(written: bytes) -> list[dict[str, Any]]:
    """Read the lines of a capture, each of which must be whole."""
    assert not written or written.endswith(b"\n")
    return [json.loads(line) for line in written.splitlines()]
