"""The same pages as fixtures, as captures, at a pace and on an engine: the same report.

The same means equal JSON, compared whole, but for what names files: the fixtures of the run and of
each endpoint, and the file, the page and its digest in dead letters. Of a chain that is not whole
it is compared that it is named, and not in which words: fixtures are counted, cursors are not.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import pytest

from tests.support.comparing import flat
from tests.support.pages import DAY, FIRST, Json, bucket, listed, page, used
from tests.support.scenarios import (
    MODES,
    Came,
    Given,
    Mode,
    as_fixtures,
    ways_of,
    without_cursors,
    without_names,
    without_walks,
)

EMBEDDINGS: Final = "usage/embeddings"
URL: Final = "https://api.openai.com/v1/organization/usage/completions?page=c2"
ERROR: Final[Json] = {"error": {"message": "overloaded", "type": "server_error"}}


class Scenario(NamedTuple):
    """Pages, and how a run over them ends.

    ``strict``, ``allowed``, ``aside``: the exit codes where bad input ends the run, where chains
    may also go on, and where it is set aside. ``tokens`` are those of completions that count, where
    there is a report. ``broken`` are the chains that are named as not whole. ``unseen``: what is
    wrong cannot be seen in a capture that does not tell what was asked for, where the same counts
    and the chain is not named.
    """

    pages: list[Given]
    strict: int = 0
    allowed: int | None = None
    aside: int | None = None
    tokens: int | None = None
    broken: tuple[str, ...] = ()
    unseen: bool = False

    def code(self, mode: Mode) -> int:
        """Return the exit code in a mode."""
        if mode.set_aside:
            return self.strict if self.aside is None else self.aside
        return self.strict if not mode.allowed or self.allowed is None else self.allowed


def paid(value: object, **fields: object) -> Json:
    """Make a row of costs."""
    return {"amount": {"value": value, "currency": "usd"}, **fields}


TEN: Final = bucket(used(10, model="m", project_id="p"))
FIVE: Final = bucket(used(5, model="m"), day=1)
SEVEN: Final = bucket(used(7), day=2)

SOUND: Final = {
    "one page": Scenario([Given(1, page(TEN))], tokens=10),
    "an empty page": Scenario([Given(1, page())]),
    "two pages": Scenario(
        [Given(1, page(TEN, cursor="c2")), Given(2, page(FIVE), "c2")], tokens=15
    ),
    "three pages": Scenario(
        [
            Given(1, page(TEN, cursor="c2")),
            Given(2, page(FIVE, cursor="c3"), "c2"),
            Given(3, page(SEVEN), "c3"),
        ],
        tokens=22,
    ),
    "two pages, asked for by URL": Scenario(
        [Given(1, page(TEN, cursor=URL)), Given(2, page(FIVE), URL)], tokens=15
    ),
    "several labels": Scenario(
        [
            Given(1, page(TEN, cursor="c2")),
            Given(2, page(FIVE), "c2"),
            Given(1, page(TEN, SEVEN), label="eu"),
            Given(1, page(bucket(used(3), day=5)), label="us"),
        ],
        tokens=25,
    ),
    "several endpoints": Scenario(
        [
            Given(1, page(TEN, cursor="c2")),
            Given(2, page(FIVE), "c2"),
            Given(1, page(TEN, cursor="c2"), endpoint=EMBEDDINGS),
            Given(2, page(FIVE), "c2", endpoint=EMBEDDINGS),
            Given(1, page(bucket({"images": 3, "size": "1024x1024"})), endpoint="usage/images"),
        ],
        tokens=15,
    ),
    "lists beside usage": Scenario(
        [
            Given(1, page(TEN)),
            Given(1, listed({"id": "o"}, has_more=True, last_id="o"), endpoint="projects"),
            Given(2, listed({"id": "p"}), "o", endpoint="projects"),
            Given(1, listed({"id": "u", "email": "someone@example.com"}), endpoint="users"),
        ],
        tokens=10,
    ),
    "usage of what no list defines": Scenario(
        [Given(1, page(TEN)), Given(1, listed({"id": "o"}), endpoint="projects")],
        strict=1,
        tokens=10,
    ),
    "costs with quoted amounts": Scenario(
        [
            Given(1, page(bucket(paid("12.50"), paid(Decimal("0.1"), line_item="x")), cursor="c2"),
                  endpoint="costs"),
            Given(2, page(bucket(paid("-3.000000000000000000001"), day=1)), "c2", endpoint="costs"),
        ],
    ),
    "daily costs": Scenario(
        [
            Given(
                1,
                page(
                    bucket(used(10, model="m", cost="0.5")),
                    daily_costs=[
                        {"timestamp": FIRST, "line_items": [used(12, model="m", amount="0.75")]}
                    ],
                    cursor="c2",
                ),
            ),
            Given(2, page(FIVE), "c2"),
        ],
        tokens=17,
    ),
    "daily costs that fall short": Scenario(
        [Given(1, page(TEN, daily_costs=[{"timestamp": FIRST, "line_items": [used(4)]}]))],
        strict=1,
        tokens=10,
    ),
    "a week beside a day": Scenario(
        [
            Given(1, page(TEN)),
            Given(
                1,
                page(bucket(used(30, model="m", project_id="p"), end_time=FIRST + 7 * DAY)),
                label="weeks",
            ),
        ],
        tokens=30,
    ),
    "unknown fields": Scenario(
        [Given(1, page(bucket(used(10, region="eu", ratio=0.25, nested={"a": 1}, flag=True))))],
        tokens=10,
    ),
    "rows of metadata": Scenario(
        [
            Given(
                1,
                page(
                    bucket(
                        used(10, metadata={"project_id": "p", "model": "m", "region": "eu"}),
                        used(5, project_id="q", metadata={"project_id": "p"}),
                    )
                ),
            )
        ],
        tokens=15,
    ),
    "rows that contradict each other": Scenario(
        [Given(1, page(bucket(used(10, model="m"), used(5, model="m"))))], strict=1, tokens=10
    ),
}  # fmt: skip
"""Pages in which nothing is set aside, and whose chains are whole."""

COMPLETIONS_PRIMARY: Final = "usage/completions (label primary)"
PROJECTS: Final = "projects (label primary)"
BAD: Final = {
    "a bad row": Scenario(
        [Given(1, page(bucket(used(10), used(-1)), cursor="c2")), Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=15,
    ),
    "a bad bucket": Scenario(
        [Given(1, page(TEN, bucket(used(3), start_time="soon")))],
        strict=65, aside=1, tokens=10,
    ),
    "a bad element of a list": Scenario(
        [Given(1, page(TEN)), Given(1, listed({"id": None}, {"id": "o"}), endpoint="projects")],
        strict=65, aside=1, tokens=10,
    ),
    "a bad page alone": Scenario(
        [Given(1, ERROR), Given(1, page(TEN), endpoint=EMBEDDINGS)],
        strict=65, aside=1, broken=(COMPLETIONS_PRIMARY,),
    ),
    "a bad first page": Scenario(
        [Given(1, ERROR), Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=5,
    ),
    "a bad page amid others": Scenario(
        [
            Given(1, page(TEN, cursor="c2")),
            Given(2, ERROR, "c2"),
            Given(3, page(FIVE), "c3"),
        ],
        strict=65, aside=1, tokens=15,
    ),
    "a bad page, asked for by its URL": Scenario(
        [Given(1, page(TEN, cursor=URL)), Given(2, ERROR, URL), Given(3, page(FIVE), "c3")],
        strict=65, aside=1, tokens=15,
    ),
    "a bad last page": Scenario(
        [Given(1, page(TEN, cursor="c2")), Given(2, ERROR, "c2")],
        strict=65, aside=1, tokens=10, broken=(COMPLETIONS_PRIMARY,),
    ),
}  # fmt: skip
"""Pages of which something is set aside: a letter each, and all else counts."""

NOT_WHOLE: Final = {
    "a page after the end": Scenario(
        [Given(1, page(TEN)), Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,), unseen=True,
    ),
    "more without a cursor, at the end": Scenario(
        [Given(1, page(TEN, has_more=True))],
        strict=65, aside=1, tokens=10, broken=(COMPLETIONS_PRIMARY,),
    ),
    "more without a cursor, and a page": Scenario(
        [Given(1, page(TEN, has_more=True)), Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,),
    ),
    "more without a cursor, on the second page": Scenario(
        [Given(1, page(TEN, cursor="c2")), Given(2, page(FIVE, has_more=True), "c2")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,),
    ),
    "more with a blank cursor": Scenario(
        [Given(1, page(TEN, cursor="  ")), Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,),
    ),
    "a cursor that leads elsewhere": Scenario(
        [Given(1, page(TEN, cursor="https://example.com/?page=c2")), Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,),
    ),
    "a cursor that comes again": Scenario(
        [
            Given(1, page(TEN, cursor="c2")),
            Given(2, page(FIVE, cursor="c2"), "c2"),
            Given(3, page(SEVEN), "c2"),
        ],
        strict=65, aside=1, tokens=22, broken=(COMPLETIONS_PRIMARY,),
    ),
    "a cursor that comes again, and no end": Scenario(
        [Given(1, page(TEN, cursor="c2")), Given(2, page(FIVE, cursor="c2"), "c2")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,),
    ),
    "a page is missing": Scenario(
        [Given(1, page(TEN, cursor="c2")), Given(3, page(FIVE), "c3")],
        strict=65, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,), unseen=True,
    ),
    "the first page is missing": Scenario(
        [Given(2, page(FIVE), "c2")],
        strict=65, aside=1, tokens=5, broken=(COMPLETIONS_PRIMARY,), unseen=True,
    ),
    "the chain goes on": Scenario(
        [Given(1, page(TEN, cursor="c2")), Given(2, page(FIVE, cursor="c3"), "c2")],
        strict=65, allowed=1, aside=1, tokens=15, broken=(COMPLETIONS_PRIMARY,),
    ),
    "one page, and the chain goes on": Scenario(
        [Given(1, page(TEN, cursor="c2"))],
        strict=65, allowed=1, aside=1, tokens=10, broken=(COMPLETIONS_PRIMARY,),
    ),
    "one chain of two goes on": Scenario(
        [
            Given(1, page(TEN, cursor="c2")),
            Given(2, page(FIVE), "c2"),
            Given(1, page(SEVEN, cursor="c2"), label="eu"),
        ],
        strict=65, allowed=1, aside=1, tokens=22, broken=("usage/completions (label eu)",),
    ),
    "a list goes on": Scenario(
        [
            Given(1, page(TEN)),
            Given(1, listed({"id": "o"}, has_more=True, last_id="o"), endpoint="projects"),
        ],
        tokens=10, broken=(PROJECTS,),
    ),
    "a list with more and no cursor": Scenario(
        [Given(1, page(TEN)), Given(1, listed({"id": "o"}, has_more=True), endpoint="projects")],
        tokens=10, broken=(PROJECTS,),
    ),
    "a list lacks a page": Scenario(
        [
            Given(1, page(bucket(used(10)))),
            Given(1, listed({"id": "o"}, has_more=True, last_id="o"), endpoint="projects"),
            Given(3, listed({"id": "q"}), "p", endpoint="projects"),
        ],
        tokens=10, broken=(PROJECTS,), unseen=True,
    ),
    "a list goes on after its end": Scenario(
        [
            Given(1, page(bucket(used(10)))),
            Given(1, listed({"id": "o"}), endpoint="projects"),
            Given(2, listed({"id": "q"}), "p", endpoint="projects"),
        ],
        tokens=10, broken=(PROJECTS,), unseen=True,
    ),
}  # fmt: skip
"""Chains that are not whole: named, and for usage the end of a run that sets nothing aside."""

SCENARIOS: Final = SOUND | BAD | NOT_WHOLE
MODE = pytest.mark.parametrize("mode", MODES)
SCENARIO = pytest.mark.parametrize("name", SCENARIOS)


@cache
def told(name: str, mode: str) -> Came:
    """Replay a scenario's fixtures, once."""
    with TemporaryDirectory() as scratch:
        return as_fixtures(SCENARIOS[name].pages, Path(scratch), MODES[mode])


