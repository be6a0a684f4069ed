"""Files that are read as a whole: arrays, and documents behind each other that are no lines."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_64

from stream.sources.contents import is_json, pages_in
from stream.sources.expansion import ExpandedFile

__all__ = ["Documents", "read_documents"]


class Documents(NamedTuple):
    """A file's pages, and the file as it was read; what is not whole may still be written to."""

    pages: list[bytes]
    marks: list[int]
    """What tells the pages before each, and behind the last, from others."""
    signature: str
    sha256: str | None
    is_whole: bool

    def mark_of(self, count: int) -> int:
        """Return what tells the first pages from others; -1: there are not so many."""
        return self.marks[count] if count < len(self.marks) else -1


def read_documents(path: Path, max_bytes: int) -> Documents:
    """Read a file of at most so many bytes, expanded.

    Raises:
        BadInput: it is too large, or no regular file, or cannot be expanded, or an empty array.
        Unavailable: it cannot be read.
    """
    file = ExpandedFile(path)
    try:
        pages = pages_in(file.read_whole(max_bytes))
        signature, sha256 = file.signature, file.sha256
    finally:
        file.close()
    digest, marks = xxh3_64(), [0]
    for page in pages:
        digest.update(page)
        marks.append(digest.intdigest())
    return Documents(pages, marks, signature, sha256, bool(pages) and is_json(pages[-1]))
