"""Contiguous ranges of pages: where runs are cut into some, and what two of them have in common.

Within a range all is as in one process. What ranges come to is added up, but for windows that more
than one of them has, and for endpoints whose windows say the same usage in several ways.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from heapq import merge
from itertools import accumulate, groupby, repeat
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from stream.figures.totals import AMOUNT
from stream.pipeline import Replay
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import DAY, Slot, Window
from stream.sources.discovery import FixtureChain, Survey
from stream.sources.regular_files import size_of
from stream.state.windows import Place, Windows

if TYPE_CHECKING:  # only captures have it imported
    from stream.sources.capture_ranges import CapturePiece
    from stream.sources.captures import Capture

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
    on from them; dead letters of a page come from whoever counts a day; and of an endpoint with
    several chains all windows would have to go to the main process, since they may say the same
    usage. Which chains captures are of is seen where they are cut.
    """
    names = {one.name for one in survey.captures}
    is_cut = run.rules.state is None and not run.rules.tolerant
    if not is_cut or has_rivals({one.chain for one in survey.chains}):
        return []
    if len(names) < len(survey.captures):  # they would be told apart by who comes first
        return []
    weights = [measure_files(chain) for chain in survey.chains]
    captures = sorted(survey.captures, key=attrgetter("name"))
    pieces = cut_captures(captures, run.max_page_bytes)
    sizes = [[piece.size for piece in found] for found in pieces]
    whole = sum(map(sum, weights)) + sum(map(sum, sizes))
    cut = WorkCut(whole or 1, count)
    ranges: list[Survey] = [Survey([], [], []) for _ in range(count)]
    for chain, found in zip(survey.chains, weights, strict=True):
        rest = chain
        for place, first, end in cut.take(found):
            ranges[place].chains.append(replace(rest, files=chain.files[first:end]))
            rest = replace(rest, faults={}, missing_pages=())  # the first one has said them
    for capture, found_pieces, found in zip(captures, pieces, sizes, strict=True):
        for place, first, end in cut.take(found):
            following = found_pieces[end].lines.start if end < len(found_pieces) else None
            lines = replace(found_pieces[first].lines, end=following)
            ranges[place].captures.append(replace(capture, lines=lines))
    seen = {one.chain for one in survey.chains}
    seen |= chains_in([one for found in ranges for one in found.captures], run.max_page_bytes)
    return [] if has_rivals(seen) else [one for one in ranges if one.chains or one.captures]


def cut_captures(captures: Sequence[Capture], longest_line: int) -> list[list[CapturePiece]]:
    """Cut captures into pieces at which a range can begin."""
    if not captures:
        return []
    from stream.sources.capture_ranges import cut_capture  # noqa: PLC0415 -- 3 ms; pages need none of it

    return [cut_capture(one, longest_line) for one in captures]


def chains_in(captures: Sequence[Capture], longest_line: int) -> set[Chain]:
    """Return the chains that captures are of where ranges of them begin."""
    if not captures:
        return set()
    from stream.sources.capture_ranges import chains_at  # noqa: PLC0415 -- as above

    return set[Chain]().union(*(chains_at(one, longest_line) for one in captures))


def has_rivals(chains: AbstractSet[Chain]) -> bool:
    """Tell whether two chains are of one endpoint."""
    keys = [chain.endpoint for chain in chains if chain.endpoint in ENDPOINTS]
    return len(keys) > len(set(keys))


class WorkCut:
    """Cuts work, in the order in which it comes, for so many who are to have as much each."""

    def __init__(self, whole: int, count: int) -> None:
        """Cut a whole of so much work."""
        self._whole = whole
        self._count = count
        self._done = 0

    def take(self, weights: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Yield who has which of these pieces of work: a place, the first, and behind the last.

        What has no pieces is somebody's, too.
        """
        weights = weights or (0,)
        ends = accumulate(weights, initial=self._done)
        middles = [end + weight // 2 for end, weight in zip(ends, weights, strict=False)]
        last = self._count - 1
        places = [min(middle * self._count // self._whole, last) for middle in middles]
        self._done += sum(weights)
        for place in sorted({*places}):
            yield place, bisect_left(places, place), bisect_right(places, place)


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
