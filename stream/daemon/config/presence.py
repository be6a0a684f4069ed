"""Whether what settings name is there, or can be made: looked at once, and nothing is changed.

The daemon itself finds that out when it begins; a check says it before.
"""

from __future__ import annotations

import os
from pathlib import Path

from stream.daemon.config.layout import outputs_of
from stream.daemon.config.problems import Problems
from stream.daemon.config.settings import Settings
from stream.records.errors import BadConfiguration
from stream.sinks.exports.postgres.export import load_driver

__all__ = ["check_presence"]


def check_presence(settings: Settings, problems: Problems) -> None:
    """See that directories of sources and files of keys can be read, and outputs be written."""
    sources = [(f"watch[{index}].path", one.path) for index, one in enumerate(settings.watch)]
    sources += [(f"pace[{index}].path", one.path) for index, one in enumerate(settings.pace)]
    for key, path in sources:
        note_fault(key, path, fault_of_source(path), problems)
    for output in outputs_of(settings):
        fault = fault_of_output(output.path, is_directory=False)
        note_fault(output.key, output.path, fault, problems)
    for index, export in enumerate(settings.export):
        if export.has_tables:
            note_driver(f"export[{index}]", problems)
    for index, poll in enumerate(settings.poll):
        fault = fault_of_output(poll.directory, is_directory=True)
        note_fault(f"poll[{index}].evidence", poll.evidence, fault, problems)
        if poll.key_file is not None:
            missing = "which is not there, expected a file with the admin key"
            fault = None if os.path.isfile(poll.key_file) else missing  # noqa: PTH113 -- as below
            note_fault(f"poll[{index}].key_file", poll.key_file, fault, problems)


def note_driver(key: str, problems: Problems) -> None:
    """Note that what speaks to PostgreSQL is not installed, if it is not; nothing is connected."""
    try:
        load_driver()
    except BadConfiguration as error:
        problems.note(key, str(error))


def note_fault(key: str, path: Path, fault: str | None, problems: Problems) -> None:
    """Note what is wrong with a path, if anything is; of a bad key enough was said."""
    if fault is not None and problems.is_good(key):
        problems.note(key, f"found {path}, {fault}")


def fault_of_source(path: Path) -> str | None:
    """Say why no pages can be read from a directory; ``None``: they can."""
    if not os.path.lexists(path):
        return "which is not there, expected a directory"
    if not os.path.isdir(path):  # noqa: PTH112 -- Path's own raises where a parent is closed
        return "which is none, expected a directory"
    if not os.access(path, os.R_OK | os.X_OK):
        return "which may not be read, expected a directory that may"
    return None


def fault_of_output(path: Path, *, is_directory: bool) -> str | None:
    """Say why something cannot be written to a path; ``None``: it can, or can be made."""
    path = Path(os.path.realpath(path))
    if not is_directory:
        if os.path.lexists(path) and not os.path.isfile(path):  # noqa: PTH113 -- as above
            return "where something else stands, expected a regular file, or none yet"
        path = path.parent
    while not os.path.lexists(path):
        path = path.parent
    if not os.path.isdir(path):  # noqa: PTH112 -- as above
        return f"but {path} is no directory, expected one"
    if not os.access(path, os.W_OK | os.X_OK):
        return f"but {path} may not be written, expected a directory that may"
    return None
