"""A real PostgreSQL on a socket of its own: one cluster for a session, a database for a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

__all__ = ["Cluster", "find_programs", "postgres_cluster"]

PATIENCE = 30
OWNER = "postgres"
SUPERUSER = "postgres"
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "20",
    "autovacuum": "off",
    "listen_addresses": "",
}


def find_programs() -> Path | None:
    """Return where the newest of the server's programs are; ``None``: there are none."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(found, key=lambda one: int(one.parts[-3]) if one.parts[-3].isdigit() else 0)
    return versions[-1].parent if versions else None


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
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(place)
