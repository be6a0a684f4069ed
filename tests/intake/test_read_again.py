"""Pages that are read in each run, as something in them was set aside: nothing has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.envelopes import line
from tests.support.pages import Content, bucket, page, put_all, used
from tests.support.running import replay
from tests.support.strategies import written


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("bad", ["a row", "a bucket", "the page behind it"])
def test_what_another_source_brought_has_not_fallen(
    bad: str, workers: int, tmp_path: Path, state: Path
) -> None:
    """A window that a fixture shares with a capture is as it was, and so are the report's bytes."""
    rows = [used(1, project_id="a"), *([used(-1)] if bad == "a row" else [])]
    more = [bucket(used(1), start_time="soon")] if bad == "a bucket" else []
    beside = line(page(bucket(used(2, project_id="b"))), endpoint="usage/embeddings")
    fixture = page(bucket(*rows), *more, cursor="c" if bad.startswith("the") else None)
    pages = put_all(
        tmp_path / "pages", {"usage_embeddings.json": fixture, "a.ndjson": beside + b"\n"}
    )
    if bad.startswith("the"):
        put_all(pages, {"usage_embeddings_page2.json": "{"})
    options = {"on_error": "dead-letter", "dead_letters": tmp_path / "dead", "workers": workers}
    alone = replay(pages, on_error="dead-letter", dead_letters=tmp_path / "dead")
    runs = [replay(pages, state=state, **options) for _ in range(3)]
    assert alone.code == 1
    assert {(run.code, run.raw) for run in runs} == {(1, alone.raw)}
    assert b"fell" not in alone.raw


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_says_the_same_in_other_bytes_has_not_fallen(
    workers: int, tmp_path: Path, state: Path
) -> None:
    """What is read again as its file was written again is compared with its own rows alone."""
    beside = line(page(bucket(used(2, project_id="b"))), endpoint="usage/embeddings")
    text = written(page(bucket(used(1, project_id="a"), used(-1))))
    files: dict[str, Content] = {"usage_embeddings.json": text, "a.ndjson": beside + b"\n"}
    pages = put_all(tmp_path / "pages", files)
    for blanks in range(3):
        put_all(pages, {"usage_embeddings.json": text + " " * blanks})
        run = replay(
            pages,
            state=state,
            on_error="dead-letter",
            dead_letters=tmp_path / "dead",
            workers=workers,
        )
        assert run.report is not None
        assert [one for one in run.report["relationshipIssues"] if "fell" in one] == []
        assert run.report["endpoints"]["usage/embeddings"]["metrics"]["input_tokens"] == 3
