"""What does not hold: one sentence each. A report with such a sentence ends with exit code 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stream.figures.endpoint import EndpointFigures
from stream.providers.openai import LISTS
from stream.records.chains import ChainSummary
from stream.records.money import plain_text_of
from stream.records.windows import timestamp

__all__ = ["chain_issues", "figure_issues", "list_remarks"]


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


def list_remarks(runs: Iterable[ChainSummary]) -> Iterator[str]:
    """Name lists that do not reach their end: they define nothing, and make no figure."""
    for run in runs:
        if run.incomplete and run.chain.endpoint in LISTS:
            name = f"{run.chain.endpoint} (label {run.chain.label})"
            yield f"{name} is incomplete: {run.incomplete}; it defines nothing."


def figure_issues(figures: Iterable[EndpointFigures]) -> Iterator[str]:
    """Name short rollups, rows that contradict each other, and views that do not count."""
    for one in figures:
        key = one.endpoint.key
        for chain in one.uncounted_chains:
            yield (
                f"{key} (label {chain.label}) is another view of the same usage ({chain.view}), "
                "and does not count."
            )
        for finding in one.findings:
            if finding.status == "short":
                day, rollup = timestamp(finding.window.start), write_dimensions(finding.dimensions)
                has, need = plain_text_of(finding.rollup), plain_text_of(finding.details or 0)
                yield (
                    f"The {key} rollup of {day} ({rollup}) is short of its records: "
                    f"{finding.counter} is {has}, they have {need}."
                )
        for label, window, dimensions in one.collisions:
            yield (
                f"{key} (label {label}) has a bucket of {timestamp(window.start)} with different "
                f"figures for the same record ({write_dimensions(dimensions)})."
            )


def write_dimensions(dimensions: dict[str, Any]) -> str:
    """Write dimensions in a sentence."""
    return ", ".join(f"{name} {value}" for name, value in dimensions.items()) or "no dimensions"
