"""What Prometheus is shown: accepted less corrected is the report's figure, and nothing falls."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.decode import Decoder
from stream.figures.ledger import Ledger
from stream.figures.series import Series
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Window
from stream.state.saved_series import SavedSeries
from stream.state.windows import KeyedState
from tests.oracle import Delivery, expected
from tests.support.counters import Sums, wanted
from tests.support.pages import DAY, FIRST, bucket, page, used
from tests.support.strategies import chains, deliveries, written

SOME = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENOUGH = 10_000


class Shown:
    """A state and its ledger, as a daemon keeps them; ``saved`` is what the state file has."""

    def __init__(self, limit: int = ENOUGH) -> None:
        """Start with nothing."""
        self.limit = limit
        self.state = KeyedState()
        self.saved: dict[tuple[str, str], SavedSeries] = {}
        self.ledger = Ledger([], limit)

    def take(self, delivery: Delivery) -> None:
        """Merge a page."""
        decoder = Decoder(ENDPOINTS[delivery.endpoint])
        text = written({"has_more": False, **delivery.page})
        for found in decoder.decode(text.encode()).buckets:
            chain = Chain(delivery.endpoint, delivery.label)
            self.state.chains.add(chain)
            self.state.take(chain, found, delivery.revision)

    def checkpoint(self) -> None:
        """Store a checkpoint; no counter may fall."""
        before = dict(self.ledger.counts)
        draft = self.ledger.draft(self.state.windows(), self.state.changed_places)
        assert self.ledger.counts == before
        self.ledger.commit(draft)
        self.state.changed_places.clear()
        self.saved.update({(one.family, one.labels): one for one in draft.saved_series()})
        for series, (accepted, corrected) in before.items():
            now = self.ledger.counts[series]
            assert now[0] >= accepted
            assert now[1] >= corrected

    def restart(self) -> None:
        """Lose everything but the state file; what is shown is the same."""
        before = self.lasting()
        self.ledger = Ledger(self.saved.values(), self.limit)
        self.checkpoint()
        assert self.lasting() == before

    def lasting(self) -> tuple[object, ...]:
        """Return what a restart must not change; a gauge of nothing may go with its rows."""
        ledger = self.ledger
        gauges = {series: value for series, value in ledger.gauges.items() if value}
        if self.limit < ENOUGH:  # which costs have a gauge of their own is free to change
            gauges = {}
        return ledger.counts, gauges, ledger.levels if self.limit == ENOUGH else None

    def sums(self) -> Sums:
        """Return accepted less corrected, where there is any."""
        found = {(one.family, *one.labels): a - c for one, (a, c) in self.ledger.counts.items()}
        return {series: value for series, value in found.items() if value}


def by_kind(sums: Sums) -> Sums:
    """Add up what only projects, tiers and models tell apart."""
    totals: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for (family, endpoint, _, _, _, *token), value in sums.items():
        totals[family, endpoint, *token] += value
    return dict(totals)


@st.composite
def histories(draw: st.DrawFn) -> list[Delivery | str]:
    """Deliver pages in any order, with revisions, and checkpoints and restarts between them."""
    pages = draw(st.permutations(deliveries(draw(chains()))))
    history: list[Delivery | str] = []
    for one in pages:
        revision = draw(st.integers(0, 2))
        history.append(Delivery(one.endpoint, one.label, one.page, revision))
        history += draw(st.lists(st.sampled_from(["checkpoint", "restart"]), max_size=1))
    return history


@SOME
@given(histories(), st.sampled_from([1, 2, ENOUGH]))
def test_accepted_less_corrected_is_the_report(history: list[Delivery | str], limit: int) -> None:
    """Whatever is revised, covered or folded, each checkpoint shows what the oracle counts."""
    shown, delivered = Shown(limit), list[Delivery]()
    for one in [*history, "checkpoint", "restart"]:
        if isinstance(one, Delivery):
            shown.take(one)
            delivered.append(one)
            continue
        shown.checkpoint()
        counted = wanted(expected(delivered)["dedupedUsage"])
        assert by_kind(shown.sums()) == by_kind(counted)
        if limit == ENOUGH:
            assert shown.sums() == counted
        if one == "restart":
            shown.restart()


def given_series(shown: Shown, family: str) -> set[Series]:
    """Return a family's series that are not folded ones."""
    return {
        one for one in shown.ledger.counts if one.family == family and "__other__" not in one.labels
    }


