"""Price lists: what is published, what is one's own over it, and what is wrong with a file."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from stream.providers.prices.choice import load_prices
from stream.providers.prices.own_prices import read_own_prices
from stream.providers.prices.price_list import LayeredPrices, price_of_one
from stream.records.errors import BadConfiguration
from stream.records.money import plain_text_of
from stream.records.windows import DAY
from tests.support.estimating import PUBLISHED, day_at
from tests.support.places import ROOT

NOVEMBER: Final = 1_793_491_200  # 2026-11-01T00:00:00Z
LATER: Final = "prices.toml"


def find(
    text: str, model: str | None, tier: str = "default", day: int = NOVEMBER
) -> dict[str, str]:
    """Return what a file alone says of a model, for one unit each."""
    own = read_own_prices(b"default = false\n" + text.encode(), LATER, LATER)
    found = own.find(model, tier, day)
    return (
        {} if found is None else {kind: plain_text_of(one) for kind, one in found.by_kind.items()}
    )


ENTRIES: Final = """
[[price]]
model = "*"
images = 1
[[price]]
model = "gpt-*"
images = 2
[[price]]
model = "gpt-4o*"
images = 3
valid_from = 2020-01-01
[[price]]
model = "gpt-4o"
images = 4
[[price]]
model = "gpt-4o"
images = 5
valid_from = 2026-11-01
[[price]]
model = "gpt-4o"
tier = "Batch"
images = 6
[[price]]
model = "gpt-4o"
images = 7
valid_from = 2026-11-02
"""


@pytest.mark.parametrize(
    ("model", "tier", "day", "wanted"),
    [
        ("gpt-4o", "default", NOVEMBER, "5"),
        ("gpt-4o", "default", NOVEMBER - 1, "4"),
        ("gpt-4o", "batch", NOVEMBER, "6"),
        ("gpt-4o-mini", "default", NOVEMBER, "3"),
        ("gpt-4o-mini", "default", 0, "2"),
        ("gpt-5", "default", NOVEMBER, "2"),
        (None, "default", NOVEMBER, "1"),
        ("dall-e", "flex", NOVEMBER, None),
    ],
)
def test_the_closest_entry_counts(
    model: str | None, tier: str, day: int, wanted: str | None
) -> None:
    """The closest name, of its tier, and the latest start that has come."""
    found = find(ENTRIES, model, tier, day)
    assert found == ({} if wanted is None else {"images": wanted})


def test_prices_are_exact() -> None:
    """A price is a decimal whatever it is written as: of a million, a thousand, a minute or one."""
    text = """
    [[price]]
    model = "m"
    input = 0.1
    output = "10"
    web_searches = "2.50"
    minutes = "0.006"
    images = 1e-3
    """
    assert find(text, "m") == {
        "input": "0.0000001",
        "output": "0.00001",
        "web_searches": "0.0025",
        "seconds": "0.0001",
        "images": "0.001",
    }
    assert price_of_one(Decimal(1), 3600) == Decimal("0.0002777777777777777777777777777777777778")


def test_a_file_lies_over_the_published_list(tmp_path: Path) -> None:
    """What it prices tokens of is its own alone; a discount is off published prices alone."""
    path = tmp_path / LATER
    path.write_text(
        """
        [[price]]
        model = "gpt-5"
        input = "1"
        [[price]]
        model = "*"
        sessions = "0.03"
        [[discount]]
        model = "GPT-5*"
        share = "0.10"
        [[discount]]
        model = "gpt-5"
        tier = "flex"
        share = "0.5"
        """,
        "utf-8",
    )
    prices = load_prices(str(path))
    found = prices.find("gpt-5", "default", NOVEMBER)
    assert found is not None
    # Input is one's own, and so is what of it was cached; of output nothing was agreed upon.
    assert found.by_kind["input"] == found.by_kind["cached_input"] == Decimal("0.000001")
    assert "output" not in found.by_kind
    # A search is no token: published at 10 for a thousand, less a tenth.
    assert found.by_kind["web_searches"] == Decimal("0.009")
    # The published 0.025 and 2 for a million, less a tenth, and sessions of one's own beside them.
    others = prices.find("gpt-5-mini", "default", NOVEMBER)
    assert others is not None
    assert others.by_kind["cached_input"] == Decimal("0.0000000225")
    assert others.by_kind["output"] == Decimal("0.0000018")
    assert others.by_kind["sessions"] == Decimal("0.03")
    flex = prices.find("gpt-5", "flex", NOVEMBER)  # 5 for a million, less a half
    assert flex is not None
    assert flex.by_kind["output"] == Decimal("0.0000025")
    assert prices.find("gpt-5", "scale", NOVEMBER) is None
    assert prices.title.startswith("prices.toml (sha256 ")
    assert " over genai-prices " in prices.title


def test_prices_hold_between_two_starts() -> None:
    """Looked up day by day or once for all days between two starts, prices are the same."""
    own = read_own_prices(
        b"""
        [[price]]
        model = "gpt-4o"
        valid_from = 2025-03-01
        input = "1"
        [[discount]]
        model = "*"
        valid_from = 2025-05-01
        share = "0.5"
        """,
        "prices.toml",
        "own",
    )
    lists = own, own.discount_prices(PUBLISHED)
    kept = LayeredPrices(*lists)
    assert {day_at(2025, 3, 1).start, day_at(2025, 5, 1).start} < {*kept.starts}
    assert kept.starts == sorted(kept.starts)
    days = [start + away * DAY for start in kept.starts for away in (-1, 0, 1)]
    for model in ("gpt-4o", "o3", "gpt-5", "gpt-4o-mini-tts", None):
        for tier in ("default", "batch", "priority"):
            for day in days:
                assert kept.find(model, tier, day) == LayeredPrices(*lists).find(model, tier, day)


def test_what_has_no_price_is_charged_as_its_like() -> None:
    """Cached input as input, images as text; audio never as text."""
    own = read_own_prices(
        b'default = false\n[[price]]\nmodel = "m"\ninput = 1\noutput = 2\naudio_input = 3', "", ""
    )
    found = LayeredPrices(own).find("m", "default", NOVEMBER)
    assert found is not None
    millionths = {kind: int(one * 1_000_000) for kind, one in found.by_kind.items()}
    assert millionths == {
        "input": 1,
        "cached_input": 1,
        "cache_write": 1,
        "image_input": 1,
        "cached_image_input": 1,
        "output": 2,
        "image_output": 2,
        "audio_input": 3,
        "cached_audio_input": 3,
    }


WRONG: Final = {
    'default = false\ncurrency = "dollar"': 'currency: found "dollar", expected a code of ISO 4217',
    'default = false\ncurrency = "zzz"': 'currency: found "zzz", expected a code of ISO 4217',
    '[[price]]\nmodel = "m"\ninput = 1\ntier = "batchh"': 'price[0].tier: found "batchh", expected '
    "one of batch, default, fast, flex, priority, scale, standard",
    '[[price]]\nmodel = "m"\ninput = 1\n[[price]]\nmodel = "m"\ninput = 1\ntier = "gold"': "price["
    '1].tier: found "gold"',
    '[[discount]]\nmodel = "m"\nshare = 1\ntier = "gold"': 'discount[0].tier: found "gold", exp',
    'currency = "eur"': 'currency: found "eur", expected usd, or default = false',
    "default = 1": "default: found 1, expected true or false",
    "prices = 1": "prices: is no key of a price list",
    "price = 1": "price: found 1, expected tables, [[price]]",
    "[[price]]\ninput = 1": "price[0].model: found nothing, expected a text",
    '[[price]]\nmodel = "a*b"\ninput = 1': 'price[0].model: found "a*b", expected a name, or one',
    '[[price]]\nmodel = "m"': "price[0]: found no price; expected some, or included = true",
    '[[price]]\nmodel = "m"\ninput = -1': "price[0].input: found -1, expected a decimal from 0",
    '[[price]]\nmodel = "m"\ninput = "a"': 'price[0].input: found "a", expected a decimal from 0',
    '[[price]]\nmodel = "m"\ninput = nan': "price[0].input: found nan, expected",
    '[[price]]\nmodel = "m"\ninput = true': "price[0].input: found true, expected a decimal",
    '[[price]]\nmodel = "m"\ninput = 1e12': "price[0].input: found 1000000000000, expected",
    '[[price]]\nmodel = "m"\ninput = 1e-19': "price[0].input: found 0.0000000000000000001, expec",
    '[[price]]\nmodel = "m"\ninputs = 1\ninput = 1': "price[0].inputs: is no key of a price list",
    '[[price]]\nmodel = "m"\nincluded = true\ninput = 1': "price[0].included: found true beside",
    '[[price]]\nmodel = "m"\ninput = 1\nvalid_from = "2026"': (
        'price[0].valid_from: found "2026", expected a day, as 2026-01-01 (no quotes)'
    ),
    '[[price]]\nmodel = "m"\ninput = 1\nvalid_from = 2026-01-01T00:00:00Z': (
        "price[0].valid_from: found 2026-01-01T00:00:00+00:00, expected a day"
    ),
    '[[price]]\nmodel = "m"\ninput = [1]': "price[0].input: found an array, expected a decimal",
    '[[price]]\nmodel = "m"\ninput = 1\ntier = 3': "price[0].tier: found 3, expected a text",
    '[[price]]\nmodel = "m"\ninput = 1\n[[price]]\nmodel = "m"\ninput = 1': "price[1]: is for the",
    '[[discount]]\nmodel = "m"': "discount[0].share: found nothing, expected a decimal from 0 to 1",
    '[[discount]]\nmodel = "m"\nshare = 1.1': "discount[0].share: found 1.1, expected a decimal",
}


@pytest.mark.parametrize(
    ("own", "model", "kind"),
    [
        ('model = "gpt-4o"\ninput = "0.12"', "gpt-4o", "cached_input"),
        ('model = "gpt-4o"\ninput = "0.12"', "GPT-4o", "input"),
        ('model = "GPT-4o*"\ninput = "0.12"', "gpt-4o-2024-08-06", "cached_image_input"),
        ('model = "gpt-4o"\ntier = "Standard"\ninput = "0.12"', "gpt-4o", "image_input"),
    ],
)
def test_a_contract_is_not_completed_with_published_prices(
    own: str, model: str, kind: str, tmp_path: Path
) -> None:
    """What a contract does not name is charged as the closest that it does, in any case."""
    path = tmp_path / LATER
    path.write_text(f"[[price]]\n{own}\n", "utf-8")
    found = load_prices(str(path)).find(model, "default", NOVEMBER)
    assert found is not None
    assert found.by_kind[kind] == Decimal("0.00000012")
    assert "output" not in found.by_kind


def test_cached_images_are_charged_as_cached_input() -> None:
    """A price that was made up from another one is no source for a third."""
    text = '[[price]]\nmodel = "m"\ninput = 3\ncached_input = 1\n'
    for stated, wanted in (("", 1), ("image_input = 5", 5), ("cached_image_input = 2", 2)):
        own = read_own_prices(f"default = false\n{text}{stated}".encode(), "", "")
        found = LayeredPrices(own).find("m", "default", NOVEMBER)
        assert found is not None
        assert found.by_kind["cached_image_input"] * 1_000_000 == wanted


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_by_its_key(text: str) -> None:
    """Each wrong key is named, with what was found and what was expected."""
    with pytest.raises(BadConfiguration) as caught:
        read_own_prices(text.encode(), LATER, LATER)
    (line,) = caught.value.problems
    assert line.startswith(f"{LATER}: {WRONG[text]}")


def test_all_that_is_wrong_is_named_at_once() -> None:
    """Every wrong key has a line, up to a hundred."""
    text = "".join(f'[[price]]\nmodel = "m{at}"\ninput = "x"\n' for at in range(150))
    with pytest.raises(BadConfiguration) as caught:
        read_own_prices(text.encode(), LATER, LATER)
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1] == f"{LATER}: 50 more"


@pytest.mark.parametrize("content", [b"\xff", b"a = ", b"a = 1\na = 2"])
def test_what_is_no_toml_is_said(content: bytes) -> None:
    """A file that cannot be read as TOML is one line."""
    with pytest.raises(BadConfiguration, match="found broken TOML"):
        read_own_prices(content, LATER, LATER)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A file that cannot be read, or is far too large, is a wrong configuration."""
    with pytest.raises(BadConfiguration, match="cannot be read"):
        load_prices(str(tmp_path / "none.toml"))
    (tmp_path / LATER).write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(BadConfiguration, match="found more than"):
        load_prices(str(tmp_path / LATER))


