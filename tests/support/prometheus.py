"""A real Prometheus on loopback, for as long as a test needs it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 30


class Prometheus:
    """Asks a running server."""

    def __init__(self, address: str) -> None:
        """Ask the server at ``address``."""
        self.address = address

    def ask(self, path: str, **parameters: object) -> Any:
        """Return the data of an API answer."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return json.load(answer)["data"]

    def ready(self) -> bool:
        """Tell whether the server answers."""
        try:
            urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=PATIENCE).close()
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def prometheus(directory: Path, configuration: str = "") -> Iterator[Prometheus]:
    """Run a server over the blocks in ``directory/data``; it is ended by its id."""
    (directory / "prometheus.yml").write_text(configuration, "utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        client, end = Prometheus(address), time.monotonic() + PATIENCE
        while not client.ready():
            assert server.poll() is None, (directory / "prometheus.log").read_text("utf-8")
            assert time.monotonic() < end, "prometheus did not get ready"
        yield client
    finally:
        server.terminate()
        server.wait(PATIENCE)
