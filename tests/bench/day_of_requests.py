"""How many requests an account costs: ``python -m tests.bench.day_of_requests``.

The schedule asks a twin without usage and with five projects, in a time of its own. The first day
fetches the month before it, too; the second one is as every day is from then on.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from stream.sources.api.schedule import PollPlan
from tests.support.live import LiveAccount

__all__ = ["PLANS", "count_requests"]

DAY: Final = 86_400
HOUR: Final = 3_600
START: Final = 20_700 * DAY
PROJECTS: Final = 5
MONTH: Final = PollPlan(start=START - 30 * DAY, label="acme")
PLANS: Final = {
    "the defaults": MONTH,
    'width = "1m"': replace(MONTH, width="1m"),
    "lists = false": replace(MONTH, lists_interval=None),
    'every = "1h"': replace(MONTH, interval=float(HOUR)),
}
"""What ``[[poll]]`` says, and what is asked then."""


def count_requests(plan: PollPlan, first: int = DAY, second: int = DAY) -> tuple[int, int]:
    """Return the requests of so many seconds, and of those after them."""
    with tempfile.TemporaryDirectory() as name:
        twin = {"volume": 0.0, "projects": PROJECTS}
        live = LiveAccount(Path(name), 1, plan, float(START), **twin)
        live.run_until(START + first)
        before = sum(live.api.asker.requests.values())
        live.run_until(START + first + second)
        return before, sum(live.api.asker.requests.values()) - before


def main() -> None:
    """Print a line for each plan."""
    for name, plan in PLANS.items():
        begun, usual = count_requests(plan)
        sys.stdout.write(f"{name:14} {usual:6,} a day, {begun - usual:6,} more for a month back\n")


if __name__ == "__main__":
    main()
