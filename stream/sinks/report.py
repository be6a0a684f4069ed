"""The report: a pure function of the pages and the clock, written in canonical order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import localcontext
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from msgspec import Raw

from stream.figures.endpoint import EndpointFigures
from stream.figures.outline import Outline
from stream.figures.rollup import Finding
from stream.records.chains import ChainSummary, Delivered
from stream.records.money import MONEY, Number
from stream.records.windows import timestamp
from stream.sinks.atomic import atomic_file, write_pieces
from stream.sinks.details import camel, details_of, number, place, shown
from stream.sinks.files import Files, indented, led_by_files

__all__ = ["Report", "write_report"]

COMPLETIONS: Final = "usage/completions"
PRIMARY: Final = "primary"
STATUSES: Final = ("absorbed", "excess", "short", "stale", "rounding")


class Report:
    """An outline as it is shown: its sections, and the files that it was made from."""

    def __init__(self, outline: Outline) -> None:
        """Show ``outline``."""
        self.outline = outline

    @cached_property
    def files(self) -> Files:
        """The files that it was made from; there may be a great many."""
        return Files(self.outline.parts)

    @cached_property
    def sections(self) -> dict[str, Any]:
        """The report's members in order, files and ``dedupedUsage`` left out; worked out once."""
        labels = by_label(self.outline.runs_of(COMPLETIONS))
        variants = {label: self.usage_summary(run) for label, run in labels.items()}
        figures = sorted(self.outline.figures.items())
        return {
            "metadata": {
                "version": self.outline.version,
                "generatedAt": timestamp(self.outline.now),
            },
            "run": self.run(),
            "usageSummary": variants.pop(PRIMARY, None),
            "usageVariants": variants,
            "endpoints": {key: self.endpoint(found) for key, found in figures},
            "relationships": self.outline.relationships,
            "foreignKeyIssues": self.outline.foreign_keys,
            "reconciliation": self.reconciliation(),
            "relationshipIssues": self.outline.issues,
        }

    def run(self) -> dict[str, Any]:
        """Show how many pages were read."""
        return {"pages": sum(run.delivered.pages for run in self.outline.runs)}

    def usage_summary(self, run: ChainSummary) -> dict[str, Any]:
        """Summarise one completions label alone."""
        totals = self.outline.figures[COMPLETIONS].of_label(run.chain.label)
        metrics = totals.metrics()
        window = run.delivered.window
        return {
            "totalBuckets": run.delivered.buckets,
            "totalRawEvents": run.delivered.rows,
            "totalDedupedEvents": totals.records,
            "tokensIn": number(metrics.get("input_tokens")),
            "tokensOut": number(metrics.get("output_tokens")),
            "costEstimate": number(metrics.get("cost")),
            "cursor": {
                "endpoint": COMPLETIONS,
                "nextPage": run.next_page,
                "lastSyncedAt": timestamp(self.outline.now),
                "hasMore": run.has_more,
                "windowStart": None if window is None else timestamp(window.start),
                "windowEnd": None if window is None else timestamp(window.end),
            },
        }

    def endpoint(self, figures: EndpointFigures) -> dict[str, Any]:
        """Show one endpoint's totals, by key, project, tier and model."""
        endpoint, totals = figures.endpoint, figures.totals
        runs = self.outline.runs_of(endpoint.key)
        pending = [run for run in runs if run.has_more]
        own = set(endpoint.dimensions)
        return {
            "totalBuckets": figures.buckets,
            "totalResults": sum(run.delivered.rows for run in runs),
            "totalDedupedResults": totals.records,
            "metrics": shown(endpoint, totals.metrics()),
            "byKey": self.grouped(figures, "project_id", "service_tier"),
            "byProject": self.grouped(figures, "project_id"),
            "byServiceTier": self.grouped(figures, "service_tier")
            if "service_tier" in own
            else None,
            "byModel": self.grouped(figures, "model") if "model" in own else None,
            "breakdowns": {
                name: breakdown(figures, dimension) for name, dimension in endpoint.breakdowns
            },
            "unknownFields": sorted(
                set[str]().union(*(run.delivered.unknown_fields for run in runs))
            ),
            "pagesProcessed": sum(run.delivered.pages for run in runs),
            "hasMore": bool(pending),
            "nextPage": pending[0].next_page if pending else None,
        }

    @staticmethod
    def grouped(figures: EndpointFigures, *names: str) -> list[dict[str, Any]]:
        """Show sums by dimensions."""
        return [
            {
                **{camel(name): value for name, value in zip(names, values, strict=True)},
                "metrics": shown(figures.endpoint, sums),
            }
            for values, sums in figures.totals.by(*names)
        ]

    def reconciliation(self) -> dict[str, Any]:
        """Show what became of rollups, wider windows, and rows that contradict each other."""
        findings: dict[str, list[Any]] = {status: [] for status in STATUSES}
        wider: list[Any] = []
        collisions: list[Any] = []
        views: list[Any] = []
        for key, figures in sorted(self.outline.figures.items()):
            for finding in figures.findings:
                findings[finding.status].append(judged(key, finding))
            wider += [
                {**place(key, window), "narrowerWindows": count} for window, count in figures.wider
            ]
            collisions += [
                {**place(key, window), "label": label, "dimensions": dimensions}
                for label, window, dimensions in figures.collisions
            ]
            views += [
                {
                    "endpoint": key,
                    "label": chain.label,
                    "view": Raw(chain.view.encode()),
                    "counted": [Raw(one.encode()) for one in sorted(counted) if one],
                }
                for counted in ({one.view for one in figures.chains},)
                for chain in figures.others
            ]
        return {
            **findings,
            "widerWindowsCovered": wider,
            "identityCollisions": collisions,
            "otherViews": views,
        }


