"""Run a command inside the test's own process, its clock standing still, or on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from decimal import Decimal
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from stream.cli import run_command

NOW = "1735689600"  # 2025-01-01T00:00:00Z
PLAIN = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
"""The environment without what changes Python: PYTHONUNBUFFERED hides what is left in buffers."""


class Replayed(NamedTuple):
    """What a replay left behind: its report (``None`` without one), exit code and output."""

    report: dict[str, Any] | None
    raw: bytes
    code: int
    errors: str
    output: str


def replay(directory: Path, *arguments: str, **options: object) -> Replayed:
    """Replay a directory; ``channel_capacity=1`` stands for ``--channel-capacity 1``."""
    flags = [text for name, value in options.items() for text in flag(name, value)]
    with TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = ["replay", str(directory), "--report", str(report), "--now", NOW]
        code, output, errors = run([*command, *arguments, *flags])
        raw = report.read_bytes() if report.exists() else b""
        assert [path.name for path in Path(scratch).iterdir()] == ["report.json"] * bool(raw)
    parsed = json.loads(raw, parse_float=Decimal) if raw else None
    return Replayed(parsed, raw, code, errors, output)


def flag(name: str, value: object) -> list[str]:
    """Write an option as a command line does."""
    option = f"--{name.replace('_', '-')}"
    return [option] if value is True else [option, str(value)]


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command; return its exit code, stdout and stderr."""
    output, errors = TextIOWrapper(BytesIO(), "utf-8"), StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = run_command(arguments)
        output.flush()
    output.seek(0)
    return code, output.read(), errors.getvalue()


def on_a_terminal(*arguments: str) -> tuple[bytes, str]:
    """Run a command whose stderr is a terminal; return its stdout, and what the terminal shows."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return done.stdout, drawn
