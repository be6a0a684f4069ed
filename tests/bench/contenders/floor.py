"""The floor: read, unpack and decode all pages with usage-stream's own structs; count the rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from stream.decode.wire import page_type
from stream.providers.openai import ENDPOINTS
from tests.bench.contenders.capture_lines import lines_of


class Line(msgspec.Struct):
    """What is needed of a capture's line."""

    endpoint: str
    page: msgspec.Raw


def pages_of(key: str, shape: dict[str, Any], place: Path) -> Iterable[Any]:
    """Yield the bytes of an endpoint's pages."""
    if place.is_dir():
        return (path.read_bytes() for path in sorted(place.glob(shape["files"])))
    lines = map(msgspec.json.Decoder(Line).decode, lines_of(place))
    return (line.page for line in lines if line.endpoint == key)


def main(schema: str, pages: str) -> None:
    """Print how many rows each endpoint has."""
    rows = {}
    for key, shape in json.loads(Path(schema).read_bytes()).items():
        decode = msgspec.json.Decoder(page_type(ENDPOINTS[key])).decode
        rows[key] = sum(
            len(bucket.results)
            for page in pages_of(key, shape, Path(pages))
            for bucket in decode(page).data
        )
    print(json.dumps(rows))  # noqa: T201 -- the answer that the benchmark compares


if __name__ == "__main__":
    main(*sys.argv[1:])
