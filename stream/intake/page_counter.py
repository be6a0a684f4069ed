"""Count a page: read it, merge what it says into state, set aside what is bad in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

from msgspec import Struct

from stream.decode import (
    BucketPage,
    KnownRows,
    ListPage,
    Rejection,
    ShareTest,
    count_all,
    know_nothing,
)
from stream.decode.density import SMALL, blame_page
from stream.intake.account import Account, Contribution
from stream.intake.changes import Changes
from stream.intake.letters import letter_of, mask_page
from stream.intake.reading import PageReader, Reading, check_revision, lost_link
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, Link, PageSums, span_of
from stream.records.delivery import UNKNOWN_CHAIN, Delivery, Page
from stream.records.errors import BadInput
from stream.records.interruption import INTERRUPTION
from stream.records.memory import no_memory
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.records.windows import Bucket, Window
from stream.state.objects import Objects
from stream.state.windows import SECOND, KeyedState

__all__ = ["PageCount", "PageCounter"]


class PageCount(Struct):
    """What came of a page.

    ``contribution`` is what it brought of its chain, and ``link`` what it says of its walk, unless
    another worker says that. Without ``is_sound`` the page was set aside as a whole. ``falls`` says
    which figures of a page fell that was counted before.
    """

    contribution: Contribution
    link: Link | None = None
    is_sound: bool = True
    falls: list[str] = []
    letters: list[Letter] = []


class Letter(Struct, frozen=True):
    """A dead letter; ``is_own``: of all workers one alone has come upon what it is about."""

    body: bytes
    reason: str
    is_own: bool


class PageCounter:
    """Counts pages, or of each what a ``share`` of the work is."""

    def __init__(  # noqa: PLR0913 -- counting moves all of these
        self,
        state: KeyedState,
        objects: Objects,
        account: Account,
        tally: Tally,
        clock: Callable[[], int],
        *,
        share: Share,
        tolerant: bool,
        keeps_digests: bool,
    ) -> None:
        """Count into ``state``, ``objects`` and ``tally``; ``clock`` is in Unix seconds.

        ``keeps_digests``: windows last, and those of buckets tell later what came again.
        """
        self.state = state
        self.objects = objects
        self.tally = tally
        self.clock = clock
        self.share = share
        self.tolerant = tolerant
        self.keeps_digests = keeps_digests
        self.returning_chains: set[Chain] = set()
        """Chains that bring windows again as they were: there it pays to know them by digests."""
        self.reader = PageReader(tolerant=tolerant, follows=share.counts_pages)
        self.changes = Changes(state, account)
        self.is_half_merged = False
        """Whether state has half of a page: nothing of that is to be stored."""

    def count(self, delivery: Delivery, page: Page, before: Contribution | None) -> PageCount:
        """Count a page, in the place of what it had brought ``before``.

        Raises:
            BadInput: it cannot be trusted, unless bad input is set aside.
            Unavailable: memory ran out, and the page is not to blame.
            Interrupted: a signal came.
        """
        counted = PageCount(Contribution(page.chain, PageSums(pages=1)))
        tally, endpoint = self.tally, page.chain.endpoint
        tally.page_bytes += len(page.content)
        tally.page_read.observe(page.seconds)
        try:
            if page.error is not None:
                raise page.error
            if page.revision:
                check_revision(page, self.clock())
            if endpoint in ENDPOINTS:
                self._count_buckets(delivery, page, counted, before)
            else:
                self._count_objects(delivery, page, counted)
        except BadInput as error:
            content = mask_page(page.content) if page.content else None
            self._set_aside(counted, delivery, page, Rejection(error, 0, content))
            counted.contribution.sums, counted.is_sound = PageSums(), False
            counted.link = lost_link(page)
        except MemoryError:
            raise no_memory(page_place_of(delivery.name, page)) from None
        tally.pages[endpoint, "ok" if counted.is_sound else "dead_lettered"] += 1
        if not page.place or endpoint == UNKNOWN_CHAIN:
            counted.link = None  # a page 0 is of no walk, and of this one nobody knows which
        if not self.share.counts_pages:  # what all workers see the first of them says
            counted.link = None
            counted.letters = [letter for letter in counted.letters if letter.is_own]
        for letter in counted.letters:
            tally.dead_letters[endpoint, letter.reason] += 1
        counted.contribution.sums.letters = len(counted.letters)
        return counted

    def _count_objects(self, delivery: Delivery, page: Page, counted: PageCount) -> None:
        """Count a page of a list.

        Raises:
            BadInput: it cannot be trusted; nothing of it was counted.
        """
        reading = self._read_page(delivery, page)
        content, counted.link = reading.content, reading.link
        assert isinstance(content, ListPage)  # noqa: S101 -- its endpoint says so
        place = page.chain.endpoint, *delivery.part, page.place
        self.objects.take(place, content.elements, page.revision)
        for rejected in content.rejections:
            self._set_aside(counted, delivery, page, rejected)

    def _count_buckets(
        self, delivery: Delivery, page: Page, counted: PageCount, before: Contribution | None
    ) -> None:
        """Count a page of buckets, when all of it has been read.

        Raises:
            BadInput: it cannot be trusted; nothing of it was counted.
        """
        chain, delivered, tally = page.chain, counted.contribution.sums, self.tally
        endpoint, mine = chain.endpoint, self.share.days(chain.endpoint) or count_all
        started = perf_counter()
        known: KnownRows | None = None
        if self.keeps_digests or chain in self.returning_chains:
            known = know_nothing if before is not None else partial(self._rows_of, chain)
        reading = self._read_page(delivery, page, known, mine)
        own, counted.link = reading.own_content, reading.link
        tally.page_decode.observe(perf_counter() - started)
        assert isinstance(own, BucketPage)  # noqa: S101 -- its endpoint says so
        if before is not None:
            span = before.sums.window
            counted.falls = self.changes.name_falls(delivery, chain, span, own.buckets, mine)
        self.is_half_merged = True
        if len(page.content) > SMALL:
            with INTERRUPTION.allow():
                delivered.window = self.merge(chain, own.buckets, page.revision)
        else:
            delivered.window = self.merge(chain, own.buckets, page.revision)
        self.is_half_merged = False
        if 0 < page.revision < self.state.folded_until(chain) * SECOND and all(
            self.state.is_closed(chain, bucket.window) for bucket in own.buckets
        ):
            counted.link = None  # of walks that are as old as that nothing is known any more
        for rejected in own.rejections:
            tally.records[endpoint, "dead_lettered"] += rejected.rows
            self._set_aside(counted, delivery, page, rejected, own=True)
        if own.unknown_fields:
            tally.unknown_fields[endpoint] += len(own.unknown_fields)
            delivered.unknown_fields |= own.unknown_fields
        delivered.rows, delivered.buckets = own.rows, own.data_buckets
        if page.number:
            self.changes.note(delivery.part, chain, delivered.window)

    def _read_page(
        self,
        delivery: Delivery,
        page: Page,
        known: KnownRows | None = know_nothing,
        mine: ShareTest = count_all,
    ) -> Reading:
        """Read a page, which a signal may break off.

        Raises:
            BadInput: it cannot be trusted, or takes more memory than there is.
            Unavailable: memory ran out, and the page is not to blame.
        """
        try:
            if len(page.content) <= SMALL:  # soon read, and the loop has its turn after some
                return self.reader.read_page(page, known, mine)
            with INTERRUPTION.allow():
                return self.reader.read_page(page, known, mine)
        except MemoryError:
            raise blame_page(len(page.content), page_place_of(delivery.name, page)) from None

    def _rows_of(self, chain: Chain, window: Window, digest: bytes) -> int | None:
        """Return how many rows a bucket has that state knows; the store is asked in peace."""
        with INTERRUPTION.suspend():
            return self.state.rows_of(chain, window, digest)

    def merge(self, chain: Chain, buckets: list[Bucket], revision: int = 0) -> Window | None:
        """Merge a page's buckets into state; return the span of their windows."""
        key = chain.endpoint
        window: Window | None = None
        for bucket in buckets:
            window = bucket.window if window is None else span_of(window, bucket.window)
            outcomes, whole = None, bucket
            if bucket.unread_json is not None:
                outcomes = self.state.take_again(chain, bucket, revision)
                if outcomes is None:
                    whole = self.reader.decoder(key).read_bucket(bucket)
            if outcomes is None:
                outcomes = self.state.take(chain, whole, revision)
                if outcomes.new != bucket.rows == outcomes.duplicate + outcomes.superseded:
                    self.returning_chains.add(chain)
            for outcome, count in zip(outcomes._fields, outcomes, strict=True):
                if count:
                    self.tally.records[key, outcome] += count
        return window

    def _set_aside(
        self,
        counted: PageCount,
        delivery: Delivery,
        page: Page,
        rejected: Rejection,
        *,
        own: bool = False,
    ) -> None:
        """Make a dead letter of something in a page, or end the run with what that would say.

        Raises:
            BadInput: nothing is set aside.
        """
        error = rejected.error.name_place(page_place_of(delivery.name, page))
        if not self.tolerant:
            raise error
        place = page.place, delivery.name, delivery.digest if page.number else b""
        body = letter_of(page.chain, place, rejected)
        counted.letters.append(Letter(body, error.reason, own))


def page_place_of(name: str, page: Page) -> str:
    """Name a file, and the page of it."""
    if page.number:
        return f"{name} (page {page.number} of {page.chain})"
    if page.chain.endpoint == UNKNOWN_CHAIN:
        return f"{name} (line {page.place})"
    return f"{name} (line {page.place}, {page.chain})" if page.place else f"{name} ({page.chain})"
