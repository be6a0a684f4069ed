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
from stream.records.windows import Window, days_of
from stream.state.saved_series import SavedSeries, Span
from stream.state.windows import KeyedState
from tests.oracle import Delivery, expected
from tests.support.counters import Sums, wanted
from tests.support.days import HeldDays
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
        self.days = HeldDays()
        self.ledger = Ledger([], limit, self.days)

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
        self.state.changed_places.clear()
        self.days.put(draft.figures)
        self.ledger.commit(draft)
        self.saved.update({(one.family, one.labels): one for one in draft.figures.series})
        for series, (accepted, corrected) in before.items():
            now = self.ledger.counts[series]
            assert now[0] >= accepted
            assert now[1] >= corrected

    def restart(self) -> None:
        """Lose everything but the state file; what is shown is the same."""
        before = self.lasting()
        saved, former = self.saved.values(), self.days.former_chains
        self.ledger = Ledger(saved, self.limit, self.days, former)
        assert self.lasting() == before
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
    """Add up what only projects, tiers, models and lesser kinds of tokens tell apart."""
    totals: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for (family, endpoint, *labels), value in sums.items():
        if family.startswith("openai_project"):
            totals[(family,)] += value
        else:
            kinds = [one if one in {"input", "output"} else "" for one in labels[3:]]
            totals[family, endpoint, *kinds] += value
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


@SOME
@given(histories(), st.sampled_from([1, 2, ENOUGH]), st.integers(0, 40))
def test_days_that_others_have_changed_are_worked_out(
    history: list[Delivery | str], limit: int, shown_pages: int
) -> None:
    """What a replay has stored meanwhile is stale, and is counted with the next checkpoints."""
    shown, delivered = Shown(limit), list[Delivery]()
    for number, one in enumerate(one for one in history if isinstance(one, Delivery)):
        shown.take(one)
        delivered.append(one)
        if number < shown_pages:
            shown.checkpoint()
    shown.days.stale = {
        Span(chain.endpoint, days_of(slot.window)) for chain, slot in shown.state.changed_places
    }
    shown.state.changed_places.clear()
    shown.ledger = Ledger(shown.saved.values(), limit, shown.days, shown.days.former_chains)
    while shown.ledger.is_behind:
        shown.checkpoint()
    counted = wanted(expected(delivered)["dedupedUsage"])
    assert by_kind(shown.sums()) == by_kind(counted)


def tokens_in(shown: Shown) -> int:
    """Return how many tokens all series of the API's own count."""
    return sum(value for series, value in shown.sums().items() if series[0] == "openai_api_tokens")


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
    gauges: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for one, value in shown.ledger.gauges.items():
        gauges[one.family][one.labels] = float(value)
    assert gauges == {
        "openai_api_cost": {
            ("c", "unspecified", "eur"): -4.0,
            ("__other__", "__other__", "usd"): 3.5,
        },
        "openai_project_cost": {("a", "usd"): 1.0, ("b", "usd"): 2.5, ("c", "eur"): -4.0},
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
    shown.take(Delivery("usage/vector_stores", "primary", page(bucket(day=2), bucket(day=3))))
    shown.checkpoint()  # days of which nothing is known yet change no level
    assert [*shown.ledger.levels.values()] == [6]
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
        assert tokens_in(shown) == 10
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
    assert tokens_in(shown) == 10  # five a day


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
    assert tokens_in(shown) == 3


def made_by(*rows: tuple[str, str, dict[str, int]]) -> Delivery:
    """Make a page of which each row has a project, a model, and counters."""
    found = [
        {**counters, "project_id": project, "model": model} for project, model, counters in rows
    ]
    return Delivery("usage/completions", "primary", page(bucket(*found)))


def test_kinds_are_folded_before_models_and_models_before_projects() -> None:
    """Of thirty projects each is seen, and so is what each has used, whoever came first."""
    shown = Shown(100)
    kinds = {
        "input_tokens": 9,
        "output_tokens": 8,
        "input_cached_tokens": 3,
        "input_audio_tokens": 1,
    }
    for first in range(0, 30, 3):
        names = [f"p{number}" for number in range(first, first + 3)]
        shown.take(made_by(*((name, model, kinds) for name in names for model in "xyz")))
        shown.checkpoint()
    found = [one.labels[1:] for one in shown.ledger.counts if one.family == "openai_api_tokens"]
    steps = [
        sum(kind in {"input_cached", "input_audio"} for *_, kind in found),
        sum(model != "__other__" for _, _, model, _ in found),
        sum(project != "__other__" for project, *_ in found),
    ]
    assert 0 < steps[0] < steps[1] < steps[2]
    assert len(found) <= 100 + 3
    projects_of = {
        one.labels for one in shown.ledger.counts if one.family == "openai_project_tokens"
    }
    assert projects_of == {(f"p{number}", "unspecified") for number in range(30)}


def test_the_largest_of_a_checkpoint_is_let_in_first() -> None:
    """Where all do not find room, it is the small ones that are added up."""
    shown = Shown(5)
    shown.take(made_by(*((f"p{n:02}", "m", {"input_tokens": n + 1}) for n in range(20))))
    shown.checkpoint()
    own = {one.labels[1] for one in given_series(shown, "openai_api_tokens")}
    assert own == {"p19", "p18", "p17", "p16"}


def test_what_is_zero_is_no_series() -> None:
    """A kind of tokens that nobody uses takes no room."""
    shown = Shown()
    shown.take(
        made_by(("a", "m", {"input_tokens": 1, "output_tokens": 0, "num_model_requests": 1}))
    )
    shown.checkpoint()
    assert {one.labels[-1] for one in given_series(shown, "openai_api_tokens")} == {"input"}
    shown.restart()


def test_more_days_than_a_checkpoint_works_out_are_counted_one_after_another() -> None:
    """A state file that a replay has made is counted bit by bit, and each day once."""
    shown = Shown()
    for day in range(100):
        shown.take(projects("a", day=day))
    changed = shown.state.changed_places
    shown.days.stale = {Span(chain.endpoint, days_of(slot.window)) for chain, slot in changed}
    changed.clear()
    shown.ledger = Ledger([], ENOUGH, shown.days)
    rounds = 0
    while shown.ledger.is_behind:
        shown.checkpoint()
        rounds += 1
    assert rounds > 1
    assert tokens_in(shown) == 100
