"""What a replay of any recorded chains promises, held against the oracle.

Each test writes generated chains to a fresh directory and replays them. The tests under
"Single rules" need no oracle: there the right figure is one line of arithmetic.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import ENDPOINTS, expected
from tests.support.comparing import (
    ONLY_THE_REPLAY_KNOWS,
    but_for_deliveries,
    figures,
    flat,
    without,
)
from tests.support.running import replay
from tests.support.strategies import (
    COMPLETIONS,
    DAYS,
    FIRST_DAY,
    HOUR,
    MODELS,
    PROJECTS,
    Chains,
    Json,
    bucket,
    chains,
    counts_by,
    covered_chains,
    deliveries,
    joined_chains,
    repeated,
    shuffled,
    split,
    without_rollups,
    write_chains,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

# Making the chains is most of what a test does, and a slow machine is no failure.
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def report_of(made: Chains) -> Json:
    """Replay chains into a report; the exit code tells whether everything holds."""
    with TemporaryDirectory() as name:
        write_chains(Path(name), made)
        replayed = replay(Path(name))
    assert replayed.report is not None, replayed.errors
    assert replayed.code == bool(replayed.report["relationshipIssues"]), replayed.errors
    return replayed.report


def completions(*pages: Json, label: str = "primary") -> Chains:
    """Make one chain of completions."""
    return {(COMPLETIONS, label): list(pages)}


def input_tokens(report: Json) -> object:
    """Find the sum of input tokens over all labels."""
    return report["endpoints"][COMPLETIONS]["metrics"]["input_tokens"]


def summed(values: Iterable[Any]) -> Fraction | None:
    """Sum what is not null, exactly; nothing sums to None."""
    present = [Fraction(value) for value in values if value is not None]
    return sum(present, Fraction(0)) if present else None


# Against the oracle ---------------------------------------------------------------------


@FEW
@given(chains())
def test_report_has_the_figures_of_the_oracle(made: Chains) -> None:
    """Every figure of the report is the one that the naive implementation works out."""
    assert flat(figures(report_of(made))) == flat(expected(deliveries(made)))


@FEW
@given(chains())
def test_numbers_are_written_canonically(made: Chains) -> None:
    """No number in the report has an exponent, a trailing zero, or is minus zero."""
    with TemporaryDirectory() as name:
        write_chains(Path(name), made)
        raw = replay(Path(name)).raw
    spelled: list[str] = []
    json.loads(raw, parse_int=spelled.append, parse_float=spelled.append)
    assert spelled
    canonical = re.compile(r"0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9]")
    assert [text for text in spelled if not canonical.fullmatch(text)] == []


# However the pages arrive ---------------------------------------------------------------


@FEW
@given(chains().flatmap(lambda made: st.tuples(st.just(made), shuffled(made))))
def test_order_of_pages_changes_no_figure(pair: tuple[Chains, Chains]) -> None:
    """Pages of a chain in another order give the same report but for their digests."""
    in_order, in_disorder = (flat({**report_of(made), "run": None}) for made in pair)
    assert in_disorder == in_order


@FEW
@given(chains())
def test_capacity_of_the_channel_changes_no_byte(made: Chains) -> None:
    """A channel of one page and one of sixty-four write the same bytes."""
    with TemporaryDirectory() as name:
        write_chains(Path(name), made)
        narrow = replay(Path(name), channel_capacity=1)
        wide = replay(Path(name), channel_capacity=64)
    assert narrow.report is not None, narrow.errors
    assert narrow.raw == wide.raw


@FEW
@given(chains().flatmap(lambda made: st.tuples(st.just(made), repeated(made))))
def test_repeated_pages_change_only_what_counts_deliveries(pair: tuple[Chains, Chains]) -> None:
    """Pages that are delivered again change the fields that count deliveries alone."""
    once, again = (flat(but_for_deliveries(report_of(made))) for made in pair)
    assert again == once


@FEW
@given(chains())
def test_split_pages_change_only_what_counts_deliveries(made: Chains) -> None:
    """A page for each bucket gives the report that whole pages give."""
    whole, apart = (flat(but_for_deliveries(report_of(one))) for one in (made, split(made)))
    assert apart == whole


@FEW
@given(chains())
def test_joined_pages_change_only_what_counts_deliveries(made: Chains) -> None:
    """One page for each chain gives the report that several pages give."""
    several, one = (flat(but_for_deliveries(report_of(m))) for m in (made, joined_chains(made)))
    assert one == several


# Inside one report ----------------------------------------------------------------------


def sums_of(entry: Json) -> Json:
    """Give an endpoint's metrics, but for money of several currencies, which has no sum."""
    money = entry["breakdowns"].get("byCurrency", {}).values()
    several = sum(value is not None for value in money) > 1
    return without(entry["metrics"], {"amount_value"} if several else set()) or {}


