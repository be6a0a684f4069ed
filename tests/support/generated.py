"""Generated sets as the tests look at them: pages and expectations, parsed by the library."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from stream.recordings.generate import capture_line_of
from stream.recordings.synth.pages import Generator
from stream.recordings.synth.shape import Shape
from tests.oracle import Delivery, expected
from tests.support.running import run

Json = dict[str, Any]


class Made(NamedTuple):
    """A set: its lines as a capture would have them, its expectations, and the generator."""

    lines: list[Json]
    expectations: Json
    generator: Generator

    @property
    def deliveries(self) -> list[Delivery]:
        """Return the pages as the oracle takes them; fixtures have no revision."""
        return [
            Delivery(
                line["endpoint"], line["label"], line["page"], self.shape.capture * revision(line)
            )
            for line in self.lines
        ]

    @property
    def shape(self) -> Shape:
        """What was asked for."""
        return self.generator.shape

    def buckets(self) -> list[tuple[Json, Json]]:
        """Return each delivered bucket, with the line that it stands in."""
        return [(line, bucket) for line in self.lines for bucket in line["page"]["data"]]


def made(shape: Shape) -> Made:
    """Make a set in memory."""
    generator = Generator(shape)
    lines = [parsed(capture_line_of(page)) for page in generator.pages()]
    return Made(lines, parsed(generator.expectations()), generator)


def parsed(text: bytes | str) -> Any:
    """Read JSON, with exact numbers."""
    return json.loads(text, parse_float=Decimal)


def revision(line: Json) -> int:
    """Return when a line's walk was made, in whole microseconds."""
    moment = datetime.fromisoformat(line["observed_at"])
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def by_oracle(deliveries: Iterable[Delivery]) -> Json:
    """Work the expectations out from the pages, in the way of the oracle."""
    found: Json = {"chains": [], "endpoints": [], "keys": []}
    for endpoint, figures in expected(list(deliveries))["endpoints"].items():
        metrics = present(figures["metrics"])
        found["chains"].append({"endpoint": endpoint, "label": "primary", "metrics": metrics})
        found["endpoints"].append(
            {"endpoint": endpoint, "metrics": metrics, "records": figures["totalDedupedResults"]}
        )
        for key in figures["byKey"]:
            key.pop("currency", None)  # the generator knows one alone
            key.pop("projectName")  # and no names
            entry = {"endpoint": endpoint, **key, "metrics": present(key["metrics"])}
            found["keys"].append(entry)
    return found


def present(metrics: Json) -> Json:
    """Leave out what is absent."""
    return {name: value for name, value in metrics.items() if value is not None}


def in_order(expectations: Json) -> Json:
    """Sort the entries, which may stand in any order."""
    return {
        name: sorted(entries, key=lambda one: json.dumps(one, default=str, sort_keys=True))
        for name, entries in expectations.items()
    }


def summary(out: Path, *options: str) -> Json:
    """Run the command; return what it printed."""
    code, output, errors = run(["generate", str(out), *options])
    assert (code, errors) == (0, "")
    found: Json = parsed(output)
    return found
