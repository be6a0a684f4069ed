"""What README says of the requests that an account costs, and the schedule."""

from __future__ import annotations

import re

import pytest

from tests.bench.day_of_requests import DAY, HOUR, MONTH, PLANS, START, count_requests
from tests.support.places import ROOT

pytestmark = pytest.mark.no_cover

README = (ROOT / "README.md").read_text("utf-8")


def test_readme_has_a_line_for_each_plan() -> None:
    """The table's first column is what is measured."""
    table = README.partition("| `[[poll]]` | a day |")[2].partition("\n\n")[0]
    assert re.findall(r"(?m)^\| `?([a-z].*?)`? \|", table) == list(PLANS)


@pytest.mark.parametrize("name", PLANS)
def test_readme_says_what_is_asked(name: str) -> None:
    """Two hours have a twelfth of a day's requests, and those before them the month back."""
    (row,) = re.findall(rf"(?m)^\| `?{re.escape(name)}`? \| ([\d,]+) \| ([\d,]+) \|$", README)
    day, back = (int(text.replace(",", "")) for text in row)
    begun, usual = count_requests(PLANS[name], first=2 * HOUR, second=2 * HOUR)
    assert usual * DAY == day * 2 * HOUR
    assert begun - usual == back
    assert START - MONTH.start == 30 * DAY
