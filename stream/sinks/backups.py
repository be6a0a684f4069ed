"""A copy of a state file: consistent while the file is in use, checked, and whole or not there."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from stream.records.errors import Unavailable
from stream.records.privacy import spell_name
from stream.sinks.atomic import prepare_parent, unwritable_file
from stream.sinks.scratch import make_scratch_directory
from stream.state.sqlite.inspection import Inspection, check_copy

__all__ = ["Backup", "back_up_state"]

NO_LINKS: Final = frozenset([errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
"""What a store answers that has no hard links."""
OWNER: Final = 0o600


class Backup(Struct, rename="camel"):
    """A copy that was made: where, how large, and the last transaction that is in it."""

    out: str
    bytes: int
    transaction: int


def back_up_state(state: Path, out: Path) -> Backup:
    """Copy a state file, which may be in use, to where nothing stands yet.

    Raises:
        BadInput: the state is damaged.
        Unavailable: it cannot be read, something stands at ``out``, or that cannot be written.
    """
    with closing(Inspection(state)) as source:
        if os.path.lexists(out):
            raise standing_there(out)
        place = prepare_parent(out)
        try:
            scratch = make_scratch_directory(place.parent)
        except OSError as error:
            raise unwritable_file(out, error) from None
        try:
            copy = scratch.path / "state"
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER))
            source.copy_to(copy)
            number = check_copy(copy, state)
            sync_path(copy)
            put_in_place(copy, place)
            sync_path(place.parent)
        except OSError as error:
            raise unwritable_file(out, error) from None
        finally:
            scratch.remove()
    return Backup(spell_name(str(out)), place.stat().st_size, number)


def standing_there(out: Path) -> Unavailable:
    """Say that something would be lost."""
    return Unavailable(f"{out}: cannot be written (something stands there already)")


def put_in_place(copy: Path, place: Path) -> None:
    """Give a file its name, where nothing has it.

    Raises:
        Unavailable: something has it.
        OSError: the store does not do that.
    """
    try:
        os.link(copy, place)
    except FileExistsError:
        raise standing_there(place) from None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        copy.rename(place)


def sync_path(path: Path) -> None:
    """Make a file, or the names in a directory, last through a power cut.

    Raises:
        OSError: they cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
