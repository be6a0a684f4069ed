"""The report: a pure function of the pages and the clock, written in canonical order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from stream.figures.endpoint import EndpointFigures
from stream.figures.levels import LevelFigure
from stream.figures.outline import Outline
from stream.figures.rollup import Finding, LabelDifference, Overlap
from stream.figures.series import label_value_of
from stream.records.chains import PRIMARY, ChainSummary, PageSums
from stream.records.windows import timestamp
from stream.sinks.atomic import atomic_file, write_pieces
from stream.sinks.day_rows import append_rows, day_rows_of
from stream.sinks.details import (
    camel_name_of,
    details_of,
    plain_number_of,
    show_all_counters,
    show_project,
    times_of,
    window_place_of,
)
from stream.sinks.files import Files, indent_value, lead_by_files

__all__ = ["Report", "write_report"]

COMPLETIONS: Final = "usage/completions"
HINT: Final = "record each with its observed_at, or as a capture each, and the later one counts"
"""What to do about labels that differ."""
CURRENCY: Final = "currency"
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
        labels = sums_by_label(self.outline.runs_of(COMPLETIONS))
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
            **self.bills(),
            "relationshipIssues": [*self.outline.issues, *self.outline.remarks],
        }

    def bills(self) -> dict[str, Any]:
        """Show what use should have cost beside what was billed, where there are prices."""
        bills = self.outline.bills
        if bills is None:
            return {}
        from stream.sinks.bills import show_bills  # noqa: PLC0415 -- only runs with prices need it

        return {"billing": show_bills(bills, self.outline.project_names)}

    def run(self) -> dict[str, Any]:
        """Show how many pages were read, what was not, and until when days were folded."""
        shown: dict[str, Any] = {
            "pages": sum(run.sums.pages for run in self.outline.runs),
            "leftOut": [one._asdict() for one in self.outline.left_out],
        }
        folded = self.outline.folded_days
        if folded is not None:
            shown["folded"] = {"until": timestamp(folded.end), "windows": folded.windows}
        return shown

    def usage_summary(self, run: ChainSummary) -> dict[str, Any]:
        """Summarise one completions label alone."""
        totals = self.outline.figures[COMPLETIONS].totals_of_label(run.chain.label)
        metrics = totals.metrics()
        window = run.sums.window
        return {
            "totalBuckets": run.sums.buckets,
            "totalRawEvents": run.sums.rows,
            "totalDedupedEvents": totals.records,
            "tokensIn": plain_number_of(metrics.get("input_tokens")),
            "tokensOut": plain_number_of(metrics.get("output_tokens")),
            "costEstimate": plain_number_of(metrics.get("cost")),
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
            "totalResults": sum(run.sums.rows for run in runs),
            "totalDedupedResults": totals.records,
            "metrics": show_all_counters(endpoint, totals.metrics()),
            "byKey": self.group_sums(figures, "project_id", "service_tier"),
            "byProject": self.group_sums(figures, "project_id"),
            "byServiceTier": self.group_sums(figures, "service_tier")
            if "service_tier" in own
            else None,
            "byModel": self.group_sums(figures, "model") if "model" in own else None,
            "breakdowns": {
                name: breakdown_of(figures, dimension) for name, dimension in endpoint.breakdowns
            },
            "levels": show_levels(figures, self.outline.project_names) if endpoint.levels else None,
            "unknownFields": sorted(set[str]().union(*(run.sums.unknown_fields for run in runs))),
            "pagesProcessed": sum(run.sums.pages for run in runs),
            "hasMore": bool(pending),
            "nextPage": pending[0].next_page if pending else None,
        }

    def group_sums(self, figures: EndpointFigures, *names: str) -> list[dict[str, Any]]:
        """Show sums by dimensions; money by its currency too."""
        if CURRENCY in figures.endpoint.dimensions:
            names += (CURRENCY,)
        return [
            {
                **self.group(zip(names, values, strict=True)),
                "metrics": show_all_counters(figures.endpoint, sums),
            }
            for values, sums in figures.totals.sums_by(*names)
        ]

    def group(self, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        """Show the values of a group's dimensions; beside a project's id, what it is called."""
        shown: dict[str, Any] = {}
        for name, value in values:
            known = {camel_name_of(name): value}
            if name == "project_id":
                known = show_project(value, self.outline.project_names)
            shown |= known
        return shown

    def reconciliation(self) -> dict[str, Any]:
        """Show what became of coarser figures, and which windows and rows do not fit together."""
        findings: dict[str, list[Any]] = {status: [] for status in STATUSES}
        wider: list[Any] = []
        collisions: list[Any] = []
        overlaps: list[Any] = []
        differences: list[Any] = []
        for key, figures in sorted(self.outline.figures.items()):
            for finding in figures.findings:
                findings[finding.status].append(show_finding(key, finding))
            wider += [
                {**window_place_of(key, window), "narrowerWindows": count}
                for window, count in figures.wider_windows
            ]
            collisions += [
                {**window_place_of(key, window), "label": label, "dimensions": dimensions}
                for label, window, dimensions in figures.collisions
            ]
            overlaps += [show_overlap(key, overlap) for overlap in figures.overlaps]
            differences += [show_difference(key, one) for one in figures.label_differences]
        return {
            **findings,
            "widerWindowsCovered": wider,
            "overlappingWindows": overlaps,
            "identityCollisions": collisions,
            "labelsDiffer": differences,
        }


def sums_by_label(runs: list[ChainSummary]) -> dict[str, ChainSummary]:
    """Add up what each label's chains delivered: one for each view."""
    labels: dict[str, ChainSummary] = {}
    for run in runs:
        known = labels.get(run.chain.label)
        labels[run.chain.label] = run if known is None else join_runs(known, run)
    return labels


