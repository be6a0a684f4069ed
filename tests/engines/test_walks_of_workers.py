"""Walks are judged the same by any number of workers, whatever runs their pages have come in."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.envelopes import line, put_capture
from tests.support.pages import bucket, letters_in, page, used
from tests.support.running import replay

SOME = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORKERS = st.integers(1, 4)


def walk_page(
    number: int, last: int, *, day: int = 0, tokens: int = 1, observed: str = "2024-12-01T00:00:00Z"
) -> bytes:
    """Make the line of a page of a walk that has ``last`` pages; each is of another day."""
    content = page(bucket(used(tokens), day=day), cursor=f"c{number}" if number < last else None)
    asked = f"c{number - 1}" if number > 1 else None
    return line(content, observed_at=observed, request={"page": asked})


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_a_walk_without_its_end_is_refused_in_a_later_run_too(workers: int, tmp_path: Path) -> None:
    """What one run let pass, as it was told to, the next one judges anew: 65, and no report."""
    captures, state = tmp_path / "in", tmp_path / "state.db"
    captures.mkdir()
    put_capture(captures / "a.ndjson", [walk_page(1, 3), walk_page(2, 3, day=1)])
    first = replay(captures, "--allow-incomplete", state=state, workers=workers)
    again = replay(captures, state=state, workers=workers)
    assert (first.code, again.code, again.raw) == (1, 65, b"")
    assert "says that more follows" in again.errors


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_a_page_that_comes_last_makes_its_walk_whole(workers: int, tmp_path: Path) -> None:
    """A walk whose middle page comes in a later run is whole then, and is that of one run."""
    captures, state = tmp_path / "in", tmp_path / "state.db"
    captures.mkdir()
    one, two, three = (walk_page(number, 3, day=number, tokens=number) for number in (1, 2, 3))
    capture = put_capture(captures / "a.ndjson", [one, three])
    assert replay(captures, state=state, workers=workers).code == 65
    put_capture(capture, [one, three, two])
    grown = replay(captures, state=state, workers=workers)
    assert (grown.code, grown.raw) == (0, replay(captures).raw)


class Story(NamedTuple):
    """Lines of captures in the order they come, and how many of them each run sees."""

    lines: list[tuple[str, bytes]]
    cuts: list[int]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw walks of which pages are missing, come twice or late, or are bad, over some runs."""
    lines: list[tuple[str, bytes]] = []
    for walk in range(draw(st.integers(1, 3))):
        last = draw(st.integers(1, 4))
        observed = f"2024-12-0{draw(st.integers(1, 2))}T00:00:00Z"
        for number in draw(st.lists(st.integers(1, last), min_size=1, max_size=5)):
            tokens = draw(st.sampled_from([1, 2, 3, 3, 3, -1]))
            made = walk_page(number, last, day=number, tokens=tokens, observed=observed)
            lines.append((draw(st.sampled_from(["a.ndjson", "b.ndjson"])), made))
        if draw(st.booleans()):
            whole = range(1, last + 1)
            lines += [
                (f"{walk % 2}.ndjson", walk_page(number, last, day=number, observed=observed))
                for number in whole
            ]
    cuts = sorted(draw(st.lists(st.integers(1, len(lines)), max_size=2)))
    return Story(lines, [*cuts, len(lines)])


@SOME
@given(story=stories(), tolerant=st.booleans(), data=st.data())
def test_any_runs_of_any_workers_judge_as_one_process(
    story: Story, data: st.DataObject, *, tolerant: bool
) -> None:
    """Exit code, report and dead letters are those of one process that reads all at once."""
    with TemporaryDirectory() as name:
        place = Path(name)
        captures, state = place / "in", place / "state.db"
        captures.mkdir()

        def came(letters: str, **options: object) -> tuple[int, bytes, list[str]]:
            dead = place / letters
            if tolerant:
                options |= {"on_error": "dead-letter", "dead_letters": dead}
            found = replay(captures, **options)
            kept = [json.dumps(one) for one in letters_in(dead)] if tolerant else []
            return found.code, found.raw, kept

        for cut in story.cuts:
            for file in sorted({file for file, _ in story.lines[:cut]}):
                lines = [one for known, one in story.lines[:cut] if known == file]
                put_capture(captures / file, lines)
            last = came("dead", state=state, workers=data.draw(WORKERS, "workers"))
        assert last == came("dead of one")
