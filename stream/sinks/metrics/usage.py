"""Usage and costs as text for Prometheus, written once for each checkpoint.

There may be thousands of series, and they change with checkpoints alone. So their lines are ours,
and only the heads of families are the library's; the lines are the same in both formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple, TypeAlias

import xxhash
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from stream.figures.ledger import Ledger
from stream.figures.series import FAMILIES, PROJECT_INFO, Family, label_value_of
from stream.records.money import Number
from stream.records.privacy import show_label
from stream.sinks.sections import Section, pack_section

__all__ = ["EOF", "OPENMETRICS", "UsageFamily", "UsageText", "families_of_usage", "write_usage"]

OPENMETRICS: Final = "application/openmetrics-text"
EOF: Final = b"# EOF\n"
"""What OpenMetrics ends with."""
MOST_NAMES: Final = 10_000
"""Projects of which the names are shown, the first by their ids."""
ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
Values: TypeAlias = dict[tuple[str, ...], Number]


class UsageFamily(NamedTuple):
    """A family as it is scraped, and the values of its series by those of their labels."""

    family: Family
    values: Values


class UsageText(NamedTuple):
    """What is scraped of usage, in each format; and a digest of all its lines."""

    classic: list[Section]
    openmetrics: list[Section]
    digest: bytes


class Spellings(dict[str, str]):
    """Values of labels → how they are written: most come again and again."""

    def __missing__(self, value: str) -> str:
        """Spell a value that is new."""
        self[value] = spelled = show_label(value).translate(ESCAPES)
        return spelled


class OneFamily(Collector):
    """A family without a series, for the library to write its head."""

    def __init__(self, family: Family) -> None:
        """Show ``family``."""
        kind = GaugeMetricFamily if family.gauge else CounterMetricFamily
        self.metric = kind(family.name, family.help, labels=family.labels)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield it."""
        yield self.metric


def families_of_usage(ledger: Ledger, names: Mapping[str, str]) -> Iterator[UsageFamily]:
    """Yield what a ledger shows, and the names of projects by id, to join on.

    That is what was accepted, what was taken back of it, and gauges of what may change.
    """
    values: dict[str, Values] = {name: {} for name in FAMILIES}
    corrected: dict[str, Values] = {name: {} for name in FAMILIES}
    for series, (accepted, taken_back) in ledger.counts.items():
        values[series.family][series.labels] = accepted
        corrected[series.family][series.labels] = taken_back
    estimated = {} if ledger.estimates is None else ledger.estimates.sums
    for sums in (ledger.gauges, ledger.levels, estimated):
        for series, amount in sums.items():
            values[series.family][series.labels] = amount
    for name, one in FAMILIES.items():
        if one.gauge:
            yield UsageFamily(one, values[name])
            continue
        yield UsageFamily(one._replace(help=f"{one.help} As accepted."), values[name])
        taken = f"{one.help} What was taken back of it."
        yield UsageFamily(one._replace(name=f"{name}_corrected", help=taken), corrected[name])
    shown = sorted(names.items())[:MOST_NAMES]
    yield UsageFamily(PROJECT_INFO, {(label_value_of(one), name): 1 for one, name in shown})


def write_usage(families: Iterable[UsageFamily]) -> UsageText:
    """Write families in both formats, packed too; 20,000 series of tokens are some 4 MB."""
    spellings, digest = Spellings(), xxhash.xxh3_128()
    text = UsageText([], [], b"")
    for family, values in families:
        text.classic.append(pack_head(family, ""))
        text.openmetrics.append(pack_head(family, OPENMETRICS))
        if values:
            lines = pack_section(write_lines(family, values, spellings))
            digest.update(lines.plain)
            text.classic.append(lines)
            text.openmetrics.append(lines)
    text.openmetrics.append(pack_section(EOF))
    return text._replace(digest=digest.digest())


def write_lines(family: Family, values: Values, spellings: Spellings) -> bytes:
    """Write a line for each series, in the order of their labels' values, as the library does.

    Prometheus keeps floats: of a count beyond 2⁵³, or of money, it loses what a float cannot hold.
    """
    places = sorted(range(len(family.labels)), key=family.labels.__getitem__)
    pairs = ",".join(f'{family.labels[place]}="{{{place}}}"' for place in places)
    name = family.name if family.gauge else f"{family.name}_total"
    fill = f"{name}{{{{{pairs}}}}} {{{len(places)}}}\n".format
    lines = []
    for labels in sorted(values):
        number = floatToGoString(values[labels])  # type: ignore[no-untyped-call]  # the library's own gap
        lines.append(fill(*[spellings[one] for one in labels], number))
    return "".join(lines).encode()


@cache
def pack_head(family: Family, accept: str) -> Section:
    """Write what stands above a family's lines, in the format of a scraper that accepts this."""
    encode, _ = choose_encoder(accept)
    return pack_section(encode(OneFamily(family)).removesuffix(EOF))
