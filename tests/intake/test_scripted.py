"""What intake promises of any source: a script says what comes, and where the process dies."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.records.chains import Chain
from stream.records.delivery import Delivery
from stream.records.errors import BadInput
from tests.oracle import expected
from tests.support.capture_strategies import Sent, walks
from tests.support.comparing import but_for_deliveries, figures, flat
from tests.support.pages import DAY, Json, bucket, listed, page, used
from tests.support.pages import FIRST as START
from tests.support.scripted import (
    ABORT,
    END,
    PAUSE,
    Mark,
    Played,
    Script,
    Setting,
    fixture,
    fixture_gone,
    line,
    played,
    unread,
)
from tests.support.strategies import COMPLETIONS, Chains, chains, deliveries, read

SETTINGS = {
    "one worker": Setting(state=False),
    "one worker, stored at each page": Setting(),
    "one worker, stored at times": Setting(every=2),
    "one worker, no room": Setting(every=3, memory=1),
    "two workers": Setting(state=False, workers=2),
    "two workers, stored at each page": Setting(workers=2),
    "two workers, stored at times": Setting(workers=2, every=2),
    "two workers, no room": Setting(state=False, workers=2, memory=1),
}
ALONE = Setting(state=False)
DYING = {
    "one worker": Setting(every=2),
    "one worker, no room": Setting(every=3, memory=1),
    "two workers, no room": Setting(workers=2, every=2, memory=1),
}

FIRST = page(bucket(used(7, model="m"), used(2)), cursor="2")
SECOND = page(bucket(used(9, model="m"), day=1), bucket(used(4), day=2))
LOWER = page(bucket(used(3, model="m"), day=1), bucket(used(4), day=2))
BAD_ROW = page(bucket(used(-1), used(5), day=3))

WORKERS = pytest.mark.parametrize("workers", [1, 2])

SCRIPTS: dict[str, Script] = {
    "pages of a chain": [fixture(1, FIRST), PAUSE, fixture(2, SECOND)],
    "a changed page": [fixture(1, FIRST), fixture(2, SECOND), PAUSE, fixture(2, LOWER)],
    "pages that leave their windows": [
        *(fixture(1, SECOND), fixture(2, SECOND), fixture(1, FIRST), fixture(2, FIRST)),
    ],
    "a page that breaks": [fixture(1, FIRST), fixture(2, SECOND), fixture(2, unread())],
    "a page that is mended": [fixture(1, FIRST), fixture(2, unread()), fixture(2, SECOND)],
    "a page that goes": [fixture(1, FIRST), fixture(2, SECOND), fixture_gone(2)],
    "a bad page that goes": [fixture(1, SECOND), fixture(2, unread()), fixture_gone(2)],
    "a bad row": [fixture(1, FIRST), fixture(2, BAD_ROW), fixture(1, SECOND, "usage/embeddings")],
    "lines": [line(1, FIRST), line(2, SECOND), line(3, BAD_ROW), line(1, LOWER, "b.ndjson")],
    "walks of two times": [
        *(line(1, FIRST, revision=5), line(2, SECOND, revision=5)),
        *(line(3, LOWER, revision=6), line(4, unread(), revision=6)),
    ],
    "a tail that becomes a page": [
        *(line(1, FIRST), line(2, unread(), final=False), PAUSE),
        *(line(2, SECOND), line(3, BAD_ROW)),
    ],
    "a tail that grows": [
        *(line(1, FIRST), line(2, SECOND, final=False), line(2, BAD_ROW, final=False)),
        *(line(2, unread(), final=False), line(2, LOWER)),
    ],
    "a part begun anew": [
        *(line(1, FIRST), line(2, BAD_ROW), PAUSE),
        *(line(1, SECOND, anew=True), line(2, LOWER)),
    ],
    "a bad part begun anew": [line(1, unread()), line(1, SECOND, anew=True)],
    "a list": [
        fixture(1, SECOND),
        fixture(1, listed({"id": "p"}, has_more=True, last_id="p"), "projects"),
        fixture(2, listed({"id": None}, {"id": "q"}), "projects"),
    ],
    "a list that changes": [
        fixture(1, page(bucket(used(1, project_id="q")))),
        fixture(1, listed({"id": "p"}, {"id": "q"}), "projects"),
        fixture(1, listed({"id": "p"}), "projects"),
    ],
    "a week beside its days": [
        fixture(1, page(bucket(used(99), end_time=START + 7 * DAY)), label="weeks"),
        fixture(1, page(*(bucket(used(1), day=day) for day in range(7)))),
    ],
}
"""What may come, without what may befall the one who takes it."""


def same(one: Played, other: Played) -> None:
    """See that two scripts have come to the same."""
    assert flat(one.report) == flat(other.report)
    assert one.summaries == other.summaries
    assert one.letters == other.letters


def marked(script: Script, mark: Mark, place: int) -> Script:
    """Put a mark before the step at a place."""
    return [*script[:place], mark, *script[place:]]


# Whoever takes it in --------------------------------------------------------------------


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_state_and_workers_change_nothing(script: Script, setting: Setting) -> None:
    """With state and without, in one worker and two, a script comes to the same."""
    same(played(script, setting), played(script, ALONE))


@pytest.mark.parametrize("setting", DYING.values(), ids=DYING.keys())
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_death_anywhere_changes_nothing(script: Script, setting: Setting) -> None:
    """Wherever the process dies, the next one ends with the same figures, summaries and letters."""
    whole = played(script, ALONE)
    for place in range(len(script) + 1):
        same(played(marked(script, ABORT, place), setting), whole)


@WORKERS
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_runs_go_on_where_the_last_one_ended(script: Script, workers: int) -> None:
    """Taken in by two runs on one state, pages come to what they come to in one run."""
    whole = played(script, ALONE)
    for place in range(len(script) + 1):
        same(played(marked(script, END, place), Setting(workers=workers)), whole)


@pytest.mark.parametrize("day", [0, 1])
def test_a_death_makes_no_page_fall(day: int) -> None:
    """A page that has grown has not fallen, whatever a run that died has left in the state."""
    pages = [page(bucket(used(tokens), day=day)) for tokens in (3, 4, 9)]
    script: Script = [fixture(1, pages[0]), END, fixture(1, pages[1]), fixture(2, pages[2])]
    whole = played([*script, END], Setting())
    assert [one.falls for one in whole.summaries] == [[]]
    for place in range(2, len(script) + 1):
        same(played(marked(script, ABORT, place), Setting()), whole)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_death_counts_no_record_twice(script: Script) -> None:
    """What became of each row is counted once, however often the process dies."""
    whole = played(script, ALONE)
    dying = [one for step in script for one in (step, ABORT)]
    for every in (1, 2):
        assert played(dying, Setting(every=every)).records == whole.records


# What comes -----------------------------------------------------------------------------


def test_a_page_that_is_delivered_twice_counts_once() -> None:
    """The same page of the same part again changes no byte of the report."""
    once = [fixture(1, FIRST), fixture(2, SECOND)]
    same(played([*once, *once]), played(once))


def test_a_line_that_is_delivered_twice_counts_once() -> None:
    """The same page in another place adds to what was delivered, and to nothing else."""
    once = [line(1, FIRST), line(2, SECOND)]
    twice = played([*once, line(3, SECOND), line(1, FIRST, "b.ndjson")])
    assert flat(but_for_deliveries(twice.report)) == flat(but_for_deliveries(played(once).report))
    assert twice.report["endpoints"][COMPLETIONS]["totalResults"] == 8


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
def test_pages_come_in_any_order(setting: Setting) -> None:
    """Pages of several chains, one of them bad, come to the same in whatever order they come."""
    pages = [
        *(fixture(1, FIRST), fixture(2, SECOND), fixture(1, BAD_ROW, label="eu")),
        fixture(1, listed({"id": "p"}), "projects"),
    ]
    first, *others = (played(order, setting) for order in permutations(pages))
    for other in others:
        same(other, first)


def test_what_a_gone_page_has_brought_still_counts() -> None:
    """A page that was counted and is gone leaves its figures."""
    found = played([fixture(1, SECOND), fixture_gone(1)])
    assert (found.tokens, found.issues) == (13, [])


def test_a_bad_page_that_is_gone_is_forgotten() -> None:
    """A page that was set aside and is gone leaves no letter, and no gap."""
    found = played([fixture(1, SECOND), fixture(2, unread()), fixture_gone(2)])
    assert (found.tokens, found.issues, found.letters) == (13, [], [])


def test_a_bad_page_is_one_letter() -> None:
    """A page that cannot be read is a letter, and its chain is not whole."""
    found = played([fixture(1, FIRST), fixture(2, unread())])
    assert (found.tokens, len(found.letters), len(found.issues)) == (9, 1, 2)
    assert "incomplete" in found.issues[0]


def test_a_part_that_is_begun_anew_says_so() -> None:
    """What stood in a part before still counts, its walk is forgotten, and the part is named."""
    found = played([line(1, FIRST), line(1, SECOND, anew=True)])
    assert found.tokens == 7 + 2 + 9 + 4
    assert [one.rewritten_files for one in found.summaries] == [["a.ndjson"]]
    assert [one.incomplete for one in found.summaries] == [None]


def test_a_page_that_falls_is_named() -> None:
    """A numbered page that says less than it did counts as it was, and says so."""
    found = played([fixture(1, SECOND), fixture(1, LOWER)])
    assert found.tokens == 13
    assert [len(one.falls) for one in found.summaries] == [1]


def test_a_tail_is_replaced() -> None:
    """A page that was not final leaves no letter when it comes again whole, and counts once."""
    found = played([line(1, FIRST), line(2, unread(), final=False), line(2, SECOND)])
    assert (found.tokens, found.letters, found.issues) == (22, [], [])
    whole = played([line(1, FIRST), line(2, SECOND)])
    assert flat(found.report) == flat(whole.report)


def test_a_tail_stays_what_it_was() -> None:
    """A page that was not final and does not come again is a letter like any other."""
    found = played([line(1, FIRST), line(2, unread(), final=False), END])
    assert len(found.letters) == 1


def test_what_is_bad_ends_a_run_that_sets_nothing_aside() -> None:
    """A page that cannot be read, and a walk that is not whole, are errors with their reason."""
    with pytest.raises(BadInput, match="expected a page"):
        played([fixture(1, unread())], Setting(strict=True))
    with pytest.raises(BadInput, match="page 1 says that more follows"):
        played([fixture(1, FIRST)], Setting(strict=True))


# Anything, anywhere -----------------------------------------------------------------------

CHANCES = st.builds(
    Setting,
    state=st.booleans(),
    workers=st.just(1),
    every=st.integers(1, 4),
    memory=st.sampled_from([1, 8_000, 10_000_000]),
    strict=st.just(value=False),
)
SOME = settings(max_examples=30, deadline=None)


@st.composite
def befallen(draw: st.DrawFn, script: Script, *, marks: tuple[Mark, ...] = tuple(Mark)) -> Script:
    """Put marks into a script, anywhere."""
    for mark in draw(st.lists(st.sampled_from(marks), max_size=4)):
        script = marked(script, mark, draw(st.integers(0, len(script))))
    return script


def fixtures_of(made: Chains) -> list[Delivery]:
    """Deliver the pages of chains as fixtures, with their cursors."""
    return [
        fixture(
            number,
            {"object": "page", **one, "has_more": number < len(pages), "next_page": f"{number}"}
            if number < len(pages)
            else {"object": "page", **one, "has_more": False},
            endpoint,
            label,
        )
        for (endpoint, label), pages in made.items()
        for number, one in enumerate(pages, start=1)
    ]


@WORKERS
@SOME
@given(made=chains(), setting=CHANCES, data=st.data())
def test_any_pages_in_any_order_with_deaths_anywhere(
    workers: int, made: Chains, setting: Setting, data: st.DataObject
) -> None:
    """Figures are the oracle's, and the report is that of the pages in order in one process."""
    pages = fixtures_of(made)
    order: list[Delivery] = data.draw(st.permutations(pages))
    found = played(data.draw(befallen(order)), setting._replace(workers=workers))
    assert flat(figures(found.report)) == flat(figures(expected(deliveries(made))))
    same(found, played(pages, ALONE))


