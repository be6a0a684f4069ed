"""What wants a look before figures are relied on, in plain words: what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from stream.figures.endpoint import EndpointFigures
from stream.figures.issues import chain_issues, figure_issues, view_issues
from stream.figures.outline import Outline
from stream.figures.relations import DEFINED_FOR_EVER
from stream.providers.openai import LISTS
from stream.records.privacy import one_line
from stream.sinks.html.names import shorten_text

__all__ = ["Review", "Want", "look_at"]

MOST_SENTENCES: Final = 200
SENTENCE: Final = 600
"""Characters of a sentence that are shown; it is whole in the report."""
FEW: Final = 8
"""Models that are named."""


class Want(NamedTuple):
    """Something that wants a look: how often, what it means, and what to do about it.

    ``is_grave``: a figure may be wrong by it; else it is worth knowing.
    """

    id: str
    title: str
    times: int
    explanation: str
    action: str
    is_grave: bool = True


class Review(NamedTuple):
    """All of it, and the sentences of the report, of which ``left_over`` are not shown."""

    wants: list[Want]
    sentences: list[str]
    left_over: int

    @property
    def is_grave(self) -> bool:
        """Whether a figure may be wrong."""
        return any(one.is_grave for one in self.wants)


def look_at(outline: Outline) -> Review:
    """Find what wants a look, the gravest first."""
    wants = [one for one in all_wants(outline) if one.times]
    wants.sort(key=lambda one: not one.is_grave)
    left_out = (f"{one.name} was not read: {one.reason}" for one in outline.left_out)
    sentences = [*outline.issues, *left_out, *outline.warnings, *outline.remarks]
    shown = [shorten_sentence(one) for one in islice(sentences, MOST_SENTENCES)]
    return Review(wants, shown, len(sentences) - len(shown))


def shorten_sentence(sentence: str) -> str:
    """Return the beginning of a very long sentence."""
    return sentence if len(sentence) <= SENTENCE else f"{sentence[:SENTENCE]}…"


def all_wants(outline: Outline) -> Iterator[Want]:
    """Yield everything that could want a look, with how often it does."""
    yield from wants_of_pages(outline)
    yield from wants_of_figures([*outline.figures.values()])
    related = [
        *outline.relationships.sentences(),
        *outline.foreign_keys.sentences(DEFINED_FOR_EVER),
    ]
    yield Want(
        "relations",
        "Projects or accounts that no list knows",
        len(related),
        "Use, cost or a list names something that the recorded lists do not define.",
        "Have the lists of projects, accounts and certificates fetched anew; if it stays, ask who "
        "made the project.",
    )
    yield Want(
        "others",
        "Something else that does not hold",
        count_others(outline, related),
        "A figure is not the one that was expected, or stored state was lost.",
        "Read the sentences below.",
    )
    yield from wants_of_money(outline)
    yield Want(
        "remarks",
        "Lists that are not whole, or keys and people that are gone",
        len(outline.remarks),
        "No figure changes by it; names may be missing.",
        "Nothing needs to be done.",
        is_grave=False,
    )


def wants_of_pages(outline: Outline) -> Iterator[Want]:
    """Yield what may be missing, or changed, of what was read."""
    runs = outline.runs
    yield Want(
        "incomplete",
        "Pages are missing",
        sum(1 for one in runs if one.incomplete and one.chain.endpoint not in LISTS),
        "A chain of pages does not reach its end, so figures may be too low.",
        "Have the missing pages fetched or recorded, and this page made anew.",
    )
    yield Want(
        "letters",
        "Records were set aside",
        sum(one.sums.letters for one in runs),
        "They could not be read, and what they hold is not counted.",
        "The dead letters say why. Have them mended, and this page made anew.",
    )
    yield Want(
        "left-out",
        "Files were not read",
        len(outline.left_out),
        "They stand where pages are read, and are none that is known, so something may be missing.",
        "Look at their names below: move away what does not belong there, or rename it.",
    )
    yield Want(
        "changed",
        "Pages have changed after they had counted",
        sum(len(one.falls) + len(one.rewritten_files) for one in runs),
        "What they said before still counts, so figures may be too high.",
        "Have the state built anew from the pages as they are now.",
    )
    windows = next((one.windows for one in outline.figures.values()), None)
    yield Want(
        "former",
        "Days that were asked for in another way before",
        0 if windows is None else sum(1 for _ in view_issues(windows)),
        "They count as they did then.",
        "Have these days read again with today's request.",
    )


def wants_of_figures(figures: list[EndpointFigures]) -> Iterator[Want]:
    """Yield what of the figures contradicts itself."""
    yield Want(
        "short",
        "Sums that are smaller than their parts",
        sum(1 for one in figures for found in one.findings if found.status == "short"),
        "A total that the API gave is less than its own records; the records count.",
        "Have both fetched again for these days; the later answer is the better one.",
    )
    yield Want(
        "overlaps",
        "Time spans that overlap",
        sum(1 for one in figures for found in one.overlaps if found.wider_window is None),
        "Neither contains the other, so what both have counts twice.",
        "Have these days fetched again with one bucket width.",
    )
    yield Want(
        "amounts",
        "Costs without an amount",
        sum(one.without_amount for one in figures),
        "A record of costs does not say what was billed, so sums of money may be too low.",
        "Have these days fetched again; if it stays, ask the provider.",
    )
    yield Want(
        "collisions",
        "Records that say two things",
        sum(len(one.collisions) for one in figures),
        "One answer has different figures for the same record; the larger counts.",
        "Have these days fetched again; if it stays, ask the provider.",
    )
    yield Want(
        "labels",
        "Recordings that differ",
        sum(len(one.label_differences) for one in figures),
        "Two recordings of the same usage say different figures; the larger counts.",
        "Keep the later one alone, or record each with its time.",
        is_grave=False,
    )


def count_others(outline: Outline, related: Iterable[str]) -> int:
    """Return how many issues are of no other kind."""
    figures = outline.figures.values()
    windows = [one.windows for one in figures][:1]
    known = {
        one_line(one)
        for found in (
            chain_issues(outline.runs),
            figure_issues(figures),
            related,
            *map(view_issues, windows),
        )
        for one in found
    }
    return sum(1 for one in outline.issues if one not in known)


def wants_of_money(outline: Outline) -> Iterator[Want]:
    """Yield what of the estimates is not known, or cannot be right."""
    bills = outline.bills
    if bills is None:
        return
    unpriced = sorted({use.model or use.endpoint for use in bills.estimates.without_price})
    named = ", ".join(shorten_text(one) for one in unpriced[:FEW])
    more = f" and {len(unpriced) - FEW} more" if len(unpriced) > FEW else ""
    yield Want(
        "unpriced",
        "Use without a price",
        len(unpriced),
        f"The price list has no price for some of what was used of {named}{more}: "
        "estimates leave it out.",
        "Put its price into prices.toml, and have this page made anew.",
        is_grave=False,
    )
    yield Want(
        "contradictions",
        "Counters that cannot all be right",
        len(bills.contradictions),
        "Parts of a count are more than the whole, so an estimate may be wrong.",
        "They stand in the report under billing.contradictions; ask the provider.",
        is_grave=False,
    )
