"""The measure of scrapes measures scrapes: of series that are there, after each checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.daemon.core import Core
from stream.sinks.metrics.exposition import Scrape
from tests.bench import scrapes

# How long programs take, and how much memory, is theirs without a tracer.
pytestmark = pytest.mark.no_cover


@pytest.mark.anyio
@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_what_is_measured_has_the_series(
    coding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round asks once, and is answered with the numbers of that round's checkpoint."""
    shown: list[list[bytes]] = []
    scrape = Core.scrape

    def look_on(core: Core, accept: str) -> Scrape:
        found = scrape(core, accept)
        lines = b"".join(one.plain for one in found.usage).splitlines()
        shown.append([one.rpartition(b" ")[2] for one in lines if b'"proj_' in one])
        return found

    monkeypatch.setattr(Core, "scrape", look_on)
    found = await scrapes.measure_scrapes(tmp_path, coding, series=3, rounds=2)
    assert shown == [[b"0.0", b"0.0", b"0.0", b"0.0", b"1.0", b"2.0"], [b"0.0", b"1.0", b"2.0"] * 2]
    assert found.wall > 0
