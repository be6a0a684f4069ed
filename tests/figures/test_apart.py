"""Windows that touch no other are added up as they stand; all others are resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stream.figures import endpoint
from stream.figures.rollup import Table, resolve_windows, table_alone
from stream.records.windows import Snapshot, Window
from tests.support.pages import DAY, FIRST, Json, bucket, listed, page, put_all, used
from tests.support.running import replay

ROWS = [used(number, model="m", user_id=f"u{number}") for number in range(3)]


OTHER = "usage_completions_other.json"
ROLLUP = page(daily_costs=[{"timestamp": FIRST, "line_items": ROWS}])


@pytest.mark.parametrize(
    ("name", "content", "is_resolved"),
    [
        ("usage_completions_page2.json", page(bucket(*ROWS, day=4)), False),
        ("usage_completions_page2.json", page(bucket(*ROWS[:1], day=0)), False),
        (
            "usage_completions_page2.json",
            page(bucket(*ROWS, day=1, end_time=FIRST + 3 * DAY)),
            True,
        ),
        ("usage_completions_page2.json", ROLLUP, True),
        (OTHER, page(bucket(*ROWS, day=4)), True),
    ],
    ids=["new", "known", "wider", "rollup", "label"],
)
def test_windows_are_resolved_that_touch_others(
    name: str, content: Json, *, is_resolved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One chain's windows are resolved only where they overlap, or one is a rollup."""
    calls: list[Any] = []

    def spy(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return resolve_windows(*arguments, **options)

    monkeypatch.setattr(endpoint, "resolve_windows", spy)
    days = [bucket(*ROWS, day=day) for day in range(3)]
    first = page(*days) if name == OTHER else page(*days, cursor="c")
    put_all(tmp_path, {"usage_completions.json": first, name: content})
    assert replay(tmp_path, "--no-details").report
    assert bool(calls) == is_resolved


def test_what_stands_apart_is_seen_whole(tmp_path: Path) -> None:
    """Everything that any window refers to is found."""
    days = [bucket(used(1, user_id=f"u{day}"), day=day) for day in range(5)]
    users = listed({"object": "organization.user", "id": "u0"})
    put_all(tmp_path, {"usage_completions.json": page(*days), "users.json": users})
    found = replay(tmp_path)
    assert found.report, found.errors
    unknown = found.report["foreignKeyIssues"]["unknownUsers"]
    assert unknown == [f"usage/completions:u{day}" for day in range(1, 5)]


@pytest.mark.parametrize("label", ["", "_other"], ids=["apart", "resolved"])
@pytest.mark.parametrize("lists", [(), ("users",), ("projects", "users")])
def test_what_no_list_defines_is_not_gathered(
    lists: tuple[str, ...], label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what records refer to only that is looked at which a list can be asked for."""
    found: list[set[Any]] = []
    gather = endpoint.References.found_objects

    def spy(seen: endpoint.References) -> set[Any]:
        found.append(gather(seen))
        return found[-1]

    monkeypatch.setattr(endpoint.References, "found_objects", spy)
    days = [bucket(used(1, project_id="p", user_id=f"u{day}"), day=day) for day in range(2)]
    named = {"users": "organization.user", "projects": "organization.project"}
    pages: dict[str, Any] = {
        f"{name}.json": listed({"object": named[name], "id": "x"}) for name in lists
    }
    pages["usage_completions.json"] = page(*days)
    if label:
        pages[f"usage_completions{label}.json"] = page(days[0])
    put_all(tmp_path, pages)
    assert replay(tmp_path, "--no-details").report
    assert found
    assert {kind for kind, _ in found[-1]} == {*lists}


def test_tables_are_made_of_levels_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What touches no other is added up as its columns stand, without a table of its rows."""
    labels: list[str] = []

    def spy(window: Window, label: str, snapshot: Snapshot, *, ordered: bool) -> Table:
        labels.append(label)
        return table_alone(window, label, snapshot, ordered=ordered)

    monkeypatch.setattr(endpoint, "table_alone", spy)
    held = [bucket({"usage_bytes": 9, "project_id": "p"}, day=day) for day in range(2)]
    days = [bucket(*ROWS, day=day) for day in range(3)]
    put_all(
        tmp_path, {"usage_completions.json": page(*days), "usage_vector_stores.json": page(*held)}
    )
    assert replay(tmp_path, "--no-details").report
    assert len(labels) == len(held)
