"""The report's records and files: put in order as columns, written as a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.outline import Outline
from stream.figures.relations import Relations
from stream.figures.rollup.table import places_in_order, table_alone
from stream.intake.account import ENCODE, Contribution, Entry
from stream.records.chains import Chain, ChainSummary, PageSums
from stream.records.windows import Snapshot, Window, canonical_order
from stream.sinks.files import Files, lead_by_files
from stream.sinks.report import Report, pieces_of
from tests.support.pages import bucket, page, put_all, used
from tests.support.running import replay

PROJECTS = Chain("projects", "primary")
ONE = "usage_completions_fixture.json"

values = st.none() | st.booleans() | st.text("\x00\x01aé😀", min_size=1, max_size=2)
unknown = st.none() | st.lists(
    st.tuples(st.sampled_from("ab"), st.booleans() | st.text("xy", min_size=1, max_size=1)),
    min_size=1,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: tuple(sorted(pairs)))
identities = st.lists(st.tuples(values, values, unknown), min_size=1, max_size=12, unique=True)

chains = st.builds(Chain, st.sampled_from(["projects", "users"]), st.sampled_from(["a", "b"]))
contributions = st.builds(Contribution, chains, st.builds(PageSums, st.integers(0, 1)))
parts_of_pages = st.builds(
    Entry,
    st.sampled_from(["a.json", "b.json", "é.json", "a10.json", "a2.json"]),
    number=st.integers(0, 2),
    contributions=st.lists(contributions, max_size=2, unique_by=lambda one: one.chain),
)


def entry(number: int, name: str = "", *, pages: int = 1) -> bytes:
    """Make the entry of a page that is named by its number, or of a capture, whose number is 0."""
    brought = Contribution(PROJECTS, PageSums(pages=pages))
    return ENCODE(Entry(name or f"page{number}.json", number=number, contributions=[brought]))


def details_of(directory: Path, name: str, *rows: Any) -> list[dict[str, Any]]:
    """Replay one bucket of rows; return the report's records."""
    report = replay(put_all(directory, {name: page(bucket(*rows))})).report
    assert report is not None
    found: list[dict[str, Any]] = report["dedupedUsage"]
    return found


@given(identities)
def test_columns_are_put_in_canonical_order(rows: list[tuple[Any, ...]]) -> None:
    """Absent values come first, then booleans, texts, unknown pairs, as record by record."""
    places = places_in_order(tuple(zip(*rows, strict=True)))
    assert [rows[place] for place in places] == sorted(rows, key=canonical_order)


def test_figures_move_with_their_records() -> None:
    """A window's counters and dimensions are put in order together."""
    snapshot = Snapshot(0, (("b", None, "a"), (None,) * 3), ((1, 2, 3), (None,) * 3))
    table = table_alone(Window(0, 60), "primary", snapshot, ordered=True)
    assert table.dimensions[0] == (None, "a", "b")
    assert table.counters[0] == (2, 3, 1)


def test_unknown_fields_change_no_other_record(tmp_path: Path) -> None:
    """A record beside one with fields that the registry does not know shows none of them."""
    odd = used(1, model="a", region="eu", new_tokens=2)
    first, second = details_of(tmp_path, ONE, odd, used(1, model="b"))
    assert (first["metrics"].pop("new_tokens"), first["dimensions"].pop("region")) == (2, "eu")
    assert first == second | {"model": "a"}


def test_a_field_of_other_endpoints_stands_in_its_member(tmp_path: Path) -> None:
    """A model and tokens of an endpoint that has none are shown where all show theirs."""
    row = {"usage_bytes": 1, "model": "m", "input_tokens": 5}
    (record,) = details_of(tmp_path, "usage_vector_stores_fixture.json", row)
    assert (record["model"], record["tokensIn"], record["dimensions"]) == ("m", 5, {})
    assert record["metrics"] == {"usage_bytes": 1, "input_tokens": 5}


def test_files_come_by_name() -> None:
    """Pages are listed by name and not by number; those that were set aside are not listed."""
    found = Files([*map(entry, [1, 2, 10]), entry(3, pages=0)]).entries()
    assert [one.name for one in found] == ["page1.json", "page10.json", "page2.json"]


def test_files_of_several_sources_come_by_name() -> None:
    """Sources and captures are merged by name."""
    parts = [*map(entry, [1, 4, 2, 4]), entry(0, "page3.ndjson")]
    found = [(one.name[4], one.page) for one in Files(parts).entries()]
    assert found == [("1", 1), ("2", 2), ("3", None), ("4", 4), ("4", 4)]


@given(st.lists(parts_of_pages))
def test_each_file_is_in_its_place(entries: list[Entry]) -> None:
    """Files come by name, then by chain and page, and each chain of a part is a file of its own."""
    chains = [
        (one, sorted(each.chain for each in one.contributions if each.sums.pages or not one.number))
        for one in entries
    ]
    counted = [(one, found) for one, found in chains if found]
    counted.sort(key=lambda pair: (pair[0].name, pair[1][0][:2], pair[0].number))
    files = Files([ENCODE(one) for one in entries])
    assert [(one.name, one.endpoint, one.label, one.page) for one in files.entries()] == [
        (one.name, chain.endpoint, chain.label, one.number or None)
        for one, found in counted
        for chain in found
    ]
    for endpoint in ("projects", "users"):
        names = [one.name for one, found in counted if endpoint in {each[0] for each in found}]
        assert list(files.names(endpoint)) == [*dict.fromkeys(names)]


def test_a_section_without_files_has_an_empty_list() -> None:
    """The member is there when no file is."""
    text = b"".join(lead_by_files({"pages": 0}, [], 2))
    assert text == b'{\n    "fixtures": [],\n    "pages": 0\n  }'


def test_no_piece_of_a_report_grows_with_the_pages() -> None:
    """However many pages there are, the report comes in pieces of the same size."""

    def largest(pages: int) -> int:
        parts = [entry(number) for number in range(10_000, 10_000 + pages)]
        runs, lists = [ChainSummary(PROJECTS, PageSums(pages))], Relations({})
        outline = Outline(
            "1", 0, runs, parts, {}, lists.relationships(), lists.foreign_keys(()), [], []
        )
        pieces = list(pieces_of(Report(outline), details=False))
        assert len(json.loads(b"".join(pieces))["run"]["fixtures"]) == pages
        return max(map(len, pieces))

    assert largest(300) == largest(200)
