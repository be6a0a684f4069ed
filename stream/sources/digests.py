"""Digests of what is read: cheap ones, or SHA-256 where somebody relies on it.

Files that a ``CHECKSUMS.sha256`` beside them lists have a SHA-256, which is compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from xxhash import xxh3_128, xxh3_128_digest

from stream.records.digests import CHECKSUMS, listed_sums
from stream.records.errors import BadInput, Unavailable
from stream.records.shares import ALL
from stream.sources.regular_files import open_regular, read_regular

__all__ = ["CHEAP", "Digests", "Hasher"]

MOST_BYTES: Final = 1 << 28
"""How large a list of checksums may be."""
Sums: TypeAlias = dict[str, bytes]
"""Name of a file → its SHA-256."""


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
        self._lists: dict[str, Sums | str] = {}
        """Directory → what the list there has, or why it is none."""

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
        digest = sha256_of(content).digest()
        if expected is not None:
            compare_digests(digest, expected)
        return digest

    def hasher_for(self, place: str) -> Hasher:
        """Return what takes the digest of a file piece by piece.

        Raises:
            BadInput: the list beside it is no list.
            Unavailable: that list cannot be read.
        """
        if self.is_sha256 or (self.is_compared and self._expected_at(place) is not None):
            return sha256_of()
        return xxh3_128()

    def check_file(self, path: Path) -> None:
        """See that a file is what the list beside it says, before anything in it counts.

        Raises:
            BadInput: it is not, or the list is none.
            Unavailable: one of them cannot be read.
        """
        expected = self._expected_at(str(path)) if self.is_compared else None
        if expected is None:
            return
        import hashlib  # noqa: PLC0415 -- as below

        try:
            with os.fdopen(open_regular(path), "rb", buffering=0) as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise Unavailable(f"{path}: cannot be read ({error.strerror})") from None
        compare_digests(digest, expected)

    def _expected_at(self, place: str) -> bytes | None:
        """Return the digest that a list says a file has; ``None``: none does.

        Raises:
            BadInput: the list is none.
            Unavailable: it cannot be read.
        """
        name = place.rfind("/") + 1
        directory = place[:name]
        known = self._lists.get(directory)
        if known is None:
            known = self._lists[directory] = read_list(Path(directory))
        if isinstance(known, str):
            raise BadInput("checksum", known)
        return known.get(place[name:]) if known else None


def sha256_of(content: bytes = b"") -> Hasher:
    """Begin a SHA-256 with some bytes."""
    import hashlib  # noqa: PLC0415 -- 2 ms; few files are listed anywhere

    return hashlib.sha256(content)


def read_list(directory: Path) -> Sums | str:
    """Read the list of checksums in a directory, or say why it is none.

    Where none is there, nothing is listed.

    Raises:
        Unavailable: it cannot be read.
    """
    path = directory / CHECKSUMS
    if not os.path.lexists(path):
        return {}
    try:
        content = read_regular(path, MOST_BYTES)
    except BadInput as error:
        return f"{CHECKSUMS} beside it: {error.message}"
    found: Sums = {}
    for one in listed_sums(content):
        if not one.name:
            fault = "is none of sha256sum"
        elif found.setdefault(one.name, one.digest) != one.digest:
            fault = "lists a file again, with another sum"
        else:
            continue
        return f"line {one.line} of {CHECKSUMS} beside it {fault}; make {CHECKSUMS} again"
    return found


def compare_digests(digest: bytes, expected: bytes) -> None:
    """See that a digest is the one that is expected.

    Raises:
        BadInput: it is another.
    """
    if digest != expected:
        raise BadInput(
            "checksum",
            f"found the SHA-256 {digest.hex()[:16]}…, expected {expected.hex()[:16]}… as "
            f"{CHECKSUMS} beside it says; bring the file back, or make {CHECKSUMS} again",
        )


CHEAP: Final = Digests()
"""Takes cheap digests of all pages, and compares nothing."""