def by_label(runs: list[ChainSummary]) -> dict[str, ChainSummary]:
    """Add up what each label's chains delivered: one for each view."""
    labels: dict[str, ChainSummary] = {}
    for run in runs:
        known = labels.get(run.chain.label)
        labels[run.chain.label] = run if known is None else joined(known, run)
    return labels


def joined(one: ChainSummary, other: ChainSummary) -> ChainSummary:
    """Add up what two chains of one label delivered."""
    pending, delivered = one if one.has_more else other, Delivered()
    delivered.add(one.delivered)
    delivered.add(other.delivered)
    return ChainSummary(one.chain, delivered, pending.has_more, pending.next_page)


def judged(key: str, finding: Finding) -> dict[str, Any]:
    """Show what one counter of a rollup came to."""
    return {
        **place(key, finding.window),
        "dimensions": finding.dimensions,
        "counter": finding.counter,
        "rollup": number(finding.rollup),
        "details": number(finding.details),
        "difference": number(finding.difference),
    }


def breakdown(figures: EndpointFigures, dimension: str) -> dict[str, Any]:
    """Show the main counter by a dimension's values."""
    sums: dict[str, Number | None] = {}
    for (value,), counters in figures.totals.by(dimension):
        name = "unspecified" if value is None else str(value)
        main, known = counters.get(figures.endpoint.main), sums.get(name)
        with localcontext(MONEY):
            sums[name] = main if known is None or main is None else known + main
    return {name: number(value) for name, value in sums.items()}


def pieces_of(report: Report, *, details: bool) -> Iterator[bytes]:
    """Yield the report as it is written; files and records come a few at a time."""
    opening = b"{"
    for name, section in report.sections.items():
        yield opening + b'\n  "' + name.encode() + b'": '
        if name == "run":
            yield from led_by_files(section, report.files.entries(), 2)
        elif name == "endpoints" and section:
            yield from endpoints_of(report, section)
        else:
            yield indented(section, 2)
        opening = b","
    if details:
        yield b',\n  "dedupedUsage": ['
        yield from separated(report.outline.figures)
        yield b"\n  ]"
    yield b"\n}\n"


def endpoints_of(report: Report, section: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the endpoints, each led by the files that it was read from."""
    opening = b"{"
    for key, one in section.items():
        yield opening + b'\n    "' + key.encode() + b'": '
        files = report.files.entries(key)
        names = (
            name for name, _ in groupby(files, attrgetter("name"))
        )  # captures have many chains
        yield from led_by_files(one, names, 4)
        opening = b","
    yield b"\n  }"


def separated(figures: Mapping[str, EndpointFigures]) -> Iterator[bytes]:
    """Yield every record of every endpoint, each on a line of its own."""
    between = b",\n    "
    separator = b"\n    "
    for _, found in sorted(figures.items()):
        for records in details_of(found, between):
            yield separator + records
            separator = between


async def write_report(path: Path, report: Report, *, details: bool) -> None:
    """Write the report: whole, or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(path) as file:
        await write_pieces(file, pieces_of(report, details=details))
