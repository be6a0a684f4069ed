"""The records of exports are those of the report, each in the columns of one schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.sinks.exports.schema import COLUMNS
from tests.oracle import DAY, iso
from tests.support.exported import export, records_in, records_of, rows_in
from tests.support.generated import summary
from tests.support.pages import FIRST, bucket, listed, page, put_all, used
from tests.support.places import FIXTURES, ROOT
from tests.support.running import replay
from tests.support.strategies import (
    DAYS,
    Chains,
    chains,
    repeated,
    shuffled,
    split,
    write_chains,
)

README = (ROOT / "README.md").read_text("utf-8")
TYPES = {
    "text": "text",
    "flag": "boolean",
    "count": "integer",
    "money": "decimal",
    "time": "time",
    "texts": "list of texts",
    "json": "JSON",
}
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def pages_of(made: Chains) -> Iterator[Path]:
    """Write chains to a directory of pages."""
    with TemporaryDirectory() as name:
        pages = Path(name) / "pages"
        pages.mkdir()
        write_chains(pages, made)
        yield pages


def csv_of(made: Chains) -> str:
    """Export chains as CSV."""
    with pages_of(made) as pages:
        return export("csv", pages)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a capture of all endpoints, with line items of days and revisions."""
    out = tmp_path_factory.mktemp("made") / "month.ndjson.zst"
    grown = ("--walks", "3", "--overlap", "0.5", "--revised", "0.3", "--corrected", "0.1")
    summary(out, "--endpoints", "all", "--rows", "6000", "--width", "1h", "--rollups", *grown)
    return out


@FEW
@given(chains())
def test_records_are_those_of_the_report(made: Chains) -> None:
    """As many as dedupedUsage has, in its order, with the same dimensions, figures and sources."""
    with pages_of(made) as pages:
        report = replay(pages).report
        assert report is not None
        assert records_in(export("csv", pages)) == records_of(report)


def test_records_of_every_endpoint_are_those_of_the_report(month: Path) -> None:
    """That holds for the fixtures, and for a month of all endpoints."""
    for source in (FIXTURES, month):
        report = replay(source).report
        assert report is not None
        assert len(report["endpoints"]) == 12
        assert records_in(export("csv", source)) == records_of(report)


@FEW
@given(chains().flatmap(lambda one: st.tuples(st.just(one), shuffled(one), repeated(one))))
def test_the_same_pages_make_the_same_bytes(made: tuple[Chains, Chains, Chains]) -> None:
    """Whatever their order, how often they come, and how they are split."""
    whole, *others = made
    expected = csv_of(whole)
    assert [csv_of(one) for one in (*others, split(whole))] == [expected] * 3


def test_a_state_file_makes_the_bytes_of_its_pages(month: Path, tmp_path: Path) -> None:
    """Of however many workers it is, and whatever was in memory."""
    expected = export("csv", month)
    for number, options in enumerate(((), ("--workers", "2"), ("--memory", "250kB"))):
        state = tmp_path / f"{number}.db"
        assert replay(month, *options, state=state).report is not None
        assert export("csv", state) == expected


@FEW
@given(chains(), st.sampled_from(DAYS))
def test_records_of_days_are_those_of_all_that_start_in_them(
    made: Chains, days: tuple[int, int]
) -> None:
    """What windows of before say again counts once, as where all days are wanted."""
    first, end = map(iso, days)
    with pages_of(made) as pages:
        state = pages.with_name("state.db")
        assert replay(pages, state=state).report is not None
        found = export("csv", state, "--since", first[:10], "--until", first[:10])
        whole = records_in(export("csv", state))
    assert records_in(found) == [one for one in whole if first <= one.place[1] < end]


def test_a_wider_window_of_before_counts_once(tmp_path: Path) -> None:
    """Of two days said together and the second alone, the second day has just its own figures."""
    both = bucket(used(10, project_id="p"), end_time=FIRST + 2 * DAY)
    pages = put_all(
        tmp_path, {"usage_completions.json": page(both, bucket(used(4, project_id="p"), day=1))}
    )
    rows = rows_in(export("csv", pages, "--since", "2024-11-02"))
    assert [row["input_tokens"] for row in rows] == ["4"]
    assert [row["input_tokens"] for row in rows_in(export("csv", pages))] == ["6", "4"]


def row_of(tmp_path: Path, *rows: object) -> dict[str, str]:
    """Export a page of completions; return its only record."""
    pages = put_all(tmp_path, {"usage_completions.json": page(bucket(*rows))})
    (row,) = rows_in(export("csv", pages))
    return row


