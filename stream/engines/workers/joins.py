"""Adding up what workers found: each has counted something else, so nothing is counted twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Final

import msgspec

from stream.engines.workers.worker import ShareResult
from stream.figures.endpoint import EndpointFigures
from stream.intake.account import join_entries
from stream.intake.intake import Intake
from stream.records.windows import Snapshot
from stream.state.links import Letters, PagePlace
from stream.state.memory import resume_collector
from stream.state.windows import Place, Windows

__all__ = ["join_figures", "join_windows", "take_letters", "take_over"]

INDEX: Final = re.compile(r"\[([0-9]+)\]")


def join_figures(
    parts: Sequence[dict[str, EndpointFigures]], windows: Windows
) -> dict[str, EndpointFigures]:
    """Add up the figures of each endpoint; ``windows`` are those of all workers."""
    keys = sorted({key for part in parts for key in part})
    found = {
        key: reduce(EndpointFigures.join, [part[key] for part in parts if key in part])
        for key in keys
    }
    for figures in found.values():
        figures.windows = windows
    return found


def join_windows(intake: Intake, windows: Iterable[tuple[Place, Snapshot]]) -> None:
    """Merge windows of a range, whose rows it has counted as new, into those of an intake."""
    records = intake.tally.records
    for place, snapshot in windows:
        outcomes, key = intake.state.join(place, snapshot), place[0].endpoint
        for outcome, count in outcomes._replace(new=outcomes.new - snapshot.rows)._asdict().items():
            if count:
                records[key, outcome] += count
        if intake.state.full:
            resume_collector()
            intake.store()


def take_over(intake: Intake, parts: Sequence[ShareResult]) -> None:
    """Let the main process' intake have what others found, but windows and dead letters."""
    checkpoints = intake.checkpoints
    for one in parts:
        intake.tally.join(one.tally)
        intake.objects.restore(one.objects)
        intake.state.chains |= one.chains
        intake.standing.touched_walks |= one.walks
        for part in one.forgotten_parts:  # before what the shards know of them is taken over
            checkpoints.forget(part)
        if one.account is not None:
            intake.account.join(one.account)
    intake.objects.has_changed = True
    take_entries(intake, parts)
    if checkpoints.forgotten_parts:
        checkpoints.flush_links()
    for one in parts:
        checkpoints.links.update(one.links)
        for (part, place), chain in one.letter_places.items():
            checkpoints.put_letters(part, place, chain, [])


def take_letters(intake: Intake, letters: Mapping[PagePlace, Letters]) -> None:
    """Let it have the dead letters of all shards."""
    for (part, place), (chain, found) in letters.items():
        intake.checkpoints.put_letters(part, place, chain, sorted(found, key=letter_order_of))


def take_entries(intake: Intake, parts: Sequence[ShareResult]) -> None:
    """Put together what those who shared days have counted of each part."""
    for part in {part: None for one in parts for part in one.entries}:
        entries = [one.entries.pop(part, None) for one in parts]
        known = [entry for entry in entries if entry is not None]
        intake.account.take(part, join_entries(known) if known else None)


def letter_order_of(letter: bytes) -> tuple[bool, list[int]]:
    """Give the order of a page's letters: what is wrong with the page, then as it goes on."""
    path: str = msgspec.json.decode(letter)["path"] or ""
    return path.startswith("$.daily_costs"), [int(one) for one in INDEX.findall(path)]
