"""What does not hold: one sentence each. A report with such a sentence ends with exit code 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stream.figures.endpoint import EndpointFigures
from stream.providers.openai import LISTS
from stream.records.chains import ChainSummary
from stream.records.money import plain_text_of
from stream.records.windows import Window, timestamp
from stream.state.windows import Windows

__all__ = ["chain_issues", "figure_issues", "figure_warnings", "list_remarks", "view_issues"]


def chain_issues(runs: Iterable[ChainSummary]) -> Iterator[str]:
    """Name chains that do not reach their end, figures that fell, and chains with dead letters."""
    for run in runs:
        name = f"{run.chain.endpoint} (label {run.chain.label})"
        if run.incomplete and run.chain.endpoint not in LISTS:
            yield f"{name} is incomplete: {run.incomplete}."
        yield from run.falls
        for capture in run.rewritten_files:
            yield (
                f"{capture} has been written anew, and what had been counted of {name} "
                "still counts."
            )
        if run.sums.letters:
            yield f"{name} has dead letters: what they hold is not counted."


def view_issues(windows: Windows) -> Iterator[str]:
    """Name labels of which windows count that no page was read of since its request has changed."""
    for former in sorted(windows.former_chains):
        endpoint, label, _ = former
        others = [one for one in windows.chains_of(endpoint) if one.label == label]
        now = {slot for one in set(others) - windows.former_chains for slot in windows.slots(one)}
        if now and any(slot not in now for slot in windows.slots(former)):
            yield (
                f"{endpoint} (label {label}) was read with another request before, and windows of "
                "which no page came since still count as they did."
            )


def list_remarks(runs: Iterable[ChainSummary]) -> Iterator[str]:
    """Name lists that do not reach their end: they define nothing, and make no figure."""
    for run in runs:
        if run.incomplete and run.chain.endpoint in LISTS:
            name = f"{run.chain.endpoint} (label {run.chain.label})"
            yield f"{name} is incomplete: {run.incomplete}; it defines nothing."


def figure_issues(figures: Iterable[EndpointFigures]) -> Iterator[str]:
    """Name costs without an amount, short rollups, overlaps, and rows of which two differ."""
    for one in figures:
        key = one.endpoint.key
        if one.without_amount:
            some = "record has" if one.without_amount == 1 else "records have"
            yield f"{one.without_amount} {key} {some} no amount: what was billed is not known."
        for finding in one.findings:
            if finding.status == "short":
                day, rollup = timestamp(finding.window.start), write_dimensions(finding.dimensions)
                has, need = plain_text_of(finding.rollup), plain_text_of(finding.details or 0)
                yield (
                    f"The {key} rollup of {day} ({rollup}) is short of its records: "
                    f"{finding.counter} is {has}, they have {need}."
                )
        for window, other, counted in one.overlaps:
            if counted is None:
                yield (
                    f"The {key} windows {write_window(window)} and {write_window(other)} overlap, "
                    "and neither contains the other: what both have counts twice."
                )
        for label, window, dimensions in one.collisions:
            yield (
                f"{key} (label {label}) has a bucket of {timestamp(window.start)} with different "
                f"figures for the same record ({write_dimensions(dimensions)})."
            )


def figure_warnings(figures: Iterable[EndpointFigures]) -> Iterator[str]:
    """Name, once for each endpoint, that labels differ: the larger figure counts."""
    for one in figures:
        for first in one.label_differences[:1]:
            start, row = timestamp(first.window.start), write_dimensions(first.dimensions)
            where = f"{first.counter} of {start} ({row})"
            said = first.figures.items()
            shown = ", ".join(f"{label} {plain_text_of(value)}" for label, value in said)
            yield (
                f"{one.endpoint.key}: labels differ ({len(one.label_differences)} in all), as in "
                f"{where}: {shown}. "
                "The larger counts; record each with its observed_at, or as a capture each, and "
                "the later one does."
            )


def write_window(window: Window) -> str:
    """Write a window in a sentence."""
    return f"{timestamp(window.start)} to {timestamp(window.end)}"


def write_dimensions(dimensions: dict[str, Any]) -> str:
    """Write dimensions in a sentence."""
    return ", ".join(f"{name} {value}" for name, value in dimensions.items()) or "no dimensions"
