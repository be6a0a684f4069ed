"""What is replayed: pages from the seeded generator, and what must come out of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.digests import CHECKSUMS
from tests.bench.running import measured
from tests.support.places import ROOT

__all__ = ["CACHE", "WORKLOADS", "Dataset", "Workload", "dataset"]

CACHE: Final = ROOT / "out" / "bench"
SEED: Final = 1
PEOPLE: Final = ("--projects", 20, "--keys", 200)
Options = tuple[object, ...]


class Workload(NamedTuple):
    """A name, what is in it, how many rows by default, and the generator's options for so many.

    ``kind`` is empty for a directory of fixtures, or a capture's ending.
    """

    name: str
    what: str
    rows: int
    options: Callable[[int], Options]
    kind: str = ""


class Dataset(NamedTuple):
    """Generated pages: a directory or a capture; rows and bytes as delivered; what is in a row."""

    workload: Workload
    options: Options
    pages: Path
    schema: Path
    rows: int
    size: int


def fresh(rows: int) -> Options:
    """Walks of ten buckets: half of them are new, and half grew since the walk before."""
    a_bucket = min(1000, max(1, rows // 40))
    return (*shape(rows, a_bucket, 5, rows // a_bucket // 10), "--overlap", 0.5, "--revised", 1)


def re_poll(rows: int) -> Options:
    """Walks of one page: four of its five buckets come again unchanged."""
    a_bucket = min(1000, max(1, rows // 40))
    return (*shape(rows, a_bucket, 5, rows // a_bucket // 5), "--overlap", 0.8)


def small_pages(rows: int) -> Options:
    """Pages of one bucket with twenty rows, each delivered once."""
    return (*shape(rows, 20, 1, 1), "--width", "1m")


def small_buckets(rows: int) -> Options:
    """Pages of an hour of minutes, with fifty rows each, each delivered once."""
    return (*shape(rows, 50, 60, 1), "--width", "1m")


def small_buckets_again(rows: int) -> Options:
    """Walks of one such page: four of its five buckets come again unchanged."""
    return (*shape(rows, 50, 60, rows // 50 // 60), "--width", "1m", "--overlap", 0.8)


def wide(rows: int) -> Options:
    """All endpoints; again half of the buckets come a second time, and grew."""
    a_bucket = min(200, max(1, rows // 400))
    walks = rows // (a_bucket * len(ENDPOINTS)) // 10
    ways = ("--overlap", 0.5, "--revised", 1, "--endpoints", "all")
    return (*shape(rows, a_bucket, 5, walks), *ways)


def capture(rows: int) -> Options:
    """Rows as fresh, a hundredth of those that come again with lower figures: the last counts."""
    return (*fresh(rows), "--corrected", 0.01)


def shape(rows: int, a_bucket: int, buckets_a_page: int, walks: int) -> Options:
    """Return the options that every workload has."""
    sizes = ("--rows", rows, "--rows-per-bucket", a_bucket, "--buckets-per-page", buckets_a_page)
    return (*sizes, "--walks", max(walks, 1 if walks == 1 else 2), *PEOPLE)


WORKLOADS: Final = {
    one.name: one
    for one in (
        Workload("fresh", "half of the buckets come a second time, and grew", 1_000_000, fresh),
        Workload("re-poll", "four of five buckets come again unchanged", 1_000_000, re_poll),
        Workload("small-pages", "20 rows a page", 400_000, small_pages),
        Workload("small-buckets", "50 rows a bucket, once", 1_000_000, small_buckets),
        Workload(
            "small-buckets-again",
            "50 rows a bucket, and four of five buckets come again unchanged",
            1_000_000,
            small_buckets_again,
        ),
        Workload("wide", "all endpoints, half of the buckets grew", 500_000, wide),
        Workload(
            "capture",
            "one capture, packed with zstd; half of the buckets come a second time, and replace",
            2_000_000,
            capture,
            ".ndjson.zst",
        ),
    )
}


def dataset(
    workload: Workload, rows: int, *, seed: int = SEED, cache: Path = CACHE, kind: str | None = None
) -> Dataset:
    """Return the data of a workload; it is generated unless the cache has it.

    ``kind`` may be another than the workload's.

    Raises:
        Failed: the generator did not end with 0.
    """
    options = (*workload.options(rows), "--seed", seed)
    kind = workload.kind if kind is None else kind
    # Other options, or another generator, are other data.
    known = hashlib.sha256(" ".join(map(str, options)).encode())
    for source in sorted((ROOT / "stream" / "recordings" / "synth").glob("*.py")):
        known.update(source.read_bytes())
    place = cache / f"{workload.name}-{rows}-{seed}-{known.hexdigest()[:12]}"
    pages, summary = place / f"pages{kind}", place / f"summary{kind}.json"
    if not summary.exists():
        if pages.is_dir():
            shutil.rmtree(pages)
        place.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "stream", "generate", str(pages), *map(str, options)]
        made = measured(command).output
        if not kind:
            (pages / CHECKSUMS).unlink()  # most pages come without one
        names = json.loads(made)["endpoints"]
        shapes = {key: shape_of(ENDPOINTS[key]) for key in names}
        (place / "schema.json").write_text(json.dumps(shapes, indent=1), "utf-8")
        summary.write_bytes(made)
    said = json.loads(summary.read_bytes())
    rows = said["delivered"]["rows"]
    return Dataset(workload, options, pages, place / "schema.json", rows, said["bytes"])


def shape_of(endpoint: Endpoint) -> dict[str, Any]:
    """Tell contenders what an endpoint's rows hold, and what its files are called.

    ``amount_value`` and ``currency`` stand in the row's ``amount``, as ``value`` and ``currency``.
    """
    return {
        "files": f"{endpoint.key.replace('/', '_')}_fixture*.json",
        "dimensions": endpoint.grouped_by,
        "counters": endpoint.counts or endpoint.money,
    }
