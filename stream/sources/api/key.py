"""The admin key: where it comes from, and that it stays out of everything that is shown."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from stream.records.errors import BadConfiguration
from stream.records.privacy import one_line, register_secret, spell_name
from stream.sources.opening import FLAGS

__all__ = ["KEY_VARIABLE", "AdminKey"]

KEY_VARIABLE: Final = "OPENAI_ADMIN_KEY"
LONGEST_FILE: Final = 4096
SHORTEST: Final = 8
SHAPE: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
ROOT: Final = 0


class AdminKey:
    """A key that can be sent, and not be seen: neither printed, pickled nor copied.

    From the moment that it is known, :func:`stream.records.privacy.mask_text` hides its text,
    whatever it looks like.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take a key.

        Raises:
            BadConfiguration: it cannot be one; the message does not show it.
        """
        fault = fault_of_key(text)
        self._text = "" if fault else text
        del text  # a traceback may be shown with what its functions hold
        if fault:
            raise BadConfiguration(f"the admin key {fault}")
        register_secret(self._text)

    def __repr__(self) -> str:
        return "AdminKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an admin key is neither pickled nor copied")

    def reveal(self) -> str:
        """Return the key itself: for the header that it is sent in, and nothing else."""
        return self._text

    @classmethod
    def load(cls, path: Path | None) -> AdminKey:
        """Take the key from a file, or without one from this process' environment.

        Raises:
            BadConfiguration: there is none.
        """
        return cls.from_environment(os.environ) if path is None else cls.from_file(path)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> AdminKey:
        """Take the key from the variable that the official client takes it from.

        Raises:
            BadConfiguration: it is not set, or cannot be a key.
        """
        if not environment.get(KEY_VARIABLE):
            raise BadConfiguration(
                f"{KEY_VARIABLE} is not set; put an admin key in it, or in a file of its own"
            )
        try:
            return cls(environment[KEY_VARIABLE].strip())
        except BadConfiguration as error:
            raise BadConfiguration(f"{KEY_VARIABLE}: {error}") from None

    @classmethod
    def from_file(cls, path: Path) -> AdminKey:
        """Take the key from a file of one line, which nobody but its owner may read.

        A link is followed inside its own directory alone, as orchestrators lay out secrets.

        Raises:
            BadConfiguration: the file cannot be read, others may read it, or it holds no key.
        """
        place = one_line(spell_name(str(path)))
        try:
            return cls(read_private(path))
        except (OSError, RuntimeError) as error:  # until Python 3.13 a loop of links is the latter
            reason = getattr(error, "strerror", "a loop of links")
            raise BadConfiguration(f"{place}: cannot be read ({reason})") from None
        except BadConfiguration as error:
            raise BadConfiguration(f"{place}: {error}") from None


def read_private(path: Path) -> str:
    """Return the text of a file that its owner alone may read.

    Raises:
        BadConfiguration: it is no regular file, somebody else's, or others may read it.
        OSError: it cannot be read.
    """
    home = path.parent.resolve(strict=True)
    place = path.resolve(strict=True)
    if not place.is_relative_to(home):
        raise BadConfiguration("is a link out of its directory; name the file itself")
    with os.fdopen(os.open(place, FLAGS), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BadConfiguration("is no regular file")
        if status.st_uid not in {os.geteuid(), ROOT}:
            raise BadConfiguration("belongs to somebody else; it must be yours")
        if status.st_mode & OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise BadConfiguration(f"others may read it (mode {mode:04o}); chmod 600 it")
        if status.st_size > LONGEST_FILE:
            raise BadConfiguration(f"is larger than {LONGEST_FILE} bytes, and no key")
        return file.read(LONGEST_FILE).decode("latin-1").strip()


def fault_of_key(text: str) -> str | None:
    """Say why a text cannot be a key, without showing it; ``None``: it can."""
    if not text:
        return "is empty"
    if len(text.splitlines()) > 1:
        return "has several lines, expected one"
    if not SHAPE.fullmatch(text):
        return "has blanks or characters that no key has"
    if not SHORTEST <= len(text) <= LONGEST_FILE:
        return f"has {len(text)} characters, expected {SHORTEST} to {LONGEST_FILE}"
    return None
