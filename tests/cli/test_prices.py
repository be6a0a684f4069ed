"""``replay --prices`` from the outside: the section ``billing``, and nothing else, is new."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from stream.providers.openai import ENDPOINTS
from stream.recordings.twin.charges import CHARGED, PRICES, Price
from tests.support.pages import FIRST, bucket, page, put, put_all
from tests.support.places import FIXTURES
from tests.support.priced_month import put_month
from tests.support.pruning import prune
from tests.support.report_pages import replay_page
from tests.support.running import replay
from tests.support.twins import DAY, Asked, twin_at, walk
from tests.support.twins import NOW as TWIN_NOW


def billing_of(directory: Path, *arguments: str, **options: object) -> dict[str, Any]:
    """Replay a directory with prices, and return the section."""
    replayed = replay(directory, *arguments, **{"prices": "default", **options})
    assert replayed.report is not None, replayed.errors
    section: dict[str, Any] = replayed.report["billing"]
    return section


@pytest.fixture
def month(tmp_path: Path) -> Path:
    """Return pages of a few days, used and billed."""
    return put_month(tmp_path / "pages")


def test_use_stands_beside_its_bill(month: Path) -> None:
    """Each line item has its estimate, the difference and why; worked out by hand."""
    section = billing_of(month)
    assert section["prices"].startswith("genai-prices ")
    shown = [
        (
            row["bucketTimestamp"][:10],
            row["projectId"],
            row["lineItems"],
            row["kind"],
            row["billed"],
            row["estimated"],
            row["difference"],
            row["reason"],
        )
        for row in section["rows"]
    ]
    d = Decimal
    first, next_day, last = "2024-11-01", "2024-11-02", "2024-11-06"
    lines = ("cached input", "input", "batch input")
    cached, plain, batch = ([f"gpt-4o-mini, {line}"] for line in lines)
    dearer = (d("0.00007"), d("0.00006"), d("0.00001"), "amount_differs")
    assert shown == [
        (first, None, ["Credit"], None, -1, None, -1, "credit"),
        (first, "p", cached, "cached_input", *dearer),
        (first, "p", plain, "input", d("0.00030735"), d("0.00030735"), 0, "equal"),
        (first, "p", batch, "input", d("0.000075"), d("0.000075"), 0, "equal"),
        (first, "p", [], "output", None, d("0.0005472"), d("-0.0005472"), "usage_without_bill"),
        (first, "p", [], "input", None, None, None, "no_price"),
        (next_day, "p", [], "input", None, d("0.0000015"), d("-0.0000015"), "usage_without_bill"),
        (last, None, plain, "input", 0, None, 0, "bill_without_usage"),
    ]
    assert section["withoutPrice"] == [
        {
            "endpoint": "usage/completions",
            "model": "unheard-of",
            "tier": "default",
            "kind": "input",
            "quantity": 7,
        }
    ]
    assert section["estimated"]["amount"] == d("0.00099105")
    (usd,) = section["byCurrency"]
    assert usd["billed"] == d("-0.99954765") == usd["matched"] + usd["notMatched"]
    assert usd["estimated"] == d("0.00099105") == usd["matched"] + usd["notBilled"]
    assert sum(one["rows"] for one in section["byReason"]) == len(section["rows"])
    assert [one["lineItem"] for one in section["lineItems"]] == [
        "Credit",
        "gpt-4o-mini, batch input",
        "gpt-4o-mini, cached input",
        "gpt-4o-mini, input",
    ]


def test_what_nobody_knows_is_null_and_never_0(tmp_path: Path) -> None:
    """Use without a price has no estimate in any sum; what is known keeps its balance."""
    unpriced = bucket({"model": "unheard-of", "input_tokens": 7, "project_id": "p"})
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(unpriced)})
    section = billing_of(pages)
    estimated = section["estimated"]
    (by_model,) = estimated["byModel"]
    assert (by_model["withoutPrice"], by_model["amount"], estimated["amount"]) == (7, None, None)
    assert [one["amount"] for one in estimated["byDay"] + estimated["byProject"]] == [None, None]
    parts = ("billed", "estimated", "difference", "matched", "notMatched", "notBilled")
    for one in (*section["rows"], *section["byCurrency"], *section["byReason"]):
        assert [one[part] for part in parts] == [None] * len(parts)
    text = replay_page(pages, tmp_path, "--prices", "default")
    assert "<span>matched</span>" not in text
    assert ">0.0 %" not in text
    put(pages, "costs.json", page(bucket({"amount": {"value": 3, "currency": "usd"}})))
    (usd,) = billing_of(pages)["byCurrency"]
    assert [usd[part] for part in parts] == [3, None, 3, 0, 3, None]


def test_the_rest_of_the_report_stays(month: Path) -> None:
    """Without prices no byte is other than before; with them one section is there beside it."""
    for place in (month, FIXTURES):
        plain, priced = replay(place), replay(place, prices="default")
        assert plain.report is not None
        assert priced.report is not None
        assert "billing" not in plain.report
        assert {**plain.report, "billing": priced.report["billing"]} == priced.report
        assert (plain.code, plain.errors) == (priced.code, priced.errors)


def test_the_section_is_the_same_however_it_is_made(month: Path, tmp_path: Path) -> None:
    """Workers, a small budget, a state file that is resumed: the same bytes."""
    for place in (month, FIXTURES):
        wanted = replay(place, prices="default").raw
        assert replay(place, prices="default", workers=2).raw == wanted
        assert replay(place, prices="default", memory="1B").raw == wanted
        for _ in range(2):
            state = tmp_path / f"{place.name}.state"
            assert replay(place, prices="default", state=state).raw == wanted


def test_folded_days_keep_batches_apart(month: Path, tmp_path: Path) -> None:
    """What is folded is estimated and compared as before."""
    state = tmp_path / "state.db"
    before = billing_of(month, state=state)
    prune(state, limit=FIRST + 2 * DAY)
    again = replay(month, prices="default", state=state).report
    assert again is not None
    assert again["run"]["folded"]["windows"] > 0
    assert again["billing"] == before


def test_without_details_there_are_no_rows(month: Path) -> None:
    """``--no-details`` leaves the sums."""
    whole, short = billing_of(month), billing_of(month, "--no-details")
    del whole["rows"]
    assert short == whole


def test_a_wrong_price_list_is_a_wrong_configuration(month: Path, tmp_path: Path) -> None:
    """Exit code 78, a line for each key, and no report."""
    path = put(tmp_path, "prices.toml", '[[price]]\nmodel = ""\ninput = "x"\n')
    replayed = replay(month, prices=path)
    assert (replayed.code, replayed.report) == (78, None)
    assert f'{path}: price[0].model: found "", expected a text' in replayed.errors
    assert f'{path}: price[0].input: found "x", expected a decimal' in replayed.errors


KINDS: Final = {
    "input_uncached_tokens": ("input", "audio_input", "image_input"),
    "input_cached_tokens": ("cached_input", "cached_audio_input", "cached_image_input"),
    "output_tokens": ("output", "audio_output", "image_output"),
    "input_tokens": ("input",),
    "images": ("images",),
    "characters": ("characters",),
    "seconds": ("minutes",),
}
UNITS: Final = {"images": 1, "minutes": 60}


def price_list_of(prices: dict[str, tuple[Price, ...]]) -> str:
    """Write the twin's prices as a price list: each tier the same, but a batch at half of it."""
    text = "default = false\n"
    for model, some in prices.items():
        for tier, part in (("default", 1), ("flex", 1), ("priority", 1), ("batch", Decimal("0.5"))):
            text += f'[[price]]\nmodel = "{model}"\ntier = "{tier}"\ncache_write = 0\n'
            for price in some:
                for key in KINDS[price.counter]:
                    amount = price.dollars * part * UNITS.get(key, 1_000_000)
                    text += f'{key} = "{amount:f}"\n'
    return text


