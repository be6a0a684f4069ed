"""What may be said of an export on a schedule: ``[[export]]``; and whether that goes together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from stream.daemon.config.durations import Period
from stream.daemon.config.names import Name
from stream.daemon.config.problems import Problems
from stream.records.errors import BadConfiguration
from stream.sinks.captures import PACKED
from stream.sinks.exports.postgres.export import check_target
from stream.sinks.exports.postgres.layout import DEFAULT_SCHEMA

__all__ = ["ExportSettings", "check_exports"]

TABLES: Final = frozenset({"postgres"})
"""Formats that are no files: they have a service and a schema, and the others ``out``."""


class ExportSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What state holds, written in another format every so often.

    ``service`` and ``schema`` are of PostgreSQL, ``out`` is the file of any other format.
    """

    format: Literal["postgres", "openmetrics"]
    name: Name = ""
    every: Period = 3_600.0
    service: str | None = None
    schema: str = DEFAULT_SCHEMA
    out: Path | None = None

    @property
    def label(self) -> str:
        """What it is called in the log and in metrics: its name, or its format."""
        return self.name or self.format

    @property
    def has_tables(self) -> bool:
        """Whether it goes into a database, and not into a file."""
        return self.format in TABLES


def check_exports(exports: Sequence[ExportSettings], problems: Problems) -> None:
    """See that each export has a name and a place of its own, of the kind that its format wants.

    A service that is none is not shown: there may be a password in it.
    """
    names = Counter(one.label for one in exports)
    for index, one in enumerate(exports):
        key = f"export[{index}]"
        if names[one.label] > 1 and problems.is_good(f"{key}.name", f"{key}.format"):
            problems.note(
                f"{key}.name", f'found "{one.label}" twice, expected a name for each export'
            )
        if not problems.is_good(f"{key}.format", f"{key}.out"):
            continue
        if one.has_tables:
            if one.out is not None:
                problems.note(f"{key}.out", f"found {one.out}, expected none: it goes into tables")
            try:
                check_target(one.schema, one.service)
            except BadConfiguration as error:
                problems.note(key, str(error))
            continue
        if one.schema != DEFAULT_SCHEMA or one.service is not None:
            problems.note(key, "found a schema or a service, expected none: it goes into a file")
        if one.out is not None and one.out.suffix in PACKED:
            problems.note(f"{key}.out", f"found {one.out}, expected a name without .gz or .zst")
        if one.out is None:
            problems.note_bad(f"{key}.out", "found nothing, expected the file that is written")
