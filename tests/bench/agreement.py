"""Figures side by side: no times are printed unless all contenders and the generator agree.

Read with msgspec and forgotten at once, since the process that measures has to stay small.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tests.bench.lineup import REPORT, US, Contender
from tests.bench.workloads import Dataset

__all__ = ["Disagreement", "check"]

Sums = dict[str, Decimal]
Key = tuple[str | None, str | None]
Totals = dict[str, dict[Key, Sums]]
Written = dict[str, Raw]
"""Numbers as their text: a fraction must not become a double on the way."""


class Disagreement(Exception):
    """Raised when a contender's figures are not the expected ones; what was measured is void."""


class KeySums(Struct, rename="camel"):
    """The sums of one project and tier, as a report and expectations write them."""

    project_id: str | None
    service_tier: str | None
    metrics: Written
    endpoint: str = ""


class EndpointSums(Struct, rename="camel"):
    """What is compared of an endpoint in a report."""

    by_key: list[KeySums]
    total_results: int


class Report(Struct):
    """What is compared of a report."""

    endpoints: dict[str, EndpointSums]


class Expectations(Struct):
    """What is compared of the generator's expectations."""

    keys: list[KeySums]


def check(data: Dataset, contender: Contender, output: bytes, scratch: Path) -> None:
    """Compare a contender's figures with those that the generator expects.

    Raises:
        Disagreement: they differ.
    """
    if contender.name == "floor":
        rows = sum(msgspec.json.decode(output, type=dict[str, int]).values())
    elif contender.name.startswith(US):
        report = decoded(scratch / REPORT, Report).endpoints
        rows = sum(one.total_results for one in report.values())
        found = {key: sums_of(one.by_key) for key, one in report.items()}
        compare(contender.name, expected(data), found)
    else:
        rows = data.rows
        compare(contender.name, expected(data), answer(output))
    if rows != data.rows:
        raise Disagreement(f"{contender.name} saw {rows} rows of {data.rows}")


def decoded(path: Path, wanted: type[Any]) -> Any:
    """Read a JSON file, its fractions exact."""
    return msgspec.json.decode(path.read_bytes(), type=wanted)


def expected(data: Dataset) -> Totals:
    """Read what the generator says must come out."""
    name = "expectations.json"
    path = data.pages / name
    if not data.pages.is_dir():
        path = data.pages.with_name(f"{data.pages.name.partition('.')[0]}.{name}")
    found: dict[str, list[KeySums]] = {}
    for one in decoded(path, Expectations).keys:
        found.setdefault(one.endpoint, []).append(one)
    return {key: sums_of(some) for key, some in found.items()}


def answer(output: bytes) -> Totals:
    """Read what a contender printed."""
    printed = msgspec.json.decode(
        output, type=dict[str, list[tuple[str | None, str | None, Written]]]
    )
    return {
        key: sums_of(KeySums(project, tier, sums) for project, tier, sums in rows)
        for key, rows in printed.items()
    }


def sums_of(rows: Any) -> dict[Key, Sums]:
    """Bring sums into one form: decimals, and what is absent left out."""
    return {
        (one.project_id, one.service_tier): {
            name: Decimal(text)
            for name, text in (
                (name, bytes(raw).decode().strip('"')) for name, raw in one.metrics.items()
            )
            if text != "null"
        }
        for one in rows
    }


def compare(name: str, wanted: Totals, found: Totals) -> None:
    """Name the first figure that differs.

    Raises:
        Disagreement: one does.
    """
    for where, one, other in differences(wanted, found):
        raise Disagreement(f"{name} has {other} where {one} is expected: {where}")


def differences(wanted: Any, found: Any, where: str = "figures") -> Iterator[tuple[str, Any, Any]]:
    """Walk through both; yield where they differ, what is wanted there, and what is found."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*wanted, *found)):
            yield from differences(wanted.get(key), found.get(key), f"{where}, {key}")
    elif wanted != found:
        yield where, wanted, found
