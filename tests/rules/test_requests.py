"""Fixtures with a request beside them, and the capture of them, come to the same."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import Delivery, expected
from tests.support.comparing import figures, flat, without
from tests.support.pages import Json, put
from tests.support.queries import queries_for
from tests.support.running import Replayed, replay, run
from tests.support.strategies import Chains, chains, deliveries, write_chains

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def view_in(queries: Json, endpoint: str) -> Json | None:
    """Return what an endpoint was asked with; ``None``: nobody knows."""
    if not queries or "group_by" in queries or "project_ids" in queries:
        return queries
    found: Json | None = queries.get(endpoint)
    return found


def but_for_names(replayed: Replayed) -> Json:
    """Leave of a report what does not name files."""
    assert replayed.report is not None, replayed.errors
    report = replayed.report
    endpoints = {key: without(one, {"fixtures"}) for key, one in report["endpoints"].items()}
    return {**report, "run": without(report["run"], {"fixtures"}), "endpoints": endpoints}


@FEW
@given(chains(), st.data())
def test_a_directory_and_its_capture_say_the_same(made: Chains, data: st.DataObject) -> None:
    """Whatever was asked for, in one process or two, and the oracle says so too."""
    queries = data.draw(queries_for([endpoint for endpoint, _ in made]))
    workers = data.draw(st.sampled_from([1, 1, 1, 2]))
    with TemporaryDirectory() as scratch:
        place, capture = Path(scratch) / "in", Path(scratch) / "c.ndjson"
        place.mkdir()
        write_chains(place, made)
        put(place, "request.json", queries)
        assert run(["capture", str(place), str(capture)])[0] == 0
        fixtures, lines = replay(place, workers=workers), replay(capture, workers=workers)
    assert fixtures.code == lines.code
    assert but_for_names(fixtures) == but_for_names(lines)
    pages = []
    for one in deliveries(made):
        view = view_in(queries, one.endpoint)
        asked = None if view is None else {name: sorted(some) for name, some in view.items()}
        pages.append(Delivery(one.endpoint, one.label, one.page, view=asked))
    assert fixtures.report is not None
    assert flat(figures(fixtures.report)) == flat(expected(pages))
