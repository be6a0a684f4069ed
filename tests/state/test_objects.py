"""Lists that are walked for years: what is kept of them does not grow, and says the same."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import encode

from stream.state.objects import ListPlace, Objects, Reference
from tests.support.capture_replays import FEW
from tests.support.envelopes import line, put_capture
from tests.support.pages import bucket, listed, page, used
from tests.support.running import replay

Said = tuple[ListPlace, list[tuple[str | None, frozenset[Reference], str | None]], int]

IDS: Final = st.sampled_from([None, "a", "b", "None"])
REFERENCES: Final = st.frozensets(
    st.sampled_from([("projects", "a"), ("users", "u"), ("projects", "x")])
)
ELEMENTS: Final = st.tuples(IDS, REFERENCES, st.sampled_from([None, "One", "Two", "Six"]))
PLACES: Final = st.tuples(
    st.sampled_from(["projects", "users"]),
    st.sampled_from(["", "acme"]),
    st.just("part"),
    st.integers(1, 3),
)
WALKED: Final = st.tuples(PLACES, st.lists(ELEMENTS, max_size=3), st.integers(1, 3))


def taken(pages: list[Said]) -> Objects:
    """Take pages in an order."""
    objects = Objects()
    for said in pages:
        objects.take(*said)
    return objects


def restored(objects: Objects) -> Objects:
    """Store what was gathered, and take it up again."""
    found = Objects()
    found.restore(objects.saved_objects())
    return found


@given(st.lists(WALKED, max_size=8), st.data())
def test_the_order_of_pages_says_nothing(pages: list[Said], data: st.DataObject) -> None:
    """Pages of walks, in any order, again, with a restart between: the same bytes and names."""
    again = data.draw(st.permutations(pages + pages[:2]))
    cut = data.draw(st.integers(0, len(again)))
    one, other = taken(pages), restored(taken(again[:cut]))
    for said in again[cut:]:
        other.take(*said)
    assert one.saved_objects() == other.saved_objects()
    assert one.freeze_pages() == other.freeze_pages()
    assert one.project_names == other.project_names


@given(st.lists(WALKED, max_size=8))
def test_what_lists_define_is_what_all_pages_define(pages: list[Said]) -> None:
    """No id and no reference of any page is lost, and none is made up."""
    wanted: dict[str, dict[str | None, frozenset[Reference]]] = {}
    for (name, *_), elements, _ in pages:
        known = wanted.setdefault(name, {})
        for one, references, _ in elements:
            known[one] = known.get(one, frozenset()) | references
    assert {place[0]: found for place, found in taken(pages).freeze_pages().items()} == wanted


def walk_at(moment: int, name: str = "Search") -> Said:
    """Make a walk over a list of two pages, the second of which is the file's next line."""
    elements = [("a", frozenset[Reference](), name), ("b", frozenset[Reference](), "Voice")]
    return ("projects", "acme", f"day-{moment // 24:06}", moment % 24 + 1), [*elements], moment


@given(st.lists(WALKED, max_size=6), st.integers(0, 6))
def test_what_two_have_gathered_of_walks_comes_together(pages: list[Said], cut: int) -> None:
    """What each of two workers heard of walks over a list is what one would have heard."""
    one, other, whole = taken(pages[:cut]), taken(pages[cut:]), taken(pages)
    one.restore(other.saved_objects())
    assert one.saved_objects() == whole.saved_objects()
    assert one.project_names == whole.project_names


def test_a_thousand_walks_take_the_room_of_one() -> None:
    """What is kept, and stored, does not grow with the walks; the last of them counts."""
    few = taken([walk_at(moment) for moment in range(70_001, 70_003)])
    many = taken([walk_at(moment) for moment in range(70_001, 71_001)])
    assert len(many.saved_objects()) == len(few.saved_objects())
    assert len(many.pages) == len(few.pages) == 1
    many.take(*walk_at(80_000, "Find"))
    many.take(*walk_at(79_999, "Seek"))
    assert many.project_names == {"a": "Find", "b": "Voice"}


def test_a_changed_file_takes_back_what_it_said() -> None:
    """A page without a revision is in the place of what it was; a walk's name goes over it."""
    place: ListPlace = "projects", "", "projects.json", 0
    objects = taken([(place, [("a", frozenset(), "One"), ("b", frozenset(), "Two")], 0)])
    objects.take(place, [("a", frozenset(), "Six")])
    assert objects.project_names == {"a": "Six"}
    assert [*objects.freeze_pages().values()] == [{"a": frozenset()}]
    objects.take(*walk_at(1))
    assert restored(objects).project_names == {"a": "Search", "b": "Voice"}


def test_what_was_stored_without_names_is_taken_up() -> None:
    """A state file of before has pages and no names; those come with the next walk."""
    before = encode([(("projects", "acme", "day", 1), [("a", []), ("c", [("users", "u")])])])
    objects = Objects()
    objects.restore(before)
    assert objects.project_names == {}
    objects.take(*walk_at(1))
    assert objects.project_names == {"a": "Search", "b": "Voice"}
    found = objects.freeze_pages().values()
    assert {one for elements in found for one in elements} == {"a", "b", "c"}


def test_a_frozen_view_stays() -> None:
    """Pages that come while a report is worked out are not in it."""
    objects = taken([walk_at(1)])
    before = objects.freeze_pages()
    objects.take(("projects", "acme", "day", 1), [("c", frozenset(), None)], 2)
    assert [sorted(map(str, found)) for found in before.values()] == [["a", "b"]]


def test_nothing_new_is_nothing_to_store() -> None:
    """A page that says what was known makes no checkpoint greater."""
    objects = restored(taken([walk_at(9)]))
    objects.take(*walk_at(9))
    objects.take(*walk_at(8))
    assert not objects.has_changed
    objects.take(*walk_at(9, "Found"))
    assert not objects.has_changed
    objects.take(*walk_at(10, "Found"))
    assert objects.has_changed


EARLY, LATE = "2024-12-01T06:00:00Z", "2024-12-01T12:00:00Z"
LINES: Final = [
    line(listed({"id": "p", "name": "Old"}), endpoint="projects", observed_at=EARLY),
    line(listed({"id": "q", "name": "New"}), endpoint="projects", observed_at=LATE),
    line(listed({"id": "s", "project_id": "x"}), endpoint="service_accounts", observed_at=LATE),
    line(page(bucket(used(1, project_id="p"), used(2, project_id="q"), used(3, project_id="y")))),
]


@FEW
@given(st.permutations(LINES), st.integers(0, len(LINES)))
def test_lines_in_any_order_make_one_report(lines: list[bytes], cut: int) -> None:
    """What walks define counts for good, whichever capture has them and in which order."""
    with TemporaryDirectory() as name:
        put_capture(Path(name) / "one.ndjson", lines[:cut])
        put_capture(Path(name) / "other.ndjson", lines[cut:])
        report = replay(Path(name)).report
    assert report is not None
    assert report["relationships"]["missingProjectIds"] == ["x"]
    assert report["foreignKeyIssues"]["unknownProjects"] == ["usage/completions:y"]
