"""Everything that a report shows, worked out from state as it stands at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from stream import __version__
from stream.figures import expectations
from stream.figures.endpoint import EndpointFigures, endpoint_figures
from stream.figures.expectations import Expectations
from stream.figures.folds import FoldedDays, folded_days_of
from stream.figures.issues import (
    chain_issues,
    figure_issues,
    figure_warnings,
    list_remarks,
    view_issues,
)
from stream.figures.relations import (
    DEFINED_FOR_EVER,
    DELETED_IN_TIME,
    ForeignKeyIssues,
    Relations,
    Relationships,
)
from stream.records.chains import ChainSummary
from stream.records.delivery import LeftOut
from stream.records.privacy import one_line
from stream.state.objects import ObjectPages
from stream.state.saved_series import ReplayedDayStore
from stream.state.windows import Windows

if TYPE_CHECKING:  # only runs with prices import them
    from stream.figures.money.billing import Bills
    from stream.providers.prices.price_list import PriceList

__all__ = ["FrozenState", "Outline", "outline_of"]


class FrozenState(Struct, frozen=True):
    """State as it stands at one moment: nothing in it changes while figures are computed.

    ``parts`` are the entries of all that was read, as bytes, and ``left_out`` is what was not;
    ``project_names`` are what projects are called, by id. A ``day_store`` has all windows as they
    are here, and is to keep what days came to.
    """

    windows: Windows
    runs: list[ChainSummary]
    objects: ObjectPages
    parts: list[bytes]
    left_out: Sequence[LeftOut] = ()
    project_names: Mapping[str, str] = MappingProxyType({})
    day_store: ReplayedDayStore | None = None


class Outline(Struct):
    """Everything that a report shows, but for its details.

    ``issues`` say what does not hold. ``remarks`` say what is worth knowing, and decide nothing.
    """

    version: str
    now: int
    runs: list[ChainSummary]
    parts: list[bytes]
    figures: dict[str, EndpointFigures]
    relationships: Relationships
    foreign_keys: ForeignKeyIssues
    issues: list[str]
    warnings: list[str]
    remarks: list[str] = []
    left_out: Sequence[LeftOut] = ()
    folded_days: FoldedDays | None = None
    bills: Bills | None = None
    project_names: Mapping[str, str] = MappingProxyType({})

    @property
    def exit_code(self) -> int:
        """The exit code of a run that has come to this."""
        return int(bool(self.issues or self.left_out))

    def runs_of(self, key: str) -> list[ChainSummary]:
        """Return the chains of an endpoint, by label."""
        return [run for run in self.runs if run.chain.endpoint == key]


def outline_of(
    state: FrozenState,
    now: int,
    expected: Expectations = expectations.NOTHING,
    known: Mapping[str, EndpointFigures] | None = None,
    prices: PriceList | None = None,
) -> Outline:
    """Compute every figure, and name what does not hold.

    Figures of endpoints that are ``known`` were added up elsewhere, and by what prices go by
    where there are ``prices``, or days are kept. A list of which something is missing defines
    nothing.
    """
    priced = prices is not None or state.day_store is not None
    keys = sorted({chain.endpoint for chain in state.windows.chains})
    added_up = known or {}
    partial = {run.chain.endpoint for run in state.runs if run.partial}
    relations = Relations(state.objects, partial)
    kinds = frozenset(relations.defined_ids())
    figures = {
        key: added_up[key]
        if key in added_up
        else endpoint_figures(key, state.windows, priced=priced, kinds=kinds)
        for key in keys
    }
    relationships = relations.relationships()
    foreign_keys = relations.foreign_keys(
        (key, kind, one) for key, found in figures.items() for kind, one in found.references
    )
    issues = [
        *chain_issues(state.runs),
        *view_issues(state.windows),
        *figure_issues(figures.values()),
        *relationships.sentences(),
        *foreign_keys.sentences(DEFINED_FOR_EVER),
        *expectations.check_figures(expected, figures),
    ]
    remarks = [*list_remarks(state.runs), *foreign_keys.sentences(DELETED_IN_TIME)]
    bills = None
    if prices is not None:
        from stream.figures.money.billing import compare_bills  # noqa: PLC0415 -- 4 ms that few runs need

        days = {key: one.days.groups for key, one in figures.items()}
        bills = compare_bills(days, prices, now)
    return Outline(
        __version__,
        now,
        state.runs,
        state.parts,
        figures,
        relationships,
        foreign_keys,
        [*map(one_line, issues)],
        [*map(one_line, figure_warnings(figures.values()))],
        [*map(one_line, remarks)],
        state.left_out,
        folded_days_of(state.windows),
        bills,
        state.project_names,
    )