def projects(*names: str, day: int = 0) -> Delivery:
    """Make a page in which each project has used one token."""
    rows = [used(1, project_id=name) for name in names]
    return Delivery("usage/completions", "primary", page(bucket(*rows, day=day)))


def test_what_is_folded_stays_folded() -> None:
    """Series beyond the limit are added up for good, also when the limit is raised later."""
    shown = Shown(2)
    shown.take(projects("a", "b", "c", "d"))
    shown.checkpoint()
    assert len(given_series(shown, "openai_api_tokens")) == 2
    shown.limit = ENOUGH
    shown.restart()
    shown.take(projects("c", "e", day=1))
    shown.checkpoint()
    own = {one.labels[1] for one in given_series(shown, "openai_api_tokens")}
    assert own == {"a", "b", "e"}
    other = "openai_api_tokens", "usage/completions", *["__other__"] * 3, "input"
    assert shown.sums()[other] == 3


def test_currencies_are_not_folded_into_each_other() -> None:
    """Costs beyond the limit are added up by currency, and may fall."""
    shown = Shown(1)
    rows = [
        {"amount": {"value": value, "currency": currency}, "project_id": project}
        for project, currency, value in (("a", "usd", 1), ("b", "usd", 2.5), ("c", "eur", -4))
    ]
    shown.take(Delivery("costs", "primary", page(bucket(*rows))))
    shown.checkpoint()
    gauges = {one.labels: float(value) for one, value in shown.ledger.gauges.items()}
    assert gauges == {
        ("a", "unspecified", "usd"): 1.0,
        ("__other__", "__other__", "usd"): 2.5,
        ("__other__", "__other__", "eur"): -4.0,
    }
    shown.restart()


def test_a_level_is_that_of_the_latest_window() -> None:
    """Bytes in vector stores are not added up over time, and a project without any is gone."""
    shown = Shown()
    for day, rows in enumerate(({"a": 5, "b": 7}, {"a": 6})):
        found = [{"usage_bytes": size, "project_id": name} for name, size in rows.items()]
        shown.take(Delivery("usage/vector_stores", "primary", page(bucket(*found, day=day))))
        shown.checkpoint()
    levels = {one.labels[1]: value for one, value in shown.ledger.levels.items()}
    assert levels == {"a": 6}
    shown.restart()


def test_a_window_across_days_is_resolved_with_all_of_them() -> None:
    """A week beside its days counts only its excess, in whatever order the two come."""
    days = [projects("a", day=day) for day in range(3)]
    week = bucket(used(10, project_id="a"), start_time=FIRST, end_time=FIRST + 7 * DAY)
    pages = [*days, Delivery("usage/completions", "week", page(week)), projects("a", day=4)]
    for order in (pages, pages[::-1]):
        shown = Shown()
        for one in order:
            shown.take(one)
            shown.checkpoint()
        assert sum(shown.sums().values()) == 10
        assert Window(FIRST, FIRST + 7 * DAY).contains(Window(FIRST, FIRST + DAY))
        shown.restart()


def test_what_a_finer_view_shows_is_taken_back_at_the_next_try() -> None:
    """When a finer view comes, the coarser goes on its day, also if a checkpoint failed."""
    shown = Shown()
    coarse, fine = '{"group_by":["model"]}', '{"group_by":["model","project_id"]}'
    for view, day in ((coarse, 0), (coarse, 1), (fine, 0)):
        shown.state.chains.add(Chain("usage/completions", "primary", view))
        decoder = Decoder(ENDPOINTS["usage/completions"])
        text = written({"has_more": False, **page(bucket(used(5, project_id="p"), day=day))})
        (found,) = decoder.decode(text.encode()).buckets
        shown.state.take(Chain("usage/completions", "primary", view), found)
        if view == fine:
            shown.ledger.draft(shown.state.windows(), shown.state.changed_places)
        shown.checkpoint()
    assert sum(shown.sums().values()) == 10  # five a day


def test_a_checkpoint_that_is_not_stored_moves_nothing() -> None:
    """A draft that is made again, as the store failed, counts nothing twice."""
    shown = Shown()
    shown.take(projects("a"))
    for _ in range(3):
        shown.ledger.draft(shown.state.windows(), shown.state.changed_places)
        assert shown.sums() == {}
    shown.checkpoint()
    shown.take(projects("a", "b", day=1))
    for _ in range(3):
        shown.ledger.draft(shown.state.windows(), shown.state.changed_places)
    shown.checkpoint()
    assert sum(shown.sums().values()) == 3