def join_runs(one: ChainSummary, other: ChainSummary) -> ChainSummary:
    """Add up what two chains of one label delivered."""
    pending, delivered = one if one.has_more else other, PageSums()
    delivered.add(one.sums)
    delivered.add(other.sums)
    return ChainSummary(one.chain, delivered, pending.has_more, pending.next_page)


def show_finding(key: str, finding: Finding) -> dict[str, Any]:
    """Show what one counter of a rollup came to."""
    return {
        **window_place_of(key, finding.window),
        "dimensions": finding.dimensions,
        "counter": finding.counter,
        "rollup": plain_number_of(finding.rollup),
        "details": plain_number_of(finding.details),
        "difference": plain_number_of(finding.difference),
    }


def show_overlap(key: str, overlap: Overlap) -> dict[str, Any]:
    """Show two windows that overlap, and the one that counts instead, if any."""
    counted = overlap.wider_window
    return {
        **window_place_of(key, overlap.window),
        "other": times_of(overlap.other_window),
        "counted": None if counted is None else times_of(counted),
    }


def show_difference(key: str, one: LabelDifference) -> dict[str, Any]:
    """Show what labels say differently of one record."""
    return {
        **window_place_of(key, one.window),
        "dimensions": one.dimensions,
        "counter": one.counter,
        "figures": {label: plain_number_of(value) for label, value in one.figures.items()},
        "hint": HINT,
    }


def show_levels(figures: EndpointFigures, names: Mapping[str, str]) -> dict[str, Any]:
    """Show each level: in the latest window, and on average over windows; by project too."""
    return {
        name: {
            "latestWindow": level.latest_window and times_of(level.latest_window),
            "windows": level.windows,
            **show_level(level.figure()),
            "byProject": [
                {**show_project(project, names), **show_level(one)}
                for project, one in level.figures_by_project()
            ],
        }
        for name, level in figures.levels.by_counter.items()
    }


def show_level(figure: LevelFigure) -> dict[str, Any]:
    """Show a level."""
    return {name: plain_number_of(value) for name, value in figure._asdict().items()}


def breakdown_of(figures: EndpointFigures, dimension: str) -> dict[str, Any]:
    """Show the main counter by a dimension's values; of several currencies, by those too."""
    several = dimension != CURRENCY and len(figures.totals.currencies) > 1
    names, main = (dimension, CURRENCY) if several else (dimension,), figures.endpoint.main
    found: dict[str, Any] = {}
    for values, counters in figures.totals.sums_by(*names):
        value, *others = map(label_value_of, values)
        found[f"{value} ({others[0]})" if others else value] = plain_number_of(counters.get(main))
    return found


def pieces_of(report: Report, *, details: bool) -> Iterator[bytes]:
    """Yield the report as it is written; files and records come a few at a time."""
    opening = b"{"
    for name, section in report.sections.items():
        yield opening + b'\n  "' + name.encode() + b'": '
        if name == "run":
            yield from lead_by_files(section, report.files.entries(), 2)
        elif name == "endpoints" and section:
            yield from endpoints_of(report, section)
        elif name == "billing" and report.outline.bills and details:
            from stream.sinks.bills import show_row  # noqa: PLC0415 -- as above

            names = report.outline.project_names
            rows = (show_row(one, names) for one in report.outline.bills.rows())
            yield from append_rows([indent_value(section, 2)], "rows", rows, 2)
        else:
            yield indent_value(section, 2)
        opening = b","
    if details:
        yield b',\n  "dedupedUsage": ['
        yield from separate_records(report.outline.figures)
        yield b"\n  ]"
    yield b"\n}\n"


def endpoints_of(report: Report, section: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the endpoints, each led by the files that it was read from; last comes each day."""
    opening = b"{"
    for key, one in section.items():
        yield opening + b'\n    "' + key.encode() + b'": '
        rows = day_rows_of(report.outline.figures[key], report.outline.project_names)
        yield from append_rows(lead_by_files(one, report.files.names(key), 4), "byDay", rows, 4)
        opening = b","
    yield b"\n  }"


def separate_records(figures: Mapping[str, EndpointFigures]) -> Iterator[bytes]:
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
