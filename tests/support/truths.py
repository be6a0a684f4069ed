"""Hypothesis strategies for one truth, told in several ways: by groups, widths and filters."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.oracle import DAY
from tests.support.strategies import FIRST_DAY, HOUR, Json, bucket

DIMENSIONS: Final = {
    "project_id": ("proj_a", "proj_b", None),
    "model": ("gpt-4o", "gpt-4o-mini"),
    "user_id": ("user_a", "user_b", None),
    "service_tier": ("default", "flex"),
}
FILTERS: Final = {
    "project_id": "project_ids",
    "model": "models",
    "user_id": "user_ids",
}
HOURS: Final = (0, 1, 13, 24)
"""The hours in which there is usage, from the first day's start."""


class Fact(NamedTuple):
    """One use: its hour, the values of all dimensions, and its tokens."""

    hour: int
    values: tuple[str | None, ...]
    tokens: int

    def get(self, name: str) -> str | None:
        """Give the value of a dimension."""
        return self.values[list(DIMENSIONS).index(name)]


class Telling(NamedTuple):
    """One way to ask: a width in seconds, the groups, and filters; `is_known`: it is recorded."""

    width: int
    groups: tuple[str, ...]
    limits: dict[str, list[str]]
    is_known: bool

    @property
    def request(self) -> dict[str, Any] | None:
        """The request as an envelope has it."""
        if not self.is_known:
            return None
        return {"group_by": list(self.groups)} | {
            FILTERS[name]: values for name, values in self.limits.items()
        }

    def page(self, truth: list[Fact]) -> Json:
        """Answer it."""
        sums: dict[tuple[int, int], Counter[tuple[str | None, ...]]] = {}
        for fact in truth:
            if all(fact.get(name) in values for name, values in self.limits.items()):
                moment = FIRST_DAY + fact.hour * HOUR
                start = moment - moment % self.width
                group = tuple(fact.get(name) for name in self.groups)
                sums.setdefault((start, start + self.width), Counter())[group] += fact.tokens
        rows = {
            window: [
                {**dict(zip(self.groups, group, strict=True)), "input_tokens": tokens}
                for group, tokens in found.items()
            ]
            for window, found in sums.items()
        }
        return {"data": [bucket(window, some) for window, some in sorted(rows.items())]}


FACTS: Final = st.lists(
    st.builds(
        Fact,
        st.sampled_from(HOURS),
        st.sampled_from(list(product(*DIMENSIONS.values()))),
        st.integers(1, 100),
    ),
    min_size=1,
    max_size=8,
)
GROUPS: Final = st.lists(st.sampled_from(list(DIMENSIONS)), max_size=3, unique=True).map(tuple)


@st.composite
def tellings(draw: st.DrawFn, *, filtered: bool = False) -> Telling:
    """Make a way to ask."""
    limits: dict[str, list[str]] = {}
    for name in draw(st.lists(st.sampled_from(list(FILTERS)), max_size=2, unique=True)):
        values = [value for value in DIMENSIONS[name] if value is not None]
        limits[name] = sorted(draw(st.sets(st.sampled_from(values), min_size=1)))
    width = draw(st.sampled_from([HOUR, DAY, DAY]))
    return Telling(width, draw(GROUPS), limits if filtered else {}, is_known=True)
