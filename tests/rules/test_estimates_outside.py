"""Estimates and bills from outside: naively worked out from a report's own records.

The sums here are plain fractions over plain records, and know nothing of days, groups or columns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import HealthCheck, given, settings

from tests.support.pages import put
from tests.support.running import replay
from tests.support.strategies import Chains, Json, chains, write_chains

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT: Final = {"input": 3, "cached_input": 1, "output": 7, "cache_write": 4}
AUDIO: Final = {"audio_input": 11, "cached_audio_input": 2, "audio_output": 23}
IMAGES: Final = {"image_input": 5, "cached_image_input": 13, "image_output": 17}
MILLIONTHS: Final = {**TEXT, **AUDIO, **IMAGES, "characters": 19}
ONES: Final = {"images": 2, "sessions": 3}
THOUSANDTHS: Final = {"web_searches": 29, "file_searches": 31}
FACTORS: Final = {"default": 1, "batch": 2, "priority": 3}
"""What the prices of each tier are multiplied by; other tiers have none."""
STANDARD: Final = {"", "auto", "standard", "default"}


def price_list() -> str:
    """Write the list: each tier has every price, but for seconds."""
    text = "default = false\n"
    for tier, factor in FACTORS.items():
        prices = {**MILLIONTHS, **ONES, **THOUSANDTHS}
        lines = "".join(f"{key} = {price * factor}\n" for key, price in prices.items())
        text += f'[[price]]\nmodel = "*"\ntier = "{tier}"\n{lines}'
    return text


def used(record: Json) -> Counter[str]:
    """Return what a record says of each kind."""
    endpoint, metrics = record["endpoint"], record["metrics"]
    found: Counter[str] = Counter()

    def count(name: str) -> int:
        return int(metrics.get(name) or 0)

    if endpoint in {"usage/completions", "usage/decisions"}:
        for way, name in (("input", "input"), ("cached_input", "input_cached"), ("output",) * 2):
            whole = count(f"{name}_tokens")
            for sort in ("audio", "image"):
                part = count(f"{name}_{sort}_tokens")
                found[way.replace("input", f"{sort}_input").replace("output", f"{sort}_output")] = (
                    part
                )
                whole -= part
            found[way] = whole
        found["cache_write"] = count("input_cache_write_tokens")
        found["input"] -= count("input_cached_tokens") + found["cache_write"]
    elif endpoint in {"usage/embeddings", "usage/moderations"}:
        found["input"] = count("input_tokens")
    for name, counter, kind in (
        ("images", "images", "images"),
        ("audio_speeches", "characters", "characters"),
        ("audio_transcriptions", "seconds", "seconds"),
        ("code_interpreter_sessions", "num_sessions", "sessions"),
        ("web_search_calls", "num_requests", "web_searches"),
        ("file_search_calls", "num_requests", "file_searches"),
    ):
        if endpoint == f"usage/{name}":
            found[kind] = count(counter)
    return found


def price_of(kind: str) -> Fraction | None:
    """Return what one unit costs in the default tier."""
    for prices, per in ((MILLIONTHS, 10**6), (ONES, 1), (THOUSANDTHS, 1000)):
        if kind in prices:
            return Fraction(prices[kind], per)
    return None


@FEW
@given(chains())
def test_estimates_and_bills_are_the_records(made: Chains) -> None:
    """Estimated, without price and billed are what the records come to, one by one."""
    with TemporaryDirectory() as name:
        pages = Path(name) / "pages"
        pages.mkdir()
        write_chains(pages, made)
        prices = put(Path(name), "prices.toml", price_list())
        replayed = replay(pages, prices=prices, on_error="dead-letter", dead_letters=f"{name}/dead")
    report = replayed.report
    assert report is not None, replayed.errors
    amount, without, billed = Fraction(0), Counter[str](), defaultdict[str, Fraction](Fraction)
    for record in report["dedupedUsage"]:
        metrics = record["metrics"]
        if record["endpoint"] == "costs" and metrics["amount_value"] is not None:
            billed[str(record["dimensions"]["currency"])] += Fraction(metrics["amount_value"])
        if record["costEstimate"] is not None:
            amount += Fraction(record["costEstimate"])
            continue
        tier = str(record["serviceTier"] or "").lower()
        tier = "batch" if record["batch"] is True else "default" if tier in STANDARD else tier
        for kind, quantity in used(record).items():
            price = price_of(kind)
            if price is None or tier not in FACTORS:
                without[kind] += quantity
            else:
                amount += quantity * price * FACTORS[tier]
    billing = report["billing"]
    assert Fraction(billing["estimated"]["amount"] or 0) == amount
    unpriced: Counter[str] = Counter()
    for one in billing["withoutPrice"]:
        unpriced[one["kind"]] += one["quantity"]
    assert {k: v for k, v in unpriced.items() if v} == {k: v for k, v in without.items() if v}
    shown = {str(one["currency"]): Fraction(one["billed"] or 0) for one in billing["byCurrency"]}
    assert {k: v for k, v in shown.items() if v} == {k: v for k, v in billed.items() if v}
    for one in billing["byCurrency"]:
        exact = {name: Fraction(one[name] or 0) for name in one if name != "currency"}
        if one["billed"] is not None:
            assert exact["billed"] == exact["matched"] + exact["notMatched"]
        if one["estimated"] is not None:
            assert exact["estimated"] == exact["matched"] + exact["notBilled"]
        assert exact["difference"] == exact["billed"] - exact["estimated"]