def lines_of(made: list[list[Sent]], parts: list[int]) -> list[Delivery]:
    """Deliver walks as lines of captures; ``parts`` says which capture each page stands in."""
    found: list[Delivery] = []
    places = dict.fromkeys(parts, 0)
    for sent, part in zip((one for walk in made for one in walk), parts, strict=True):
        places[part] += 1
        chain = Chain(sent.endpoint, sent.label)
        name, content = f"{part}.ndjson", read(sent.text)
        found.append(line(places[part], content, name, chain=chain, revision=sent.revision))
    return found


@st.composite
def interleaved(draw: st.DrawFn, lines: list[Delivery]) -> list[Delivery]:
    """Let lines of different parts come in any order; those of one part stay in theirs."""
    waiting: dict[str, list[Delivery]] = {}
    for one in lines:
        waiting.setdefault(one.part.name, []).append(one)
    turns = draw(st.permutations([one.part.name for one in lines]))
    return [waiting[name].pop(0) for name in turns]


@WORKERS
@SOME
@given(made=walks(), setting=CHANCES, data=st.data())
def test_any_lines_with_deaths_anywhere(
    workers: int, made: list[list[Sent]], setting: Setting, data: st.DataObject
) -> None:
    """Walks that revise each other come to the same, whoever takes them in and however often."""
    count = sum(map(len, made))
    parts = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    lines = lines_of(made, parts)
    script = data.draw(befallen(data.draw(interleaved(lines))))
    found = played(script, setting._replace(workers=workers))
    same(found, played(lines, ALONE))


