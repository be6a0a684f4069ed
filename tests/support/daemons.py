"""A real daemon, as a process on loopback, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.support.prometheus import free_port
from tests.support.running import NOW

PATIENCE = 30
Labels = frozenset[tuple[str, str]]


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Daemon:
    """A daemon that runs in ``place``; ``port`` is where it is asked."""

    def __init__(
        self,
        place: Path,
        port: int,
        process: subprocess.Popen[bytes],
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Speak to a process that was started, over TLS where there is a context."""
        self.place = place
        self.port = port
        self.process = process
        self.context = context

    def ask(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request."""
        scheme = "http" if self.context is None else "https"
        url = f"{scheme}://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, method=method, headers=dict(headers or {}))  # noqa: S310 -- it is the daemon's
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE, context=self.context) as answer:  # noqa: S310 -- as above
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def metrics(self) -> dict[str, dict[Labels, float]]:
        """Return every sample, by name and labels."""
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(self.ask("/metrics").text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have these labels."""
        wanted = frozenset(labels.items())
        samples = self.metrics().get(name, {})
        return sum(value for held, value in samples.items() if wanted <= held)

    def until(self, holds: Callable[[], bool], what: str = "it") -> None:
        """Wait until something holds; a daemon that has ended meanwhile is a failure."""
        end = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.log()
            try:
                if holds():
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            assert time.monotonic() < end, f"{what} did not happen\n{self.log()}"
            time.sleep(0.02)

    def ready(self) -> bool:
        """Tell whether it has caught up."""
        return self.ask("/readyz").status == 200

    def log(self) -> str:
        """Return what it has logged."""
        return (self.place / "log").read_text("utf-8")

    def events(self) -> list[dict[str, Any]]:
        """Return its log lines as JSON."""
        return [json.loads(line) for line in self.log().splitlines()]

    def report(self) -> dict[str, Any]:
        """Return the report on disk."""
        path = self.place / "report.json"
        if self.process.poll() is None:
            self.until(path.exists, "a report")
        text = path.read_text("utf-8")
        found: dict[str, Any] = json.loads(text, parse_float=Decimal)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def tokens(found: Daemon) -> float:
    """Return the input tokens that count: accepted less corrected."""
    name, token = "openai_api_tokens", {"token_type": "input"}
    return found.value(f"{name}_total", **token) - found.value(f"{name}_corrected_total", **token)


def configure(place: Path, port: int, *, sources: str = "", more: str = "", http: str = "") -> Path:
    """Write a configuration that is quick to act; ``pages`` is watched unless sources are given."""
    text = f"""
state = "state.db"
report = "report.json"
dead_letters = "dead"
checkpoint_seconds = 0.1
report_seconds = 0.1
settle_seconds = 0.5
{more}
{sources or "[[watch]]" + chr(10) + 'path = "pages"'}
[http]
listen = "127.0.0.1:{port}"
{http}
[log]
level = "debug"
"""
    path = place / "config.toml"
    path.write_text(text, "utf-8")
    return path


def command(config: Path, *options: str) -> list[str]:
    """Write the command of a daemon."""
    return [sys.executable, "-m", "stream", "daemon", "--config", str(config), *options]


@contextmanager
def daemon(  # noqa: PLR0913 -- what a test may want to be different
    place: Path,
    *options: str,
    sources: str = "",
    more: str = "",
    http: str = "",
    variables: Mapping[str, str] | None = None,
    tracer: tuple[str, ...] = (),
    wait: bool = True,
    context: ssl.SSLContext | None = None,
) -> Iterator[Daemon]:
    """Run a daemon in ``place``; it is ended by its id."""
    (place / "pages").mkdir(exist_ok=True)
    port = free_port()
    config = configure(place, port, sources=sources, more=more, http=http)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": NOW, **(variables or {})}
    if tracer:  # coverage would write files of its own, and meet the faults
        environment = {name: one for name, one in environment.items() if name[:3] != "COV"}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [*tracer, *command(config, *options)], stderr=log, env=environment, cwd=place
        )
    running = Daemon(place, port, process, context)
    try:
        if wait:
            running.until(running.ready, "readiness")
        yield running
    finally:
        if process.poll() is None:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            for child in children.read_text("ascii").split() if tracer else ():
                os.kill(int(child), signal.SIGKILL)
            process.kill()
        process.wait(PATIENCE)
