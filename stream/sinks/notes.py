"""Notes: a Markdown section for each run, so that reviewers can trace where a change came from."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from stream.privacy import one_line
from stream.records import timestamp
from stream.sinks.atomic import unwritable
from stream.sinks.report import Outline

__all__ = ["append_notes"]

PACKAGES = ("usage-stream", "msgspec", "anyio", "aiofiles", "prometheus-client")


def append_notes(
    path: Path, command: str, outline: Outline, before: bytes | None, after: bytes
) -> None:
    """Append a section: command, versions, fixture digests, the summary before and after.

    Raises:
        Unavailable: the file cannot be written.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    fixtures = "\n".join(
        f"| `{quoted(one['name'])}` | `{one['sha256']}` |"
        for one in outline.sections["run"]["fixtures"]
    )
    section = f"""
## Replay of {timestamp(outline.now)}

Command: `{quoted(command)}`

Versions: {versions}, Python {platform.python_version()}

| fixture | SHA-256 |
|---|---|
{fixtures}

Summary before:

{fenced(before) if before else "none: no report stood there."}

Summary after:

{fenced(after)}
"""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            remaining = section.encode()
            while remaining:
                remaining = remaining[os.write(descriptor, remaining) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unwritable(path, error) from None


def quoted(text: str) -> str:
    """Return a text that can stand between backticks in a table."""
    return one_line(text).replace("`", "'").replace("|", "\\|")


def fenced(summary: bytes) -> str:
    """Show a summary as a block of JSON."""
    return f"```json\n{summary.decode()}\n```"
