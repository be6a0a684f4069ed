"""Ask an account for its usage once, into a capture that replays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import anyio
import msgspec

from stream.records.errors import KeyRefused, Unavailable
from stream.records.privacy import spell_name
from stream.sinks.atomic import prepare_parent, unwritable_file
from stream.sinks.captures import PackedAppender
from stream.sinks.evidence import append_synced
from stream.sinks.journal import WalkJournal
from stream.sources.api.asking import Asker
from stream.sources.api.schedule import PollPlan
from stream.sources.api.source import Api

__all__ = ["PullSummary", "RefusedPart", "journal_beside", "pull"]

PLAN: Final = "plan.json"
LONGEST_PAUSE: Final = 3_600.0


class RefusedPart(NamedTuple):
    """An endpoint or a list that could not be asked for, or not for all of it, and why."""

    part: str
    kind: str
    message: str


class PullSummary(NamedTuple):
    """What it took: requests, those of them that were asked again, and seconds waited for turns."""

    capture: str
    walks: int
    pages: int
    requests: int
    retries: int
    seconds_waited: float
    refused_parts: list[RefusedPart]

    @property
    def is_whole(self) -> bool:
        """Whether everything that was asked for was answered."""
        return not self.refused_parts

    @property
    def may_go_on(self) -> bool:
        """Whether another run would get more: something was not answered, and not refused."""
        return any(one.kind not in LASTING for one in self.refused_parts)


LASTING: Final = frozenset({"scope", "query", "start", "gone"})
"""Kinds of refusals that stay when somebody asks again."""


def journal_beside(out: Path) -> Path:
    """Return the directory beside a capture where walks are kept until all of it is whole."""
    return out.with_name(f".{out.name}.walks")


async def pull(
    out: Path,
    plan: PollPlan,
    asker: Asker,
    clock: Callable[[], float],
    on_page: Callable[[], object],
) -> PullSummary:
    """Ask for everything once; a run that was broken off goes on.

    Raises:
        KeyRefused: the key is.
        Unavailable: the capture is there already and whole, was begun in another way, or it or
            what stands beside it cannot be read or written.
        BadInput: what is known of an earlier run is damaged.
    """
    journal = open_journal(out, plan)
    api = Api(plan.label, plan, asker, journal, clock)
    counts = {"walks": 0, "pages": 0}

    def count(_: str, pages: int) -> None:
        counts["walks"] += 1
        counts["pages"] += pages
        for _page in range(pages):
            on_page()

    api.on_walk = count
    try:
        pause = await api.look()
        while pause is not None:
            await anyio.sleep(min(pause, LONGEST_PAUSE))
            pause = await api.look()
    except KeyRefused:
        journal.remove_unused()
        raise
    refused = [
        RefusedPart(part, progress.refusal or "start", progress.message)
        for part, progress in sorted(api.parts.items())
        if progress.message
    ]
    requests = sum(asker.requests.values())
    pulled = PullSummary(
        spell_name(str(out)),
        counts["walks"],
        counts["pages"],
        requests,
        sum(number for (_, status), number in asker.requests.items() if status != "2xx"),
        asker.waited_seconds,
        refused,
    )
    if not pulled.may_go_on:
        journal.remove()
    return pulled


def open_journal(out: Path, plan: PollPlan) -> WalkJournal:
    """Open a capture for the first time, or one that an earlier run has begun.

    What stands beside a capture that somebody has removed tells of pages that are gone with it.

    Raises:
        Unavailable: it is there already and whole, or was begun in another way.
    """
    out = prepare_parent(out)
    directory, wanted = journal_beside(out), msgspec.json.encode(plan)
    kept = directory / PLAN
    try:
        if kept.exists():
            if kept.read_bytes() != wanted:
                raise Unavailable(
                    f"{out}: was begun with other options; give the same ones to go on, "
                    f"or remove it and {directory} to begin anew"
                )
        elif out.exists():
            raise Unavailable(f"{out}: is there already; remove it, or name another file")
        elif directory.exists():
            shutil.rmtree(directory)
        journal = WalkJournal(directory, PackedAppender(out))
        if not out.exists():
            journal.forget_progress()
        if not kept.exists():
            begun = kept.with_suffix(".new")
            begun.unlink(missing_ok=True)
            append_synced(begun, wanted)
            begun.replace(kept)
    except OSError as error:
        raise unwritable_file(out, error) from None
    return journal
