"""Digests of what is read: cheap ones, or SHA-256 where somebody relies on it.

Files that a ``CHECKSUMS.sha256`` beside them lists have a SHA-256, which is compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from xxhash import xxh3_128, xxh3_128_digest

from stream.records.digests import CHECKSUMS, listed_sums
from stream.records.errors import BadInput, Unavailable
from stream.records.shares import ALL

__all__ = ["CHEAP", "Digests", "Hasher"]

MOST_BYTES: Final = 1 << 28
"""How large a list of checksums may be."""


class Hasher(Protocol):
    """Takes a digest piece by piece."""

    def update(self, content: bytes, /) -> object:
        """Take more bytes."""

    def digest(self) -> bytes:
        """Return the digest of all of them."""


class Digests:
    """How digests are taken: of which pages, and of what kind.

    ``is_sha256``: each is a SHA-256. ``is_compared``: lists of checksums that stand beside files
    are read, and what they list must be so. ``shares`` tells of which pages a digest is taken.
    """

    def __init__(
        self,
        *,
        is_sha256: bool = False,
        is_compared: bool = False,
        shares: Callable[[int], bool] = ALL.digests,
    ) -> None:
        """Take digests so; each list of checksums is read once."""
        self.is_sha256 = is_sha256
        self.is_compared = is_compared
        self.shares = shares
        self._lists: dict[str, dict[str, bytes]] = {}
        """Directory → what the list there has."""

    def take(self, place: str, page: int, content: bytes) -> bytes:
        """Return the digest of a file's content; of a page that is not to have one there is none.

        Raises:
            BadInput: the list beside it says another, or is no list.
            Unavailable: that list cannot be read.
        """
        if not self.shares(page):
            return b""
        expected = self._expected_at(place) if self.is_compared else None
        if expected is None and not self.is_sha256:
            return xxh3_128_digest(content)
        digest = hashlib.sha256(content).digest()
        compare_digests(digest, expected)
        return digest

    def hasher_for(self, place: str) -> Hasher:
        """Return what takes the digest of a file piece by piece; :meth:`check` compares it.

        Raises:
            BadInput: the list beside it is no list.
            Unavailable: that list cannot be read.
        """
        if self.is_sha256 or (self.is_compared and self._expected_at(place) is not None):
            return hashlib.sha256()
        return xxh3_128()

    def check(self, place: str, digest: bytes) -> None:
        """See that a file's digest is what the list beside it says.

        Raises:
            BadInput: it is another.
        """
        if self.is_compared:
            compare_digests(digest, self._expected_at(place))

    def _expected_at(self, place: str) -> bytes | None:
        """Return the digest that a list says a file has; ``None``: none does."""
        directory, name = os.path.split(place)
        known = self._lists.get(directory)
        if known is None:
            known = self._lists[directory] = read_list(Path(directory))
        return known.get(name)


def read_list(directory: Path) -> dict[str, bytes]:
    """Read the list of checksums in a directory; where there is none, nothing is listed.

    Raises:
        BadInput: it is no such list.
        Unavailable: it cannot be read.
    """
    path = directory / CHECKSUMS
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read ({error.strerror})") from None
    found = {}
    for one in listed_sums(content):
        if not one.name:
            message = f"line {one.line} of {CHECKSUMS} is none of sha256sum; make the file again"
            raise BadInput("checksum", message)
        found[one.name] = one.digest
    return found


def compare_digests(digest: bytes, expected: bytes | None) -> None:
    """See that a digest is the one that is expected, if any is.

    Raises:
        BadInput: it is another.
    """
    if expected is not None and digest != expected:
        raise BadInput(
            "checksum",
            f"found the SHA-256 {digest.hex()[:16]}…, and {CHECKSUMS} beside it has "
            f"{expected.hex()[:16]}…; bring the file back, or make {CHECKSUMS} again",
        )


CHEAP: Final = Digests()
"""Takes cheap digests of all pages, and compares nothing."""
