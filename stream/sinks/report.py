"""The report: a pure function of the pages and the clock, written in canonical order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import localcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from stream.chains import ChainSummary
from stream.figures import EndpointFigures
from stream.records import MONEY, Number, timestamp
from stream.relations import ForeignKeyIssues, Relationships
from stream.rollup import Finding
from stream.sinks.atomic import atomic_file, write_pieces
from stream.sinks.details import ENCODER, camel, details_of, number, place, shown

__all__ = ["Outline", "write_report"]

COMPLETIONS: Final = "usage/completions"
PRIMARY: Final = "primary"
STATUSES: Final = ("absorbed", "excess", "short", "stale", "rounding")


class Outline(Struct, dict=True):
    """Everything that a report shows, but for its details."""

    version: str
    now: int
    runs: list[ChainSummary]
    figures: dict[str, EndpointFigures]
    relationships: Relationships
    foreign_keys: ForeignKeyIssues
    issues: list[str]

    def runs_of(self, key: str) -> list[ChainSummary]:
        """Return the chains of an endpoint, by label."""
        return [run for run in self.runs if run.chain.endpoint == key]

    @cached_property
    def sections(self) -> dict[str, Any]:
        """The report's members in order, ``dedupedUsage`` left out; worked out once."""
        labels = by_label(self.runs_of(COMPLETIONS))
        variants = {label: self.usage_summary(run) for label, run in labels.items()}
        figures = sorted(self.figures.items())
        return {
            "metadata": {"version": self.version, "generatedAt": timestamp(self.now)},
            "run": self.run(),
            "usageSummary": variants.pop(PRIMARY, None),
            "usageVariants": variants,
            "endpoints": {key: self.endpoint(found) for key, found in figures},
            "relationships": self.relationships,
            "foreignKeyIssues": self.foreign_keys,
            "reconciliation": self.reconciliation(),
            "relationshipIssues": self.issues,
        }

    def run(self) -> dict[str, Any]:
        """Show each fixture with its digest, and how many pages were read."""
        fixtures = [
            {
                "name": entry.name,
                "sha256": entry.sha256,
                "endpoint": run.chain.endpoint,
                "label": run.chain.label,
                "page": entry.page,
            }
            for run in self.runs
            for entry in run.entries()
        ]
        fixtures += [
            {
                "name": name,
                "sha256": sha256,
                "endpoint": run.chain.endpoint,
                "label": run.chain.label,
                "page": None,
            }
            for run in self.runs
            for name, sha256, _ in run.captures
        ]
        return {
            "fixtures": sorted(fixtures, key=lambda one: str(one["name"])),
            "pages": sum(run.delivered.pages for run in self.runs),
        }

    def usage_summary(self, run: ChainSummary) -> dict[str, Any]:
        """Summarise one completions label alone."""
        totals = self.figures[COMPLETIONS].of_label(run.chain.label)
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
                "lastSyncedAt": timestamp(self.now),
                "hasMore": run.has_more,
                "windowStart": None if window is None else timestamp(window.start),
                "windowEnd": None if window is None else timestamp(window.end),
            },
        }

    def endpoint(self, figures: EndpointFigures) -> dict[str, Any]:
        """Show one endpoint's totals, by key, project, tier and model."""
        endpoint, totals = figures.endpoint, figures.totals
        runs = self.runs_of(endpoint.key)
        pending = [run for run in runs if run.has_more]
        own = set(endpoint.dimensions)
        return {
            "fixtures": sorted(name for run in runs for name in run.names()),
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
        for key, figures in sorted(self.figures.items()):
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
        labels[run.chain.label] = run if known is None else known.joined(run)
    return labels


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


def separated(figures: Mapping[str, EndpointFigures]) -> Iterator[bytes]:
    """Yield every record of every endpoint, each on a line of its own."""
    separator = b"\n    "
    for _, found in sorted(figures.items()):
        for record in details_of(found):
            yield separator + record
            separator = b",\n    "


async def write_report(path: Path, outline: Outline, *, details: bool) -> None:
    """Write the report: whole, or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(path) as file:
        opening = b"{\n"
        for name, section in outline.sections.items():
            pretty = msgspec.json.format(ENCODER.encode(section), indent=2).replace(b"\n", b"\n  ")
            await file.write(opening + b'  "' + name.encode() + b'": ' + pretty)
            opening = b",\n"
        if details:
            await file.write(b',\n  "dedupedUsage": [')
            await write_pieces(file, separated(outline.figures))
            await file.write(b"\n  ]")
        await file.write(b"\n}\n")
