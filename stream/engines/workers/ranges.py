"""Contiguous ranges of pages: where runs are cut into some, and what two of them have in common.

Within a range all is as in one process. What ranges come to is added up, but for windows that more
than one of them has, and for endpoints whose windows say the same usage in several ways.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import accumulate, groupby, repeat
from operator import itemgetter
from typing import Final, NamedTuple

from msgspec.structs import replace

from stream.figures.totals import AMOUNT
from stream.pipeline import Replay
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import DAY, Slot, Window
from stream.sources.discovery import FixtureChain, Survey
from stream.sources.regular_files import size_of
from stream.state.windows import Place, Windows

__all__ = ["ChainSlots", "compare_ranges", "cut_pages", "slots_in"]

MEASURED: Final = 1024
"""Of how many of a chain's files the size is asked; each stands for those that follow it."""
PAGE_BYTES: Final = 10_000
"""What a page takes beside its bytes, as so many bytes."""
MONEY: Final = 3
"""How many times as much a byte takes of pages of costs, whose numbers are decimals."""


def cut_pages(run: Replay, survey: Survey, count: int) -> list[Survey]:
    """Cut the pages of a run into so many ranges at most, of about as many bytes each.

    There is none where days are to be shared out: shards of a state file are of days, whoever goes
    on from them; dead letters of a page come from whoever counts a day; a capture is one file,
    whose lines only who has read all before them can number; and of an endpoint with several chains
    all windows would have to go to the main process, since they may say the same usage.
    """
    chains = Counter(one.chain.endpoint for one in survey.chains if one.chain.endpoint in ENDPOINTS)
    is_cut = run.rules.state is None and not run.rules.tolerant and not survey.captures
    if not is_cut or any(many > 1 for many in chains.values()):
        return []
    weights = [measure_files(chain) for chain in survey.chains]
    whole, done = sum(map(sum, weights)) or 1, 0
    ranges: list[list[FixtureChain]] = [[] for _ in range(count)]
    for chain, found in zip(survey.chains, weights, strict=True):
        rest, start = chain, done
        done += sum(found)
        ends = accumulate(found, initial=start)
        middles = [end + weight // 2 for end, weight in zip(ends, found, strict=False)] or [start]
        places = [min(middle * count // whole, count - 1) for middle in middles]
        for place in range(places[0], places[-1] + 1):
            first, end = bisect_left(places, place), bisect_right(places, place)
            if first < end:
                ranges[place].append(replace(rest, files=chain.files[first:end]))
                rest = replace(rest, faults={}, missing_pages=())  # the first one has said them
    return [Survey(chains, [], []) for chains in ranges if chains]


def measure_files(chain: FixtureChain) -> list[int]:
    """Return about how much work each file of a chain is."""
    files, endpoint = chain.files, ENDPOINTS.get(chain.chain.endpoint)
    times = MONEY if endpoint is not None and AMOUNT in endpoint.counters else 1
    step = len(files) // MEASURED + 1
    found: list[int] = []
    for first in range(0, len(files), step):
        weight = size_of(files[first].path) * times + PAGE_BYTES
        found += [weight] * min(step, len(files) - first)
    return found


class ChainSlots(NamedTuple):
    """The slots of a chain's windows, in order, as numbers: there may be a great many.

    In ``ends`` the lowest bit tells a rollup. ``stand_apart``: no window touches another one, and
    none is a rollup; ``is_wide``: one of them is longer than a day, or crosses midnight.
    """

    starts: array[int]
    ends: array[int]
    stand_apart: bool
    is_wide: bool

    def near(self, first: int, last: int, rank: int) -> Iterator[tuple[int, int, int]]:
        """Yield slots that start in a span, and one before and behind it, each with a rank."""
        low = max(bisect_left(self.starts, first) - 1, 0)
        high = bisect_right(self.starts, last) + 1
        return zip(self.starts[low:high], self.ends[low:high], repeat(rank), strict=False)


def slots_in(windows: Windows) -> dict[Chain, ChainSlots]:
    """Return the slots of each chain that has windows."""
    found = {}
    for chain in windows.chains:
        starts, ends = array("q"), array("q")
        stand_apart, is_wide, last = True, False, 0
        for (start, end), rollup in windows.slots(chain):
            stand_apart = stand_apart and start >= last and not rollup
            is_wide = is_wide or end > start - start % DAY + DAY
            starts.append(start)
            ends.append(end * 2 + rollup)
            last = end
        if starts:
            found[chain] = ChainSlots(starts, ends, stand_apart, is_wide)
    return found


def compare_ranges(
    ranges: Sequence[Mapping[Chain, ChainSlots]],
) -> tuple[list[list[Place]], set[str]]:
    """Return which windows of each range others have too, and which endpoints cannot be added up.

    Those have several chains, or windows that touch each other, or rollups.
    """
    by_chain: defaultdict[Chain, list[tuple[int, ChainSlots]]] = defaultdict(list)
    for rank, slots in enumerate(ranges):
        for chain, found in slots.items():
            by_chain[chain].append((rank, found))
    chains = Counter(chain.endpoint for chain in by_chain)
    touching = {key for key, many in chains.items() if many > 1}
    shared: list[list[Place]] = [[] for _ in ranges]
    for chain, ranked in by_chain.items():
        if not all(found.stand_apart for _, found in ranked):
            touching.add(chain.endpoint)
        end = 0
        for (start, mark), alike in groupby(meeting_slots(ranked), itemgetter(0, 1)):
            if start < end:
                touching.add(chain.endpoint)
            end = mark >> 1
            ranks = [rank for *_, rank in alike]
            for rank in ranks if len(ranks) > 1 else ():
                place = chain, Slot(Window(start, end), bool(mark & 1))
                shared[rank].append(place)
    return shared, touching


def meeting_slots(ranked: Sequence[tuple[int, ChainSlots]]) -> Iterable[tuple[int, int, int]]:
    """Yield, in order, the slots of a chain from where two ranges meet to where no two do."""
    if len(ranked) == 1:
        return ()
    first = sorted(found.starts[0] for _, found in ranked)[1]
    last = sorted(found.starts[-1] for _, found in ranked)[-2]
    return merge(*(found.near(first, last, rank) for rank, found in ranked))
