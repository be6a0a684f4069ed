"""Input that somebody made on purpose: it is refused or counted, and never a bug."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import anyio
import pytest

from stream.sources.watch import changes_in
from tests.support.bad_pages import ONE
from tests.support.pages import bucket, page, put_all, used
from tests.support.running import replay, run

HUGE = "9" * 5000


@pytest.mark.parametrize("value", ['"\\ud800"', '["\\udfff"]', "NaN", "[-Infinity]"])
def test_a_huge_number_opens_no_side_door(value: str, tmp_path: Path) -> None:
    """What is no JSON is refused, whatever else in the page makes another parser read it."""
    row = f'{{"input_tokens":1,"nested":[{HUGE}],"other":{value}}}'
    text = json.dumps(page(bucket("ROW"))).replace('"ROW"', row)
    replayed = replay(put_all(tmp_path, {ONE: text}))
    wanted = "$.data[0].results[0].other" if "ud" in value else "found broken JSON"
    assert (replayed.code, wanted in replayed.errors) == (65, True), replayed.errors


def test_an_unknown_name_overwrites_no_known_one(tmp_path: Path) -> None:
    """A name that is written as a known one is shown beside it."""
    rows = used(1, api_source="x", apiSource="y"), used(2, api_source="z", apiSource="y")
    replayed = replay(put_all(tmp_path, {ONE: page(bucket(*rows))}))
    assert replayed.report is not None
    found = [one["dimensions"] for one in replayed.report["dedupedUsage"]]
    assert found == [{"apiSource": one, "_apiSource": "y"} for one in ("x", "z")]


def test_an_output_may_have_any_name(tmp_path: Path) -> None:
    """A report whose name is no UTF-8 is written, and named as well as it can be."""
    pages = put_all(tmp_path / "pages", {ONE: page(bucket(used(1)))})
    report = os.fsdecode(os.fsencode(tmp_path) + b"/n\xe9.json")
    code, output, errors = run(["replay", str(pages), "--report", report])
    assert (code, errors) == (0, "")
    assert json.loads(output)["reportPath"].endswith("n\\xe9.json")


@pytest.mark.anyio
async def test_a_file_of_any_name_is_a_change(tmp_path: Path) -> None:
    """A file whose name is no UTF-8 lands in a watched directory, which is looked at again."""
    seen = 0
    with anyio.fail_after(20):
        async for _ in changes_in(tmp_path, 15, anyio.CancelScope()):
            seen += 1
            if seen == 2:
                break
            place = os.fsencode(tmp_path) + b"/r\xe9sum\xe9.txt"
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
    assert seen == 2


def test_many_empty_lines_are_passed_over(tmp_path: Path) -> None:
    """A capture that expands to line breaks is read at once, and its lines keep their numbers."""
    with gzip.open(tmp_path / "a.ndjson.gz", "wb") as file:
        file.write(b"\n" * (30 << 20) + b" \r\n" * 1000 + b"{\n")
    started = time.process_time()
    replayed = replay(tmp_path)
    assert time.process_time() - started < 5
    assert (replayed.code, f"line {(30 << 20) + 1001}" in replayed.errors) == (65, True)


@pytest.mark.parametrize("rows", [True, False], ids=["rows", "buckets"])
def test_a_page_of_empty_objects_is_refused(tmp_path: Path, *, rows: bool) -> None:
    """What would take more than forty times its size in memory is bad input."""
    objects = "{}," * 500_000 + "{}"
    text = json.dumps(page(bucket("X")) if rows else {**page(), "data": ["X"]})
    replayed = replay(put_all(tmp_path, {ONE: text.replace('"X"', objects)}))
    assert (replayed.code, "found objects of less than 18 bytes" in replayed.errors) == (65, True)