def test_the_twins_bills_are_what_its_use_costs(tmp_path: Path) -> None:
    """With the twin's own prices every bill is explained, but for credits and training."""
    twin = twin_at(TWIN_NOW + 10 * DAY, seed=5, volume=0.3)
    pages = tmp_path / "pages"
    pages.mkdir()
    for endpoint in (*CHARGED, ENDPOINTS["costs"]):
        asked: Asked = [("start_time", TWIN_NOW - 3 * DAY), ("end_time", TWIN_NOW)]
        asked += [("bucket_width", "1d"), ("limit", 7)]
        wanted = ("project_id", "model", "batch", "service_tier", "line_item")
        asked += [("group_by[]", name) for name in wanted if name in endpoint.groups]
        put(pages, f"{endpoint.stems[0]}.json", page(*walk(twin, endpoint.key, asked)))
    prices = put(tmp_path, "prices.toml", price_list_of(PRICES))
    section = billing_of(pages, prices=prices)
    rows, reasons = section["rows"], {one["reason"]: one for one in section["byReason"]}
    assert set(reasons) <= {"equal", "credit", "unknown_line_item", "free_or_priority"}
    assert reasons["equal"]["rows"] > 50
    assert reasons["equal"]["billed"] > 0
    assert {row["kind"] for row in rows if row["reason"] == "unknown_line_item"} <= {"training"}
    assert section["withoutPrice"] == section["contradictions"] == []
    assert {row["tier"] for row in rows if row["reason"] == "equal"} >= {None, "batch"}
