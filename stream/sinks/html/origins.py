"""What a page was made from: endpoints, chains and files, a bounded number of each."""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from stream.records.chains import ChainSummary
from stream.records.privacy import one_line
from stream.records.windows import Window
from stream.sinks.files import Files
from stream.sinks.html.names import shorten_text
from stream.sinks.html.notation import write_moment
from stream.sinks.report import Report

__all__ = ["Origins", "find_origins"]

MOST_FILES: Final = 200
MOST_CHAINS: Final = 100


class ShownEndpoint(NamedTuple):
    """An endpoint: its time buckets, the rows that were delivered, and the records that count."""

    name: str
    buckets: int
    rows: int
    records: int


class ShownChain(NamedTuple):
    """A chain: what it is of, its pages and rows, from when to when, and how it stands."""

    name: str
    label: str
    pages: int
    rows: int
    start: str
    end: str
    standing: str
    is_whole: bool


class ShownFile(NamedTuple):
    """A file or a line of a capture: its name, digest, and what it is of."""

    name: str
    digest: str
    content: str


class Origins(NamedTuple):
    """All of it; ``more_chains`` and ``more_files`` are those that are left out."""

    endpoints: list[ShownEndpoint]
    chains: list[ShownChain]
    more_chains: int
    files: list[ShownFile]
    more_files: int
    pages: int


def find_origins(report: Report) -> Origins:
    """Find what a report was made from."""
    outline = report.outline
    chains = sorted(outline.runs, key=lambda one: (not one.partial, one.chain))
    files, more = shown_files(report.files)
    return Origins(
        [
            ShownEndpoint(
                key,
                found.buckets,
                sum(run.sums.rows for run in outline.runs_of(key)),
                found.totals.records,
            )
            for key, found in sorted(outline.figures.items())
        ],
        [show_chain(one) for one in chains[:MOST_CHAINS]],
        len(chains[MOST_CHAINS:]),
        files,
        more,
        sum(run.sums.pages for run in outline.runs),
    )


def show_chain(run: ChainSummary) -> ShownChain:
    """Show a chain, and say how it stands."""
    start, end = write_window(run.sums.window)
    standing = "whole"
    if run.is_waiting:
        standing = "waits for its next page"
    if run.sums.letters:
        standing = f"{run.sums.letters:,} set aside"
    if run.incomplete:
        standing = run.incomplete
    label = run.chain.page_label or "days that were folded"
    return ShownChain(
        run.chain.endpoint,
        shorten_text(label),
        run.sums.pages,
        run.sums.rows,
        start,
        end,
        shorten_text(one_line(standing)),
        not run.partial,
    )


def write_window(window: Window | None) -> tuple[str, str]:
    """Write a window's start and end."""
    if window is None:
        return "", ""
    return write_moment(window.start), write_moment(window.end)


def shown_files(files: Files) -> tuple[list[ShownFile], int]:
    """Return the first files by name, and how many more there are."""
    entries = files.entries()
    shown = [
        ShownFile(
            shorten_text(one.name),
            one.digest or "",
            f"{one.endpoint}, {shorten_text(one.label)}"
            + (f", page {one.page}" if one.page else ""),
        )
        for one in islice(entries, MOST_FILES)
    ]
    return shown, sum(1 for _ in entries)
