"""Sizes as people write them."""

from __future__ import annotations

import pytest

from stream.records.sizes import bytes_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0B", 0),
        ("1kB", 1_000),
        ("512MB", 512_000_000),
        ("512mb", 512_000_000),
        ("1.5GB", 1_500_000_000),
        ("64MiB", 64 << 20),
        ("2TiB", 2 << 40),
    ],
)
def test_a_size_is_so_many_bytes(text: str, expected: int) -> None:
    """A kB has a thousand bytes, a KiB has 1024, and nobody minds the case."""
    assert bytes_in(text) == expected


@pytest.mark.parametrize("text", ["", "512", "MB", "-1MB", "1 MB", "1e3MB", "1M", "\u0661MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """A number without a unit is none: nobody knows what is meant."""
    with pytest.raises(ValueError, match=r"^" + text):
        bytes_in(text)
