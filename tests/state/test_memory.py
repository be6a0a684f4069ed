"""The budget of bytes: what it is chosen by, what is held against it, and when it is felt."""

from __future__ import annotations

import gc
import json
import mmap
import platform
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.pipeline import Observer, Replay, ingest_all, replay
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, folded_chain
from stream.records.shares import ALL, Share
from stream.records.tally import Tally
from stream.records.windows import Bucket, Outcomes, Snapshot, Window
from stream.state.memory import LARGE_PAGE, choose_budget, estimate_bytes, keep_freed_memory
from stream.state.windows import EmptyStore, KeyedState, Place
from tests.support.pages import bucket, page, put_all, used
from tests.support.running import NOW

MANY, FEW = 1_000_000_000, 1


@pytest.mark.parametrize(
    ("limit", "budget"),
    [(None, 256_000_000), (400_000_000, 100_000_000), (64 << 30, 1_000_000_000)],
)
def test_a_quarter_is_for_windows(limit: int | None, budget: int) -> None:
    """It is a quarter of what there is, a gigabyte at most, and something where nobody knows."""
    assert choose_budget(limit) == budget


def bytes_of(value: Any, seen: set[int]) -> int:
    """Add up what a value and all that is in it take, each object once."""
    if value is None or id(value) in seen or (isinstance(value, int) and value <= 256):
        return 0
    seen.add(id(value))
    inner = value if isinstance(value, tuple) else ()
    return sys.getsizeof(value) + sum(bytes_of(one, seen) for one in inner)


