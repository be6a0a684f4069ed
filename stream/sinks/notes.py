"""Notes: a Markdown section for each run, so that reviewers can trace where a change came from."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from stream.records.privacy import escape_json, one_line
from stream.records.windows import timestamp
from stream.sinks.atomic import unwritable_file
from stream.sinks.report import Report

__all__ = ["append_notes"]

PACKAGES = ("usage-stream", "msgspec", "anyio", "aiofiles", "prometheus-client")


def append_notes(
    path: Path, command: str, report: Report, before: bytes | None, after: bytes
) -> None:
    """Append a section: command, versions, fixture digests, the summary before and after.

    Raises:
        Unavailable: the file cannot be written.
    """
    try:
        with open(path, "ab", opener=open_notes) as file:
            file.writelines(map(str.encode, pieces_of(command, report, before, after)))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable_file(path, error) from None


def open_notes(path: str, flags: int) -> int:
    """Open the file; a new one can be read by all."""
    return os.open(path, flags, 0o644)


def pieces_of(command: str, report: Report, before: bytes | None, after: bytes) -> Iterator[str]:
    """Yield the section as it is written; its table has a row for each file."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield f"""
## Replay of {timestamp(report.outline.now)}

Command: `{quote_text(command)}`

Versions: {versions}, Python {platform.python_version()}

| fixture | digest |
|---|---|
"""
    files = report.files.entries()
    for (name, digest), _ in groupby(files, attrgetter("name", "digest")):  # of all their chains
        yield f"| `{quote_text(name)}` | `{digest}` |\n"
    yield f"""
Summary before:

{fence_summary(before) if before else "none: no report stood there."}

Summary after:

{fence_summary(after)}
"""


def quote_text(text: str) -> str:
    """Return a text that can stand between backticks in a table."""
    return one_line(text).replace("`", "'").replace("|", "\\|")


def fence_summary(summary: bytes) -> str:
    """Show a summary as a block of JSON."""
    return f"```json\n{escape_json(summary).decode()}\n```"