@FEW
@given(chains())
def test_totals_are_the_sums_over_the_details(made: Chains) -> None:
    """Each counter of an endpoint is the sum over its records in `dedupedUsage`."""
    report = report_of(made)
    for endpoint, entry in report["endpoints"].items():
        records = [r["metrics"] for r in report["dedupedUsage"] if r["endpoint"] == endpoint]
        assert len(records) == entry["totalDedupedResults"]
        assert set(entry["metrics"]) == set().union(ENDPOINTS[endpoint].counters, *records)
        for counter, total in sums_of(entry).items():
            assert summed(r.get(counter) for r in records) == summed([total])


@FEW
@given(chains())
def test_groups_add_up_to_the_totals(made: Chains) -> None:
    """The groups of each kind add up to the endpoint's total, and breakdowns likewise."""
    for endpoint, entry in report_of(made)["endpoints"].items():
        for kind in ("byKey", "byProject", "byServiceTier", "byModel"):
            for counter, total in sums_of(entry).items():
                groups = [group["metrics"].get(counter) for group in entry[kind] or []]
                assert entry[kind] is None or summed(groups) == summed([total])
        for values in entry["breakdowns"].values():
            main = ENDPOINTS[endpoint].main
            assert main not in (sums := sums_of(entry)) or (
                summed(values.values()) == summed([sums[main]])
            )


# Single rules ---------------------------------------------------------------------------


@FEW
@given(covered_chains())
def test_covered_rollups_change_no_total(pair: tuple[Chains, Chains]) -> None:
    """A rollup that its details add up to is absorbed, and every total stays as it was."""
    bare, covered = (report_of(made) for made in pair)
    counted = {"totalResults", "unknownFields", *ONLY_THE_REPLAY_KNOWS}
    before, after = (
        without(report["endpoints"][COMPLETIONS], counted) for report in (bare, covered)
    )
    assert flat(after) == flat(before)
    for outcome in ("excess", "short", "stale", "rounding"):
        assert covered["reconciliation"][outcome] == bare["reconciliation"][outcome]
    assert flat(without_sources(covered)) == flat(without_sources(bare))


def without_sources(report: Json) -> list[Json | None]:
    """Leave of the details everything but where they were seen."""
    return [without(record, {"sources"}) for record in report["dedupedUsage"]]


@FEW
@given(
    counts_by(st.tuples(PROJECTS, MODELS)),
    st.fixed_dictionaries({"gpt-4o": st.integers(-5, 5), "gpt-4o-mini": st.integers(-5, 5)}),
)
def test_rollup_adds_only_its_excess(
    details: dict[tuple[str, str], int], differences: dict[str, int]
) -> None:
    """A rollup adds what it has beyond its details; one that has less is named as short."""
    sums: Counter[str] = Counter()
    for (_, model), count in details.items():
        sums[model] += count
    off = {model: max(differences[model], -count) for model, count in sums.items()}
    report = report_of(
        completions(
            {
                "data": [
                    bucket(
                        DAYS[0],
                        [
                            {"project_id": project, "model": model, "input_tokens": count}
                            for (project, model), count in details.items()
                        ],
                    )
                ],
                "daily_costs": [
                    {
                        "timestamp": FIRST_DAY,
                        "line_items": [
                            {"model": model, "input_tokens": sums[model] + difference}
                            for model, difference in off.items()
                        ],
                    }
                ],
            }
        )
    )
    assert input_tokens(report) == sums.total() + sum(max(d, 0) for d in off.values())
    for outcome, models in {
        "absorbed": {model for model, d in off.items() if d == 0},
        "excess": {model for model, d in off.items() if d > 0},
        "short": {model for model, d in off.items() if d < 0},
    }.items():
        found = report["reconciliation"][outcome]
        assert {entry["dimensions"]["model"] for entry in found} == models


