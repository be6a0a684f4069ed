"""Adding up what workers found: each has counted other days, so nothing is counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from msgspec.structs import replace

from stream.engines.workers.worker import Ingested
from stream.figures.endpoint import EndpointFigures
from stream.intake.entries import CaptureEntry, ChainRun, PageEntry, Pages
from stream.intake.stretches import slots_of, stretched
from stream.records.chains import Delivered, Origin, spanned
from stream.records.tally import Tally
from stream.state.keyed import Windows

__all__ = ["joined_captures", "joined_figures", "joined_runs", "joined_tally"]


def joined_runs(parts: Sequence[Ingested]) -> dict[Origin, ChainRun]:
    """Put together what each worker read of each chain; every one has read every page."""
    return {
        origin: joined_run([part.runs[origin] for part in parts if origin in part.runs])
        for origin in parts[0].runs
    }


def joined_run(runs: Sequence[ChainRun]) -> ChainRun:
    """Put together what each worker read of one chain; the first one followed its cursors."""
    first = runs[0]
    pages = Pages()
    for page in first.pages:
        pages[page] = reduce(joined_entry, (run.pages[page] for run in runs if page in run.pages))
    delivered = None
    if first.capture is not None:
        delivered = reduce(joined_delivered, (run.delivered or Delivered() for run in runs))
    return replace(first, pages=pages, delivered=delivered)


def joined_entry(one: PageEntry, other: PageEntry) -> PageEntry:
    """Put together what two workers counted of a page."""
    return replace(
        one,
        sha256=one.sha256 or other.sha256,
        rows=one.rows + other.rows,
        buckets=one.buckets + other.buckets,
        window=spanned(one.window, other.window),
        unknown_fields=sorted({*one.unknown_fields, *other.unknown_fields}),
        slots=stretched(slots_of(one.slots + other.slots)),
        fell=sorted(one.fell + other.fell),
        letters=one.letters + other.letters,
    )


def joined_delivered(one: Delivered, other: Delivered) -> Delivered:
    """Put together what two workers counted of the same pages."""
    return replace(one.joined(other), pages=one.pages)


def joined_captures(parts: Sequence[Ingested]) -> dict[str, CaptureEntry]:
    """Put together what was read of each capture."""
    found = {}
    for source, entry in parts[0].captures.items():
        chains = [dict(part.captures[source].chains) for part in parts]
        found[source] = replace(
            entry,
            chains=[
                (chain, reduce(joined_delivered, (one[chain] for one in chains if chain in one)))
                for chain, _ in entry.chains
            ],
        )
    return found


def joined_tally(tally: Tally, parts: Sequence[Ingested]) -> None:
    """Count in ``tally`` what workers counted: pages once, and each one's own records."""
    first, *others = (part.tally for part in parts)
    tally.restore(first.saved())
    for other in others:
        tally.records.update(other.records)
        tally.dead_letters.update(other.dead_letters)
    tally.page_read, tally.page_decode = first.page_read, first.page_decode
    tally.channel_capacity = first.channel_capacity
    tally.channel_blocked_seconds = first.channel_blocked_seconds


def joined_figures(
    parts: Sequence[dict[str, EndpointFigures]], windows: Windows
) -> dict[str, EndpointFigures]:
    """Add up the figures of each endpoint; ``windows`` are those of all workers."""
    return {key: joined([part[key] for part in parts], windows) for key in parts[0]}


def joined(parts: Sequence[EndpointFigures], windows: Windows) -> EndpointFigures:
    """Add up one endpoint's figures."""
    first = parts[0]
    for other in parts[1:]:
        first.totals.join(other.totals)
        first.buckets += other.buckets
        first.findings += other.findings
        first.wider += other.wider
        first.collisions += other.collisions
        first.references |= other.references
        for label, totals in other.label_totals.items():
            first.label_totals[label].join(totals)
    first.findings.sort(key=lambda finding: finding.window)
    first.wider.sort()
    first.collisions.sort(key=lambda one: one[:2])
    first.windows = windows
    return first
