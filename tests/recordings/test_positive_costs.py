"""Made costs look like costs: mostly positive, with a few credits, and each project owes money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from stream.recordings.twin import TwinLedger
from tests.support.generated import parsed, summary
from tests.support.twins import DAY, NOW


def check_costs(found: Iterable[tuple[str | None, Decimal]]) -> None:
    """See that nine amounts of ten are positive, some negative, and each project's sum positive."""
    sums: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    amounts = []
    for project, amount in found:
        amounts.append(amount)
        sums[project] += amount
    assert sum(one > 0 for one in amounts) >= 0.9 * len(amounts)
    assert any(one < 0 for one in amounts)
    assert {project: one for project, one in sums.items() if one <= 0} == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_generated_month_is_mostly_positive(tmp_path: Path, seed: int) -> None:
    """Pages of ``generate`` that bring a month of costs."""
    shape = ["--endpoints", "costs", "--rows", "1500", "--rows-per-bucket", "50"]
    summary(tmp_path / "out", *shape, "--seed", str(seed))
    pages = [parsed(path.read_bytes()) for path in (tmp_path / "out").glob("costs*.json")]
    rows = [row for page in pages for bucket in page["data"] for row in bucket["results"]]
    check_costs((row["project_id"], Decimal(row["amount"]["value"])) for row in rows)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_of_the_twin_is_mostly_positive(seed: int) -> None:
    """What the twin bills, which the demo shows: records of a month that is settled."""
    records = TwinLedger(seed).records("costs", NOW - 35 * DAY, NOW - 5 * DAY, now=NOW)
    check_costs(
        (dict(key.dimensions)["project_id"], Decimal(found["amount_value"]))
        for key, found in records.items()
    )
