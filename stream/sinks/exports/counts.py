"""What came of an export of records: how many were written, of which endpoints, and where to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from stream.records.privacy import spell_name
from stream.sinks.exports.records import RecordBatch

__all__ = ["WrittenRecords", "count_records"]


class WrittenRecords(Struct, rename="camel"):
    """What was written: records, those of each endpoint, and bytes as they are stored.

    ``exact_texts``: how many figures did not fit into their column, and stand in another as text.
    """

    out: str
    rows: int = 0
    endpoints: dict[str, int] = {}
    bytes: int = 0
    files: int = 1
    exact_texts: int = 0

    def __post_init__(self) -> None:
        """Spell the name so that it can be shown."""
        self.out = spell_name(self.out)


def count_records(
    batches: Iterable[RecordBatch], written: WrittenRecords, on_records: Callable[[int], None]
) -> Iterator[RecordBatch]:
    """Yield batches, and count what has been done with them; ``on_records`` is told of each."""
    for batch in batches:
        yield batch
        key = batch.endpoint.key
        written.rows += batch.rows
        written.endpoints[key] = written.endpoints.get(key, 0) + batch.rows
        on_records(batch.rows)