def test_without_the_library_a_file_can_stand_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published list is an extra: who wants it is told, and who does not needs it not."""
    monkeypatch.delitem(sys.modules, "stream.providers.prices.published_list", raising=False)
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    path = tmp_path / LATER
    path.write_text('default = false\n[[price]]\nmodel = "m"\nimages = 1\n', "utf-8")
    assert load_prices(str(path)).find("m", "default", 0) is not None
    path.write_text('[[price]]\nmodel = "m"\nimages = 1\n', "utf-8")
    for wanted in ("default", str(path)):
        with pytest.raises(BadConfiguration, match=r"pip install 'usage-stream\[prices\]'"):
            load_prices(wanted)


def test_the_example_is_a_price_list() -> None:
    """What ``deploy/prices.toml`` says counts as its comments say."""
    prices = load_prices(str(ROOT / "deploy" / LATER))
    for model, tier, kind, wanted in (
        ("gpt-4o-mini-2024-07-18", "default", "output", "0.00000048"),
        ("gpt-4o-mini", "batch", "input", "0.00000006"),
        ("gpt-4o-2024-08-06", "scale", "output", "0"),
        ("gpt-4o-2024-08-06", "default", "output", "0.00001"),
        ("omni-moderation-latest", "default", "input", "0"),
        ("dall-e-3", "default", "images", "0.04"),
        (None, "default", "sessions", "0.03"),
        ("gpt-5", "default", "output", "0.000009"),
    ):
        found = prices.find(model, tier, NOVEMBER)
        assert found is not None
        assert found.by_kind[kind] == Decimal(wanted), model