VERSIONS: list[Json | BadInput] = [FIRST, SECOND, LOWER, BAD_ROW]
STEPS = st.one_of(
    st.builds(fixture, st.integers(1, 2), st.sampled_from(VERSIONS)),
    st.builds(fixture, st.integers(1, 2), st.builds(unread)),
    st.builds(fixture_gone, st.integers(1, 2)),
    st.builds(fixture, st.just(1), st.sampled_from(VERSIONS), label=st.just("eu")),
)


@WORKERS
@SOME
@given(script=st.lists(STEPS, min_size=1, max_size=6), setting=CHANCES, data=st.data())
def test_pages_that_change_with_deaths_anywhere(
    workers: int, script: list[Delivery], setting: Setting, data: st.DataObject
) -> None:
    """Pages that change, break, are mended and go come to the same, wherever the process dies.

    Several workers that died leave windows and no word of the pages that those are of, so that a
    page which comes again, changed, may be said to have fallen: for them no process dies here.
    """
    marks = tuple(Mark) if workers == 1 else (PAUSE, END)
    found = played(data.draw(befallen(script, marks=marks)), setting._replace(workers=workers))
    same(found, played(script, ALONE))


CONTENTS: list[Json | BadInput] = [FIRST, SECOND, LOWER, BAD_ROW, unread()]


@st.composite
def growing(draw: st.DrawFn, part: str) -> list[Delivery]:
    """Make the lines of a capture that grows, whose end is replaced, and that is begun anew."""
    made: list[Delivery] = []
    place, final = 0, True
    for _ in range(draw(st.integers(1, 4))):
        anew = bool(made) and draw(st.integers(0, 3)) == 0
        place = 1 if anew else place + final
        final = draw(st.integers(0, 2)) > 0
        content = draw(st.sampled_from(CONTENTS))
        made.append(line(place, content, part, final=final, anew=anew))
    return made


@WORKERS
@SOME
@given(one=growing("a.ndjson"), other=growing("b.ndjson"), setting=CHANCES, data=st.data())
def test_lines_that_change_with_deaths_anywhere(
    workers: int,
    one: list[Delivery],
    other: list[Delivery],
    setting: Setting,
    data: st.DataObject,
) -> None:
    """Captures that grow and are begun anew come to the same, wherever the process dies."""
    script = data.draw(interleaved([*one, *other]))
    found = played(data.draw(befallen(script)), setting._replace(workers=workers))
    same(found, played(script, ALONE))
