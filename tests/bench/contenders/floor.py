"""The floor: read and decode every page with usage-stream's own structs, and count the rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from stream.decode.pages import page_type
from stream.providers.openai import ENDPOINTS


def main(schema: str, pages: str) -> None:
    """Print how many rows each endpoint has."""
    rows = {}
    for key, shape in json.loads(Path(schema).read_bytes()).items():
        decode = msgspec.json.Decoder(page_type(ENDPOINTS[key])).decode
        rows[key] = sum(
            len(bucket.results)
            for path in sorted(Path(pages).glob(shape["files"]))
            for bucket in decode(path.read_bytes()).data
        )
    print(json.dumps(rows))  # noqa: T201 -- the answer that the benchmark compares


if __name__ == "__main__":
    main(*sys.argv[1:])