def test_names_of_columns_are_nobody_elses(tmp_path: Path) -> None:
    """Unknown fields that are called as columns are do not touch these."""
    strange = {"endpoint": "x", "sources": "y", "window_start": 5, "exact_text": True, "cost_x": 7}
    row = row_of(tmp_path, used(1, **strange, provider="z"))
    assert json.loads(row["other_dimensions"]) == {
        "endpoint": "x",
        "exact_text": True,
        "provider": "z",
        "sources": "y",
    }
    assert json.loads(row["other_counters"]) == {"cost_x": 7, "window_start": 5}
    assert (row["endpoint"], row["provider"]) == ("usage/completions", "openai")


def test_what_another_endpoint_has_stands_in_its_column(tmp_path: Path) -> None:
    """Where it is of the column's kind; otherwise it is named among the others."""
    row = row_of(tmp_path, used(1, size="1024x1024", line_item=True, images=3, characters=0.5))
    assert (row["size"], row["line_item"], row["images"], row["characters"]) == (
        "1024x1024",
        "",
        "3",
        "",
    )
    assert json.loads(row["other_dimensions"]) == {"line_item": True}
    assert row["other_counters"] == '{"characters":0.5}'


def test_a_batch_that_is_no_flag_is_kept(tmp_path: Path) -> None:
    """The column has true and false alone, and what else it is called stands beside it."""
    row = row_of(tmp_path, used(1, batch="nightly", region="eu"))
    assert row["batch"] == ""
    assert json.loads(row["other_dimensions"]) == {"batch": "nightly", "region": "eu"}


def test_numbers_are_of_any_size(tmp_path: Path) -> None:
    """Counts beyond 2⁶³, which residuals may have, and money to its last digit, are exact."""
    most, tiny = 2**63 - 1, "0.0001234567890123456789012345678901234567"
    rows = [used(most, model=name, cost=tiny) for name in "ab"]
    whole = bucket(*rows, end_time=FIRST + 2 * DAY)
    other = page(bucket(used(1, project_id="p"), used(1, project_id="q")))
    pages = put_all(
        tmp_path, {"usage_completions.json": page(whole), "usage_completions_b.json": other}
    )
    report = replay(pages).report
    assert report is not None
    found = export("csv", pages)
    assert records_in(found) == records_of(report)
    assert any(int(row["input_tokens"]) > most for row in rows_in(found))
    assert {row["cost"] for row in rows_in(found)} >= {"0.0002469135780246913578024691357802469134"}


def test_texts_have_no_control_characters(tmp_path: Path) -> None:
    """What differs stays different, and so it is for names of projects and of fields."""
    evil = "a\x1b[2J\u202eb\x00"
    pages = put_all(
        tmp_path,
        {
            "usage_completions.json": page(
                bucket(used(1, project_id="p", model=evil, **{"re\u202egion": evil}))
            ),
            "projects_list.json": listed(
                {"object": "organization.project", "id": "p", "name": evil}
            ),
        },
    )
    found = export("csv", pages)
    assert not {"\x1b", "\u202e", "\x00"} & set(found)
    (row,) = rows_in(found)
    assert row["model"].startswith("a\\x1b[2J\\u202eb\\x00 (sha256:")
    assert row["project_name"] == row["model"]
    assert json.loads(row["other_dimensions"]) == {"re\u202egion": evil}


def test_projects_are_chosen_by_id_or_name() -> None:
    """A project is meant by what it is called, too, and null by what figures call it."""
    by_id = export("csv", FIXTURES, "--project", "proj_alpha")
    assert export("csv", FIXTURES, "--project", "Alpha") == by_id
    assert {row["project_name"] for row in rows_in(by_id)} == {"Alpha"}
    nobody = rows_in(export("csv", FIXTURES, "--project", "unspecified"))
    assert {row["project_id"] for row in nobody} == {""}
    every = rows_in(export("csv", FIXTURES))
    assert len(nobody) == sum(not row["project_id"] for row in every)


def test_endpoints_are_chosen() -> None:
    """Named endpoints alone are written, in the order of all."""
    found = rows_in(export("csv", FIXTURES, "--endpoint", "images,costs"))
    every = rows_in(export("csv", FIXTURES))
    assert found == [row for row in every if row["endpoint"] in {"costs", "usage/images"}]


def test_the_readme_has_every_column() -> None:
    """Its table has the columns in order, each with its type and what it holds."""
    section = README.partition("\n## Files for others\n")[2].partition("\n## ")[0]
    table = section.partition("| column | type |")[2].partition("\n\n")[0]
    assert table.splitlines()[2:] == [
        f"| `{one.name}` | {TYPES[one.kind]} | {one.explanation} |" for one in COLUMNS
    ]
    assert all(f"\n| {name} |" in section for name in TYPES.values())


def test_columns_have_names_of_their_own() -> None:
    """No two columns are called alike, and each is explained."""
    names = [one.name for one in COLUMNS]
    assert len(set(names)) == len(names)
    assert all(one.explanation for one in COLUMNS)
