"""Captures in which is everything that the rules speak of."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.support.envelopes import line, put_capture
from tests.support.pages import DAY, FIRST, bucket, listed, page, used
from tests.support.running import run

EARLY, LATE = "2024-12-01T06:00:00Z", "2024-12-01T12:00:00Z"
AHEAD: Final = "2025-06-01T00:00:00Z"
COARSE = {"group_by": ["project_id"], "bucket_width": "1d"}
FINE = {"group_by": ["project_id", "model", "user_id"], "bucket_width": "1d"}
SHAPE: Final = (
    "--rows-per-bucket 25 --walks 8 --overlap 0.5 --revised 0.5 --late 0.05 --corrected 0.1 "
    "--repeated 0.1 --out-of-order 0.1 --rollups"
)


def hour(number: int, *rows: object) -> object:
    """Make a bucket of one hour of the first day."""
    start = FIRST + 3600 * number
    return bucket(*rows, start_time=start, end_time=start + 3600)


def paid(value: object, **fields: object) -> dict[str, object]:
    """Make a row of costs."""
    return {"amount": {"value": value, "currency": "usd"}, **fields}


WRITTEN: Final = [
    # A day beside its hours, and a week beside its days.
    line(page(hour(3, used(5, model="m")), hour(4, used(6, model="m"))), observed_at=EARLY),
    line(page(bucket(used(20, model="m"))), observed_at=EARLY, label="daily"),
    line(page(*(bucket(used(3 + n), day=n) for n in range(7))), endpoint="usage/embeddings"),
    line(
        page(bucket(used(99), end_time=FIRST + 7 * DAY)), endpoint="usage/embeddings", label="weeks"
    ),
    # Labels, and a walk that comes later, in which a row is gone and another has fallen.
    line(page(bucket(used(8, project_id="p"), used(9), day=9)), observed_at=EARLY, label="eu"),
    line(page(bucket(used(7, project_id="p"), day=9)), observed_at=LATE, label="eu"),
    # Two views of the same usage, one of them without a time.
    line(page(bucket(used(30, project_id="p"), day=10)), observed_at=EARLY, request=COARSE),
    line(
        page(bucket(used(30, project_id="p", model="m", user_id="u"), day=10)), request=FINE
    ),
    # Objects that are there, and that are referred to and are not.
    line(listed({"id": "p"}, {"id": "q"}), endpoint="projects"),
    line(listed({"id": "u", "email": "someone@example.com"}), endpoint="users"),
    line(listed({"id": "k", "owner": {"id": "nobody"}}), endpoint="api_keys"),
    line(page(bucket(used(1, project_id="gone", user_id="gone", api_key_id="k"), day=11))),
    # Money: many digits, a credit, a text.
    line(page(bucket(paid(Decimal("12345678901234567890.000000000000000000000000000001")),
                     paid(Decimal("-0.75"), project_id="p"), paid("12.50", project_id="q"))),
         endpoint="costs"),
    # Rows of one identity that say different things, and fields that nobody knows.
    line(page(bucket(used(4, model="m"), used(5, model="m"), day=12))),
    line(page(bucket(used(2, region="eu", ratio=0.25, grand=2**62), used(2, grand=2**62), day=13))),
    # Labels that differ, windows that overlap, walks through filters, currencies, and levels.
    line(page(bucket(used(7), day=19)), label="one"),
    line(page(bucket(used(8), day=19)), label="other"),
    line(page(bucket(used(3), day=20, end_time=FIRST + 20 * DAY + 60_000)), label="one"),
    line(page(bucket(used(3), start_time=FIRST + 20 * DAY + 9, end_time=FIRST + 21 * DAY))),
    line(page(bucket(used(3), day=21)), request={"project_ids": ["p"]}),
    line(page(bucket(used(4), day=21)), request={"project_ids": ["q"], "group_by[]": "model"}),
    line(page(bucket({"amount": {"value": "1e-40", "currency": "EUR"}})), endpoint="costs"),
    line(page(bucket({"usage_bytes": 9}, day=40)), endpoint="usage/vector_stores"),
    b"",
    b"   ",
]  # fmt: skip

BROKEN: Final = [
    b'{"endpoint": "usage/completions", "label": ',
    line(page(bucket(used(-1), used(1), day=14))),
    line(page(bucket(used(1.5), day=15), bucket(used(3), day=16))),
    line(page(bucket(used(3), day=17)), observed_at=AHEAD),
    line(page(bucket(used(3), day=18), cursor="more"), observed_at=LATE, label="cut"),
    line(endpoint="usage/telepathy"),
    b"\xff\xfe",
]
"""Broken JSON, bad counts, a time ahead of the clock, a walk without an end, an unknown name."""


def generated(path: Path, rows: int, endpoints: str = "all", shape: str = SHAPE) -> Path:
    """Generate a capture; its expectations are not kept."""
    options = f"--rows {rows} --endpoints {endpoints} {shape}".split()
    code, _, errors = run(["generate", str(path), *options])
    assert code == 0, errors
    path.with_name(f"{path.name.partition('.')[0]}.expectations.json").unlink()
    return path


def mixed(place: Path, rows: int) -> Path:
    """Put captures into a new directory, plain and packed, under names that are no plain words."""
    place.mkdir()
    generated(place / "made.ndjson", rows)
    packed = gzip.compress((place / "made.ndjson").read_bytes()[: 1 << 20].rpartition(b"\n")[0])
    (place / "made again é.ndjson.gz").write_bytes(packed)
    put_capture(place / "by hand's.ndjson", WRITTEN)
    (place / "nothing.ndjson").touch()
    (place / "dead_letters.ndjson").write_bytes(BROKEN[1])
    return place
