"""Lines of captures as a test wants them, and captures packed in each way."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import zstandard

from tests.support.pages import Json, bucket, kept, page, used
from tests.support.strategies import written

SUFFIXES: Final = ("", ".gz", ".zst")
EMPTY: Final = page()


def zstd(content: bytes) -> bytes:
    """Pack into one zstd frame with a checksum, as the command-line tool does."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


PACKED: Final[dict[str, Callable[[bytes], bytes]]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd}
"""How a capture's bytes are stored, by the suffix of its name."""


def envelope(content: object = ..., **fields: object) -> Json:
    """Make an envelope with a small page; a field that is ``...`` is left out."""
    content = page(bucket(used(7))) if content is ... else content
    made = {"endpoint": "usage/completions", "label": "primary", "observed_at": None}
    return kept({**made, "request": None, "page": content, **fields})


def line(content: object = ..., **fields: object) -> bytes:
    """Write an envelope on one line, without a line break."""
    return written(envelope(content, **fields)).encode()


def dumped(made: Any, **options: Any) -> bytes:
    """Write JSON as Python's own writer does."""
    return json.dumps(made, **options).encode()


def put_capture(path: Path, lines: Iterable[bytes]) -> Path:
    """Write a capture, packed as its name says."""
    content = b"".join(one + b"\n" for one in lines)
    suffix = path.suffix if path.suffix in PACKED else ""
    path.write_bytes(PACKED[suffix](content))
    return path
