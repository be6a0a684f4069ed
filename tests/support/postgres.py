"""A real PostgreSQL on a socket of its own: one cluster for a session, a database for a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg

__all__ = ["GUARDED", "Cluster", "Gate", "find_programs", "postgres_cluster"]

PATIENCE = 30
OWNER = "postgres"
SUPERUSER = "postgres"
GUARDED = "guarded"
ACCESS = f"local all {GUARDED} scram-sha-256\nlocal all all trust\n"
"""All may connect through the socket; one role has to show a password."""
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "20",
    "autovacuum": "off",
    "listen_addresses": "",
}


def find_programs() -> Path:
    """Return where the newest of the server's programs are, which Debian puts on no path."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(found, key=lambda one: int(one.parts[-3]) if one.parts[-3].isdigit() else 0)
    return versions[-1].parent if versions else Path("/usr/lib/postgresql")


class Cluster:
    """A server that runs; its databases are reached through its socket."""

    def __init__(self, place: Path, programs: Path) -> None:
        """Speak to the server whose data and socket are in ``place``."""
        self.place = place
        self.programs = programs

    def control(self, *arguments: str) -> None:
        """Start or stop it: it is its own user's, as it refuses to be root's."""
        data = str(self.place / "data")
        subprocess.run(
            [*as_owner(), str(self.programs / "pg_ctl"), "-D", data, "-w", "-s", *arguments],
            check=True,
            timeout=PATIENCE,
            cwd=self.place,
            stdin=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in FAST.items())
        options = f"-k {self.place} {settings}"
        self.control("-l", str(self.place / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it."""
        self.control("-m", mode, "stop")

    def variables(self, database: str, user: str = SUPERUSER) -> dict[str, str]:
        """Return what libpq needs to know."""
        return {"PGHOST": str(self.place), "PGDATABASE": database, "PGUSER": user}

    @contextmanager
    def connect(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """Connect as who may do anything, each statement for itself."""
        found = {"host": str(self.place), "dbname": database, "user": SUPERUSER}
        with psycopg.connect(autocommit=True, **found) as connection:  # type: ignore[arg-type]  # its own gap
            yield connection

    def make_database(self) -> str:
        """Make an empty database; return its name."""
        name = f"test_{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return name


def as_owner() -> list[str]:
    """Return what a command begins with to run as the server's user."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]


@contextmanager
def postgres_cluster(programs: Path) -> Iterator[Cluster]:
    """Run a server for as long as somebody needs it."""
    place = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's name is short
    cluster = Cluster(place, programs)
    try:
        place.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(place, OWNER, OWNER)
        subprocess.run(
            [
                *as_owner(),
                str(programs / "initdb"),
                *("-D", str(place / "data"), "-U", SUPERUSER, "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ],
            check=True,
            timeout=PATIENCE,
            cwd=place,
            stdout=subprocess.DEVNULL,
        )
        (place / "data" / "pg_hba.conf").write_text(ACCESS, "ascii")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(place)


class Gate:
    """Stands between a client and the server, and can end the client as it sends something.

    ``is_reached`` is told how many bytes have come, and the last of them; when it says so, the
    client is killed, and the server sees what came before that alone, or with ``is_late`` that too.
    """

    def __init__(self, place: Path, cluster: Cluster) -> None:
        """Listen on a socket in ``place``."""
        self.place = place
        self._target = str(cluster.place / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(place / ".s.PGSQL.5432"))
        self._listener.listen()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._listener.close()

    def kill_at(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        is_reached: Callable[[int, bytes], bool],
        *,
        is_late: bool,
    ) -> int:
        """Start a client, kill it when it gets there, and return its exit code."""
        victim = start()
        ours, _ = self._listener.accept()
        theirs = socket.socket(socket.AF_UNIX)
        theirs.connect(self._target)
        back = threading.Thread(target=forward_all, args=(theirs, ours))
        back.start()
        try:
            total = 0
            while chunk := ours.recv(1 << 13):
                total += len(chunk)
                reached = is_reached(total, chunk)
                if is_late or not reached:
                    theirs.sendall(chunk)
                if reached:
                    victim.kill()
                    break
        finally:
            code = victim.wait(PATIENCE)
            for one in (ours, theirs):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            back.join(PATIENCE)
            ours.close()
            theirs.close()
        return code


def forward_all(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until one of the two is gone."""
    with suppress(OSError):
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
