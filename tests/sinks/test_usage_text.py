"""Usage as it is scraped: our lines are the library's, byte for byte, in both formats."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from stream.figures.ledger import Ledger
from stream.figures.series import FAMILIES, Series
from stream.records.privacy import show_label
from stream.records.tally import Tally
from stream.sinks.metrics.exposition import Exposition, Scrape
from stream.sinks.metrics.status import DaemonStatus
from stream.sinks.sections import join_sections, pack_section
from tests.support.days import HeldDays

ACCEPTED = (
    "",
    "text/html,*/*;q=0.8",
    "text/plain;version=0.0.4",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "application/openmetrics-text",
    "application/openmetrics-text;version=1.0.0;escaping=underscores",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;q=0.2",
    "application/openmetrics-text;version=0.0.1",
)
NAMES = st.sampled_from([one for one in FAMILIES if not FAMILIES[one].gauge])
GAUGES = st.sampled_from([one for one in FAMILIES if FAMILIES[one].gauge])
ODD = ("", '"', "\\", "\n", "\\n", 'a"b\\c\nd', "{}", "%s", "é", "\u202e", "\ud800", "unspecified")
TEXTS = st.sampled_from(ODD) | st.text(st.characters(), max_size=4)
COUNTS = st.integers(0, 2**70) | st.sampled_from([0, 1, 999_999, 1_000_000, 10**16, 2**63])
MONEY = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


def label_values(name: str) -> st.SearchStrategy[Series]:
    """Draw a series of a family."""
    values = st.tuples(*(TEXTS for _ in FAMILIES[name].labels))
    return values.map(lambda one: Series(name, one))


COUNTED = st.dictionaries(NAMES.flatmap(label_values), st.tuples(COUNTS, COUNTS), max_size=12)
BILLED = st.dictionaries(GAUGES.flatmap(label_values), COUNTS | MONEY, max_size=8)
PROJECTS = st.dictionaries(TEXTS, TEXTS, max_size=4)


class Estimated:
    """Estimates that come to what they are said to."""

    def __init__(self, sums: dict[Series, Any]) -> None:
        """Show these."""
        self.sums = sums


class ByLibrary(Collector):
    """What an exposition shows of usage, made with the library alone."""

    def __init__(self, ledger: Ledger, names: dict[str, str]) -> None:
        """Show these."""
        self.ledger = ledger
        self.names = names

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield every family, its series in order."""
        ledger = self.ledger
        estimated = {} if ledger.estimates is None else ledger.estimates.sums
        sums = {**ledger.gauges, **ledger.levels, **estimated}
        for name, help_, labels, is_gauge, _ in FAMILIES.values():
            made: list[tuple[Any, dict[Series, Any]]] = [
                (GaugeMetricFamily(name, help_, labels=labels), sums)
            ]
            if not is_gauge:
                taken = f"{help_} What was taken back of it."
                counts = ledger.counts
                made = [
                    (
                        CounterMetricFamily(name, f"{help_} As accepted.", labels=labels),
                        {one: counted[0] for one, counted in counts.items()},
                    ),
                    (
                        CounterMetricFamily(f"{name}_corrected", taken, labels=labels),
                        {one: counted[1] for one, counted in counts.items()},
                    ),
                ]
            for family, values in made:
                for series in sorted(one for one in values if one.family == name):
                    family.add_metric([*map(show_label, series.labels)], float(values[series]))
                yield family
        said = "What projects are called, as the latest walk over their list says; to join on."
        info = GaugeMetricFamily("openai_project_info", said, labels=("project_id", "name"))
        reserved = {"unspecified", "other"}
        for labels in sorted(
            (f"_{one}" if one.lstrip("_") in reserved else one, name)
            for one, name in self.names.items()
        ):
            info.add_metric([*map(show_label, labels)], 1)
        yield info


def scrapes_of(ledger: Ledger, names: dict[str, str]) -> Iterator[tuple[str, Scrape]]:
    """Yield what comes of each way to ask."""
    exposition = Exposition(Tally(), DaemonStatus(), ledger, lambda: names)
    for accept in ACCEPTED:
        yield accept, exposition.render(accept)


@settings(max_examples=40, deadline=None)
@given(COUNTED, BILLED, BILLED, BILLED, PROJECTS)
def test_usage_reads_as_the_library_writes_it(
    counted: dict[Series, tuple[int, int]],
    billed: dict[Series, int | Decimal],
    levels: dict[Series, int | Decimal],
    estimated: dict[Series, int | Decimal],
    names: dict[str, str],
) -> None:
    """Heads, labels, escapes and numbers are the same bytes, whatever is asked for."""
    ledger = Ledger([], 10, HeldDays())
    ledger.counts, ledger.gauges, ledger.levels = counted, billed, levels
    ledger.estimates = Estimated(estimated)  # type: ignore[assignment]  # all that is read of them
    for accept, scrape in scrapes_of(ledger, names):
        encode, content_type = choose_encoder(accept)
        assert scrape.content_type == content_type
        expected = encode(ByLibrary(ledger, names))
        assert b"".join(one.plain for one in scrape.usage) == expected
        assert gzip.decompress(join_sections(scrape.usage)) == expected


@pytest.mark.parametrize("way", ["dots", "values"])
def test_names_are_never_spelled_in_another_way(way: str) -> None:
    """All of ours are names that every version allows, and the answer says so."""
    exposition = Exposition(Tally(), DaemonStatus(), Ledger([], 10, HeldDays()), dict)
    accept = "application/openmetrics-text;version=1.0.0;escaping={}"
    found, plain = (exposition.render(accept.format(one)) for one in (way, "underscores"))
    assert found.content_type == plain.content_type
    assert found.content_type.endswith("escaping=underscores")
    assert found.usage == plain.usage
    assert b"\nusage_stream_ready 1.0\n" in found.machine


def test_both_formats_share_their_lines() -> None:
    """What is large is kept once."""
    ledger = Ledger([], 10, HeldDays())
    ledger.counts[Series("openai_project_tokens", ("p", "default"))] = 7, 2
    exposition = Exposition(Tally(), DaemonStatus(), ledger, dict)
    lines = [
        {id(one) for one in exposition.render(accept).usage if b'{project_id="p"' in one.plain}
        for accept in ("", "application/openmetrics-text")
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 2


@given(st.lists(st.binary(max_size=2000), max_size=6))
def test_sections_are_one_member(found: list[bytes]) -> None:
    """Whatever is packed on its own, any reader of gzip sees one member, which ends there."""
    packed = join_sections([pack_section(one) for one in found])
    reader = zlib.decompressobj(wbits=31)
    assert reader.decompress(packed) == b"".join(found)
    assert (reader.eof, reader.unused_data) == (True, b"")
    assert packed == join_sections(map(pack_section, found))
