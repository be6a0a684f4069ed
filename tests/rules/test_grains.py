"""One truth that is asked for in several ways counts once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import expected
from tests.support.capture_strategies import REVISIONS, Sent, put_files
from tests.support.comparing import figures, flat
from tests.support.running import replay
from tests.support.strategies import COMPLETIONS, written
from tests.support.truths import FACTS, Fact, Telling, tellings

if TYPE_CHECKING:
    from tests.support.strategies import Json

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sent_by(truth: list[Fact], asked: list[Telling]) -> list[Sent]:
    """Ask in several ways, and record each answer under a label of its own."""
    found = []
    for number, telling in enumerate(asked):
        page = {**telling.page(truth), "has_more": False, "next_page": None}
        label = f"l{number}"
        found.append(Sent(COMPLETIONS, label, REVISIONS[1], telling.request, written(page)))
    return found


def report_of(sent: list[Sent]) -> Json:
    """Replay lines of a capture; the report has the figures of the oracle."""
    with TemporaryDirectory() as name:
        replayed = replay(put_files(Path(name), {"a.ndjson": sent}))
    assert replayed.report is not None, replayed.errors
    assert flat(figures(replayed.report)) == flat(expected([one.delivery for one in sent]))
    return replayed.report


def tokens_in(report: Json) -> object:
    """Find the sum of all tokens."""
    return report["endpoints"][COMPLETIONS]["metrics"]["input_tokens"]


@FEW
@given(FACTS, st.lists(tellings(), min_size=1, max_size=4))
def test_a_truth_told_in_several_ways_counts_once(truth: list[Fact], asked: list[Telling]) -> None:
    """However often the same usage is asked for, by whatever groups and widths, it counts once."""
    report = report_of(sent_by(truth, asked))
    assert tokens_in(report) == sum(fact.tokens for fact in truth)
    assert report["relationshipIssues"] == []


@FEW
@given(FACTS, tellings(), st.lists(tellings(filtered=True), min_size=1, max_size=3))
def test_what_filters_show_of_a_truth_counts_in_it(
    truth: list[Fact], whole: Telling, some: list[Telling]
) -> None:
    """Walks through filters, beside one that shows everything, neither add to it nor hide it."""
    report = report_of(sent_by(truth, [*some, whole]))
    assert tokens_in(report) == sum(fact.tokens for fact in truth)
    assert report["relationshipIssues"] == []


@FEW
@given(FACTS, st.lists(tellings(filtered=True), min_size=1, max_size=4), st.data())
def test_filters_and_their_lack_have_the_figures_of_the_oracle(
    truth: list[Fact], asked: list[Telling], data: st.DataObject
) -> None:
    """Whatever is asked for, known or not, of other times, the oracle says the same."""
    asked = [one._replace(is_known=data.draw(st.booleans())) for one in asked]
    sent = sent_by(truth, asked)
    moments = st.sampled_from(REVISIONS)
    report_of([one._replace(observed_at=data.draw(moments)) for one in sent])
