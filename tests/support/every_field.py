"""Runs whose reports together have every field that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.bad_pages import GOOD
from tests.support.comparing import Json
from tests.support.envelopes import line, put_capture
from tests.support.pages import DAY, FIRST, bucket, listed, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.pruning import prune
from tests.support.running import NOW, replay

__all__ = ["reports_of_all_kinds"]

REFERRED: Final = {
    "api_key_id": "y",
    "service_account_id": "a",
    "service_account_key_id": "b",
    "certificate_id": "z",
}
GROUPED: Final = {"project_id": "p", "model": "m"}


def reports_of_all_kinds(place: Path) -> list[Json]:
    """Replay fixtures, bad input, findings of all kinds, and folded days; return the reports."""
    dead = [
        "--on-error",
        "dead-letter",
        "--dead-letters",
        str(place / "dead"),
        "--allow-incomplete",
    ]
    made = [
        replay(FIXTURES, "--prices", "default"),
        replay(put_findings(place / "findings"), "--prices", "default"),
        replay(put_bad(place / "bad"), *dead),
        replay(put_walks(place / "walks"), *dead),
    ]
    found: list[Json] = [one.report for one in made if one.report is not None]
    assert len(found) == len(made), [one.errors for one in made]
    pages, state = put_findings(place / "again"), place / "state.db"
    replay(pages, state=state)
    prune(state, limit=int(NOW))
    folded = replay(pages, state=state).report
    assert folded is not None
    return [*found, folded]


def put_findings(place: Path) -> Path:
    """Put pages in which coarser figures, windows, rows and labels do not fit together."""
    week = {"end_time": FIRST + 7 * DAY}
    costs: list[Any] = [
        {"amount": {"value": "0.5", "currency": "usd"}, "line_item": "m, input", "project_id": "p"},
        {"amount": {"value": "1", "currency": "usd"}, "line_item": "gpt-4o-mini, batch input"},
        {"amount": {"value": "-1", "currency": "eur"}, "line_item": "Credit", "project_id": None},
    ]
    rounded = [{"amount": {"value": "1.50000001", "currency": "usd"}}]
    return put_all(
        place,
        {
            "usage_completions.json": page(
                bucket(used(5, cost="0.5", unheard=2, place="x", **GROUPED)),
                bucket(used(9, **GROUPED), used(8, **GROUPED), day=1),
                bucket(used(3, model="m", input_cached_tokens=9, project_id="p"), day=2),
                bucket(used(30, model="m"), **week),
                bucket(used(6, **GROUPED), day=20),
            ),
            "usage_completions_dual.json": page(bucket(used(7, cost="0.5", **GROUPED), day=20)),
            "usage_decisions.json": page(bucket(used(3, input_cached_tokens=9, **GROUPED))),
            "usage_embeddings.json": page(
                bucket(used(5, **GROUPED)), bucket(used(1, model="m"), **week)
            ),
            "usage_moderations.json": page(
                bucket(used(5, **GROUPED), end_time=FIRST + 2 * DAY),
                bucket(used(5, **GROUPED), day=1, end_time=FIRST + 3 * DAY),
                bucket(used(5, **GROUPED), day=10, end_time=FIRST + 12 * DAY),
                bucket(used(5, **GROUPED), day=11, end_time=FIRST + 13 * DAY),
                bucket(used(12), day=10, end_time=FIRST + 14 * DAY),
            ),
            "usage_images.json": page(bucket(used(images=5)), bucket(used(images=5), **week)),
            "usage_vector_stores.json": page(bucket({"usage_bytes": 7, "project_id": "p"})),
            "costs.json": page(bucket(*costs)),
            "costs_total.json": page(bucket(*rounded)),
            "projects.json": listed({"id": "p", "name": "Search"}),
        },
    )


def put_bad(place: Path) -> Path:
    """Put a page with a bad row, a chain that goes on, lists that do not fit, and another file."""
    owner = {"id": "k", "service_account": {"id": "s"}, "project_id": "gone"}
    return put_all(
        place,
        {
            "usage_completions.json": page(GOOD, bucket(used(-1)), cursor="next"),
            "usage_completions_dual.json": page(GOOD, cursor="next"),
            "usage_audio_speeches.json": page(
                bucket({"characters": 5, "project_id": "x", "user_id": "u", **REFERRED})
            ),
            "projects.json": listed({"id": "p", "name": "Search"}),
            "service_accounts.json": listed({"id": "t", "project_id": "gone"}),
            "service_account_keys.json": listed(owner),
            "certificate_events.json": listed({"id": "e", "certificate_id": "c"}),
            "certificates.json": listed({"id": "d"}),
            "users.json": listed({"id": "v"}),
            "projects_api_keys.json": listed({"id": "i"}),
            "left.json": {"what": 1},
        },
    )


def put_walks(place: Path) -> Path:
    """Put walks of which a coarser one is older than its details."""
    place.mkdir()
    old = {"observed_at": "2024-12-01T00:00:00Z", "label": "whole"}
    new = {"observed_at": "2024-12-02T00:00:00Z"}
    whole = line(page(bucket(used(9, model="m"))), **old)
    return put_capture(
        place / "a.ndjson", [line(page(bucket(used(5, **GROUPED))), **new), whole]
    ).parent
