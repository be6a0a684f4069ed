"""What does not hold of figures is a sentence of the report, and ends a run with 1."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pages import Json, bucket, page, put_all
from tests.support.report_pages import replay_page
from tests.support.running import replay

NULLS: tuple[Json, ...] = (
    {"amount": None},
    {"amount": {"value": None, "currency": "usd"}},
    {"quantity": 3},
)


@pytest.mark.parametrize("amounts", [NULLS[:1], NULLS])
def test_costs_without_an_amount_are_named(amounts: tuple[Json, ...], tmp_path: Path) -> None:
    """Null, without a value, or absent: they are counted, in a sentence and on the page."""
    known = {"amount": {"value": "2", "currency": "usd"}, "line_item": "known"}
    rows = [known, *({"line_item": str(at), **one} for at, one in enumerate(amounts))]
    pages = put_all(tmp_path / "pages", {"costs.json": page(bucket(*rows), bucket(known, day=1))})
    count = len(amounts)
    said = "1 costs record has no amount" if count == 1 else f"{count} costs records have no amount"
    for flags in ({}, {"memory": "1B", "state": tmp_path / "state.db"}):
        replayed = replay(pages, **flags)
        assert replayed.code == 1
        assert replayed.report is not None
        assert replayed.report["relationshipIssues"] == [f"{said}: what was billed is not known."]
        assert replayed.report["endpoints"]["costs"]["metrics"]["amount_value"] == 4
    text = replay_page(pages, tmp_path, code=1)
    assert re.findall(r'id="want-([\w-]+)"', text) == ["amounts"]
    assert said in text


def test_usage_has_no_amount_to_say(tmp_path: Path) -> None:
    """Records that are none of costs are not asked for one."""
    pages = put_all(tmp_path / "pages", {"usage_images.json": page(bucket({"images": 3}))})
    assert replay(pages).code == 0
