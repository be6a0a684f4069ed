"""The console summary: a report at a glance, from a run or from one that was written before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct

from stream.records.privacy import spell_name
from stream.sinks.details import ENCODER
from stream.sinks.report import Report

if TYPE_CHECKING:  # only --notes has it imported
    from mmap import mmap

__all__ = ["previous_summary", "summary_of"]

SHOWN = ("totalBuckets", "totalResults", "totalDedupedResults", "metrics")


def summary_of(path: Path | None, report: Report) -> bytes:
    """Return the summary of a run, as indented JSON."""
    sections = report.sections
    return format_summary(
        path, sections["usageSummary"], sections["endpoints"], sections["relationshipIssues"]
    )


def format_summary(
    report: Path | None, usage: Any, endpoints: dict[str, Any], issues: Any
) -> bytes:
    """Write the summary's four members."""
    summary = {
        "reportPath": None if report is None else spell_name(str(report)),
        "usageSummary": usage,
        "endpoints": {
            key: {name: shown[name] for name in SHOWN} for key, shown in endpoints.items()
        },
        "relationshipIssues": issues,
    }
    return msgspec.json.format(ENCODER.encode(summary), indent=2)


class WrittenReport(Struct, rename="camel"):
    """The members of a written report that a summary shows; the rest is passed over."""

    usage_summary: Raw
    endpoints: dict[str, dict[str, Raw]]
    relationship_issues: Raw


def previous_summary(report: Path) -> bytes | None:
    """Return the summary of the report at ``report``; ``None`` when none can be read there."""
    from mmap import ACCESS_READ, mmap  # noqa: PLC0415 -- as above

    try:
        with (
            report.open("rb") as file,
            mmap(file.fileno(), 0, access=ACCESS_READ) as content,
        ):
            return rewrite_summary(report, content)
    except (OSError, ValueError, KeyError, msgspec.MsgspecError, RecursionError):
        return None


def rewrite_summary(report: Path, content: mmap) -> bytes:
    """Write the summary of a mapped report; nothing keeps pointing into the map."""
    written = msgspec.json.decode(content, type=WrittenReport)
    return format_summary(
        report, written.usage_summary, written.endpoints, written.relationship_issues
    )