@MODE
@SCENARIO
def test_fixtures_end_as_the_table_says(name: str, mode: str) -> None:
    """Each scenario has its exit code, its tokens, and the chains that are named as not whole."""
    scenario, found = SCENARIOS[name], told(name, mode)
    assert found.code == scenario.code(MODES[mode]), found.error
    if found.code == 65:
        assert (found.report, found.letters, found.error.count("\n")) == (None, [], 1)
        return
    assert found.report is not None
    summaries = found.report["endpoints"].get("usage/completions")
    assert (summaries and summaries["metrics"]["input_tokens"]) == scenario.tokens
    issues = [one.partition(" is incomplete: ") for one in found.report["relationshipIssues"]]
    assert tuple(chain for chain, incomplete, _ in issues if incomplete) == scenario.broken
    assert bool(found.letters) == (name in BAD)


@pytest.mark.parametrize("way", ways_of(bare=False))
@MODE
@SCENARIO
def test_whoever_knows_the_order_tells_the_same(
    name: str, mode: str, way: str, tmp_path: Path
) -> None:
    """Sources that know how pages follow each other end with the same code and the same report."""
    found = ways_of(bare=False)[way](SCENARIOS[name].pages, tmp_path, MODES[mode])
    assert found.code == told(name, mode).code, found.error
    assert flat(without_names(found)) == flat(without_names(told(name, mode)))
    assert found.error.count("\n") == (found.code == 65)


