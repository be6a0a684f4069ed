"""The floor: read and decode every page with the same structs, and do nothing with them."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from stream.decode.pages import page_type
from stream.endpoints import ENDPOINTS

decode = msgspec.json.Decoder(page_type(ENDPOINTS["usage/completions"])).decode
total = 0
for path in sorted(Path(sys.argv[1]).glob("*.json")):
    total += sum(len(bucket.results) for bucket in decode(path.read_bytes()).data)
print(total)  # noqa: T201 -- the benchmark checks that nothing was passed over
