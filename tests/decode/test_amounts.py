"""Amounts on the hot path: canonical, however they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode import Decoder, pages
from stream.decode.careful import careful_page
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput

COSTS = ENDPOINTS["costs"]
DECODER = Decoder(COSTS)
WRITTEN = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,45})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,3}\.[0-9]{1,9}", fullmatch=True),
    st.sampled_from(["null", "-0", "-0.0", "0.10", "1e-3", "1.5E2", "1.5e2", "true", "[1.5]"]),
)


def page_of(amount: str) -> bytes:
    """Write a page with one amount."""
    row = f'{{"amount":{{"value":{amount},"currency":"usd"}}}}'
    bucket = f'{{"object":"bucket","start_time":0,"end_time":86400,"results":[{row}]}}'
    return f'{{"object":"page","data":[{bucket}],"has_more":false}}'.encode()


def written_in(payload: bytes, *, careful: bool) -> str:
    """Return the amount of a page as it is kept, digit by digit, or what is wrong with it."""
    try:
        page = careful_page(COSTS, payload, tolerant=False) if careful else DECODER.decode(payload)
    except BadInput as error:
        return str(error)
    return repr(page.buckets[0].counters[COSTS.counters.index("amount_value")][0])


@given(WRITTEN, st.booleans())
def test_an_amount_is_read_as_it_is_with_care(amount: str, is_text: bool) -> None:  # noqa: FBT001 -- hypothesis gives it by place
    """Number or text, with zeros or an exponent: the hot path says what the careful one does."""
    payload = page_of(f'"{amount}"' if is_text else amount)
    assert written_in(payload, careful=False) == written_in(payload, careful=True)


@pytest.mark.parametrize(
    ("amount", "looked"),
    [
        ("1.25", False),
        ("-0.5", False),
        ("1.250", True),
        ("12", True),
        ("1.5e2", True),
        ("1.5E2", True),
        ("-0.0", True),
        (f"1.{'1' * 40}", True),
    ],
)
def test_what_is_canonical_as_it_stands_is_not_looked_at(
    amount: str,
    looked: bool,  # noqa: FBT001 -- pytest gives it by name
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Most amounts end in a digit behind a point, and are short: those are taken as they are."""
    seen: list[Decimal] = []

    def look(value: Decimal) -> Decimal:
        seen.append(value)
        return value

    monkeypatch.setattr(pages, "canonical_money", look)
    DECODER.decode(page_of(amount))
    assert bool(seen) == looked