@FEW
@given(counts_by(st.tuples(PROJECTS, MODELS)), counts_by(MODELS))
def test_rows_without_a_project_cover_rollups_once(
    rollups: dict[tuple[str, str], int], details: dict[str, int]
) -> None:
    """Usage without a project covers the rollups of all projects together, once."""
    report = report_of(
        completions(
            {
                "data": [
                    bucket(
                        DAYS[0],
                        [{"model": m, "input_tokens": count} for m, count in details.items()],
                    )
                ],
                "daily_costs": [
                    {
                        "timestamp": FIRST_DAY,
                        "line_items": [
                            {"project_id": project, "model": model, "input_tokens": count}
                        ],
                    }
                    for (project, model), count in rollups.items()
                ],
            }
        )
    )
    claimed: Counter[str] = Counter()
    for (_, model), count in rollups.items():
        claimed[model] += count
    models = {*claimed, *details}
    assert input_tokens(report) == sum(max(claimed[m], details.get(m, 0)) for m in models)


@FEW
@given(counts_by(st.tuples(PROJECTS, MODELS)), counts_by(PROJECTS))
def test_finer_rollups_count_for_coarser_ones(
    fine: dict[tuple[str, str], int], coarse: dict[str, int]
) -> None:
    """What remains of a finer rollup is detail for a coarser one of the same day."""
    items = [{"project_id": p, "model": m, "input_tokens": n} for (p, m), n in fine.items()]
    items += [{"project_id": p, "input_tokens": n} for p, n in coarse.items()]
    daily = [{"timestamp": FIRST_DAY, "line_items": items}]
    report = report_of(completions({"data": [], "daily_costs": daily}))
    known: Counter[str] = Counter()
    for (project, _), count in fine.items():
        known[project] += count
    projects = {*known, *coarse}
    assert input_tokens(report) == sum(max(known[p], coarse.get(p, 0)) for p in projects)


@FEW
@given(counts_by(PROJECTS), counts_by(PROJECTS))
def test_labels_merge_by_maximum(first: dict[str, int], second: dict[str, int]) -> None:
    """Usage that two labels both recorded counts once, with the greater figure."""
    made: Chains = {}
    for label, counts in {"primary": first, "dual": second}.items():
        rows: list[Json] = [{"project_id": p, "input_tokens": n} for p, n in counts.items()]
        made |= completions({"data": [bucket(DAYS[0], rows)]}, label=label)
    both = {p: max(first.get(p, 0), second.get(p, 0)) for p in {*first, *second}}
    report = report_of(made)
    assert input_tokens(report) == sum(both.values())
    assert report["usageSummary"]["tokensIn"] == sum(first.values())
    assert report["usageVariants"]["dual"]["tokensIn"] == sum(second.values())


@FEW
@given(counts_by(st.tuples(st.integers(0, 23), PROJECTS)), counts_by(PROJECTS))
def test_wider_window_adds_only_its_excess(
    hours: dict[tuple[int, str], int], day: dict[str, int]
) -> None:
    """A day beside its hours adds, for each identity, what the hours do not account for."""
    narrow = [
        bucket(
            (FIRST_DAY + hour * HOUR, FIRST_DAY + (hour + 1) * HOUR),
            [{"project_id": project, "input_tokens": count}],
        )
        for (hour, project), count in hours.items()
    ]
    wide = bucket(DAYS[0], [{"project_id": p, "input_tokens": n} for p, n in day.items()])
    report = report_of(completions({"data": [wide]}, {"data": narrow}))
    sums: Counter[str] = Counter()
    for (_, project), count in hours.items():
        sums[project] += count
    projects = {*sums, *day}
    assert input_tokens(report) == sum(max(sums[p], day.get(p, 0)) for p in projects)
    assert len(report["reconciliation"]["widerWindowsCovered"]) == 1


@FEW
@given(chains())
def test_rollups_only_add(made: Chains) -> None:
    """Rollups add records and never take one away: each count is at least what it was."""
    with_rollups, bare = report_of(made), report_of(without_rollups(made))
    for endpoint, entry in bare["endpoints"].items():
        for counter in ENDPOINTS[endpoint].counts:
            less = summed([entry["metrics"][counter]])
            more = summed([with_rollups["endpoints"][endpoint]["metrics"][counter]])
            assert less is None or (more is not None and more >= less)