@pytest.mark.parametrize("rows", [20, 50, 1000])
@pytest.mark.parametrize("endpoint", ["usage/completions", "usage/embeddings", "costs"])
def test_a_window_takes_about_what_is_estimated(endpoint: str, rows: int) -> None:
    """Beside a constant for each window, the estimate is not far from what its columns take."""
    entry = ENDPOINTS[endpoint]
    texts = [f"name-{number}" for number in range(9)]
    amounts = [Decimal(number) / 7 if entry.money else 1_000 + number for number in range(rows)]
    absent = (None,) * rows

    def counter(place: int) -> tuple[Any, ...]:
        """Give some counters values, others zeros, and leave the rest out."""
        if place % 3 == 0:
            return tuple(one + place for one in amounts)
        return (0,) * rows if place % 3 == 1 else absent

    snapshot = Snapshot(
        0,
        (*(tuple(texts[row % 9] for row in range(rows)) for _ in entry.dimensions), absent),
        (*map(counter, range(len(entry.counters))), absent),
    )
    taken = bytes_of(snapshot, set())
    assert 0.9 * taken <= estimate_bytes(snapshot) <= 1.2 * taken + 1_500


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Make a walk of a few pages, each with its own days."""
    files = {
        f"usage_completions{'' if number == 1 else f'_page{number}'}.json": page(
            *(bucket(used(number, model="m"), day=2 * number + day) for day in range(2)),
            cursor=f"c{number}" if number < 5 else None,
        )
        for number in range(1, 6)
    }
    return put_all(tmp_path / "pages", {**files})


@pytest.mark.parametrize(("memory", "stored"), [(MANY, 0), (FEW, 10)])
def test_windows_leave_memory_where_they_do_not_fit(pages: Path, memory: int, stored: int) -> None:
    """Where all fit there is no scratch file; where none does, every window is in it."""
    run = Replay(directory=pages, now=int(NOW), rules=Rules(memory=memory))
    with closing(Intake(run.rules, Tally(), lambda: run.now)) as intake:
        anyio.run(ingest_all, run, intake)
        (chain,) = intake.state.chains
        assert isinstance(intake.state.store, EmptyStore) is not bool(stored)
        assert len(list(intake.state.store.slots(chain))) == stored
        assert len(intake.state.snapshots) == 10 - stored
        held = sum(map(estimate_bytes, intake.state.snapshots.values()))
        assert intake.state.held_bytes == held


def test_a_checkpoint_lets_nothing_go_that_fits(pages: Path, state: Path) -> None:
    """A window that a state file has stays in memory as long as there is room."""
    run = Replay(directory=pages, now=int(NOW), rules=Rules(state=state, checkpoint_pages=1))
    with closing(Intake(run.rules, Tally(), lambda: run.now)) as intake:
        anyio.run(ingest_all, run, intake)
        assert len(intake.state.snapshots) == 10
        intake.state.budget = intake.state.held_bytes
        intake.store()
        assert len(intake.state.snapshots) == 10


@pytest.mark.parametrize(
    ("memory", "tolerant", "enabled"),
    [(MANY, False, False), (FEW, False, True), (MANY, True, True)],
    ids=["all fit", "some leave", "bad records are set aside"],
)
def test_cycles_are_looked_for_where_it_matters(
    pages: Path, tmp_path: Path, memory: int, *, tolerant: bool, enabled: bool
) -> None:
    """The collector rests while all windows fit and no error is caught, and never afterwards."""
    seen: list[bool] = []
    rules = Rules(memory=memory, dead_letters=tmp_path if tolerant else None)
    observer = Observer(on_page=lambda _: seen.append(gc.isenabled()))
    run = Replay(directory=pages, now=int(NOW), report=None, rules=rules)
    anyio.run(replay, run, Tally(), observer)
    assert seen == [enabled] * 5
    assert gc.isenabled()


class OneWindow(EmptyStore):
    """A store that has one window, and makes its texts anew each time."""

    def recall(self, place: Place) -> Snapshot | None:
        """Return the window of a row."""
        name = "".join(("p", str(place[1].window.start)[:1]))
        return Snapshot(0, ((name,), (None,)), ((5,), (None,)))


def test_what_comes_back_shares_its_texts() -> None:
    """Windows that came back have each text once, as those do that were decoded."""
    state = KeyedState(OneWindow())
    chain = Chain("usage/vector_stores", "primary")
    for start in (1, 10):
        window = Window(start, start + 1)
        state.take(chain, Bucket(window, 1, (("q",), (None,)), ((6,), (None,))))
    one, other = (snapshot.dimensions[0] for snapshot in state.snapshots.values())
    assert one == other == ("p1", "q")
    assert one[0] is other[0]


class FoldedDay(EmptyStore):
    """A store that has one folded day, and counts how often it is asked for it."""

    def __init__(self) -> None:
        """Start with no question."""
        self.questions = 0

    def last_window(self, _: Chain, __: int) -> Window | None:
        """Return the day."""
        self.questions += 1
        return Window(0, 10)


@pytest.mark.parametrize("folded", [True, False])
def test_the_store_is_asked_for_folded_days_where_there_are_some(*, folded: bool) -> None:
    """What lies in folded days of its label is superseded; of another label nobody is asked."""
    store, chain = FoldedDay(), Chain("usage/vector_stores", "primary")
    state = KeyedState(store)
    state.chains |= {chain, folded_chain(chain.endpoint, "primary" if folded else "other")}
    taken = Bucket(Window(1, 2), 1, (("q",), (None,)), ((6,), (None,)))
    assert state.take(chain, taken) == Outcomes(superseded=int(folded), new=int(not folded))
    assert store.questions == int(folded)


def test_workers_share_the_budget() -> None:
    """Each of several workers has its part of it."""
    for share, budget in ((ALL, 900), (Share(1, 3), 300)):
        with closing(Intake(Rules(memory=900), Tally(), lambda: int(NOW), share)) as intake:
            assert intake.state.budget == budget


ROUNDS = """
import resource, sys
from stream.state.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
held = [bytes(2 << 20), bytes(2 << 20)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    held.clear()
    held += [b"x" * (2 << 20), b"y" * (2 << 20)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not platform.libc_ver()[0], reason="memory is glibc's to keep")
def test_memory_that_pages_leave_is_kept_for_the_next() -> None:
    """Once what two pages take was asked for, no more of it is, however many follow."""
    taken = {
        kept: int(subprocess.check_output([sys.executable, "-c", ROUNDS, kept], text=True))
        for kept in ("kept", "given back")
    }
    assert taken["kept"] < 100 * (2 << 20) // mmap.PAGESIZE < taken["given back"]


def test_where_memory_has_no_such_setting_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python can be built without ctypes, and other libraries have no such setting."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    keep_freed_memory()


@pytest.mark.parametrize(
    ("name", "blanks", "times"),
    [
        ("usage_completions.json", 0, 0),
        ("usage_completions.json", LARGE_PAGE, 1),
        ("usage_completions.ndjson", 0, 1),
    ],
    ids=["a small page", "a large one", "a capture"],
)
def test_memory_is_kept_where_much_of_it_is_asked_for_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, blanks: int, times: int
) -> None:
    """The setting is made once, for large pages and captures; small pages do not wait for it."""
    made: list[None] = []
    monkeypatch.setattr("stream.pipeline.keep_freed_memory", lambda: made.append(None))
    one = json.dumps(page(bucket(used(1, model="m"), day=1))) + " " * blanks
    pages = put_all(tmp_path / "pages", {name: one})
    anyio.run(replay, Replay(directory=pages, now=int(NOW), report=None), Tally())
    assert len(made) == times
