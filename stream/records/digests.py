"""What tells a file from others: a digest of its bytes as they are stored.

Most files have an XXH3 of 128 bits, which takes hardly any time, and tells files apart that nobody
has made to look alike. Where somebody relies on a digest it is a SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["CHECKSUMS", "ListedSum", "is_sha256", "listed_sums", "spell_digest", "spell_sum"]

CHECKSUMS: Final = "CHECKSUMS.sha256"
"""The file that has the SHA-256 of those beside it, as ``sha256sum`` writes them."""
LINE: Final = r"(?P<escaped>\\)?(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<name>.+)"
SHA256_BYTES: Final = 32


class ListedSum(NamedTuple):
    """A line of a list of checksums: the file's name, and its SHA-256; none: it is no such line."""

    line: int
    name: str
    digest: bytes


def listed_sums(content: bytes) -> Iterator[ListedSum]:
    """Yield what a list of checksums has, line by line; blank lines are passed over."""
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        match = re.fullmatch(LINE, line)
        if match is not None:
            name = unescape_name(match["name"]) if match["escaped"] else match["name"]
            yield ListedSum(number, name.removeprefix("./"), bytes.fromhex(match["sha256"]))
        elif line.strip():
            yield ListedSum(number, "", b"")


def unescape_name(name: str) -> str:
    """Undo how sha256sum writes a name with backslashes or line breaks."""
    return re.sub(r"\\([\\nr])", lambda match: {"n": "\n", "r": "\r"}.get(match[1], "\\"), name)


def spell_sum(name: str, digest: bytes) -> str:
    """Write a line of a list of checksums; the name has no line break in it."""
    return f"{digest.hex()}  {name}\n"


def is_sha256(digest: bytes) -> bool:
    """Tell whether a digest is a SHA-256: it has 32 bytes, and an XXH3 has 16."""
    return len(digest) == SHA256_BYTES


def spell_digest(digest: bytes) -> str | None:
    """Write a digest with what it is: ``xxh3-128:…`` or ``sha256:…``; of none there is none."""
    if not digest:
        return None
    kind = "sha256" if is_sha256(digest) else "xxh3-128"
    return f"{kind}:{digest.hex()}"