SEEN: Final = [name for name, one in SCENARIOS.items() if not one.unseen]
UNSEEN: Final = [name for name, one in SCENARIOS.items() if one.unseen]


@pytest.mark.parametrize("way", ways_of(bare=True))
@MODE
@pytest.mark.parametrize("name", SEEN)
def test_a_bare_capture_tells_the_same(name: str, mode: str, way: str, tmp_path: Path) -> None:
    """Where pages alone show what is wrong, a capture without requests ends in the same way.

    Where a walk would go on it cannot know: of two cursors, either may be the last.
    """
    found = ways_of(bare=True)[way](SCENARIOS[name].pages, tmp_path, MODES[mode])
    assert flat(without_cursors(found)) == flat(without_cursors(told(name, mode)))


@pytest.mark.parametrize("way", ways_of(bare=True))
@MODE
@pytest.mark.parametrize("name", UNSEEN)
def test_what_a_bare_capture_cannot_know(name: str, mode: str, way: str, tmp_path: Path) -> None:
    """Where only the order of pages shows it, no chain is named there, and all of it counts."""
    found = ways_of(bare=True)[way](SCENARIOS[name].pages, tmp_path, MODES[mode])
    assert found.report is not None, found.error
    assert found.code == 0
    assert flat(without_walks(found)) == flat(without_walks(told(name, "set aside")))


VERDICTS: Final = {"a page after the end": 15, "more without a cursor, and a page": 15}


@pytest.mark.parametrize(("name", "tokens"), VERDICTS.items())
@pytest.mark.parametrize("way", ["fixtures", *ways_of(bare=False)])
def test_both_pages_count_where_the_chain_is_named(
    name: str, tokens: int, way: str, tmp_path: Path
) -> None:
    """It is 65 in a strict run; set aside, both pages count, the chain is named, and it is 1."""
    take = (ways_of(bare=False) | {"fixtures": as_fixtures})[way]
    pages = SCENARIOS[name].pages
    assert take(pages, tmp_path / "strict", Mode()).code == 65
    found = take(pages, tmp_path / "aside", Mode(set_aside=True))
    assert found.report is not None
    assert (found.code, found.report["usageSummary"]["tokensIn"]) == (1, tokens)
    (issue,) = found.report["relationshipIssues"]
    assert issue.startswith(f"{COMPLETIONS_PRIMARY} is incomplete: ")
    assert found.letters == []
