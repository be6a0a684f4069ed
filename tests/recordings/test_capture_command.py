"""``usage-stream capture``: fixtures into a capture and back, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sinks.directory import atomic_directory
from stream.sources.discovery import FixtureName, parse_name
from tests.support.envelopes import SUFFIXES, envelope, line, put_capture
from tests.support.pages import Content, Json, bucket, listed, page, put, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import replay, run
from tests.support.strategies import Chains, chains, read, write_chains

ONE = "usage_completions_fixture.json"
TWO = "usage_completions_fixture_page2.json"
MORE = page(bucket(used(1)), cursor="c2")
END = page(bucket(used(2), day=1))
each_kind = pytest.mark.parametrize("suffix", SUFFIXES, ids=["plain", "gzip", "zstd"])


def done(*arguments: object) -> Json:
    """Run the command; it must succeed, and say what it wrote."""
    code, output, errors = run(["capture", *map(str, arguments)])
    assert (code, errors) == (0, "")
    found: Json = json.loads(output)
    return found


def refused(code: int, *arguments: object) -> str:
    """Run the command; it must end with the code and one line, which is returned."""
    found, output, errors = run(["capture", *map(str, arguments)])
    assert (found, output) == (code, "")
    assert errors.count("\n") == 1
    return errors


def usage_error(*arguments: object) -> str:
    """Run the command in a way that it is not meant for."""
    code, output, errors = run(["capture", *map(str, arguments)])
    assert (code, output) == (2, "")
    return errors


def unpacked(path: Path) -> bytes:
    """Expand a capture, by the libraries' own readers."""
    stored = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(stored)
    return zstandard.decompress(stored) if path.suffix == ".zst" else stored


def pages_in(directory: Path) -> dict[FixtureName | None, Any]:
    """Read every page of a directory, by what its name says."""
    return {
        parse_name(path.name): read(path.read_bytes())
        for path in directory.iterdir()
        if parse_name(path.name)
    }


def nothing_but(directory: Path, *names: str) -> None:
    """See that only these stand in a directory: nothing half-written, nothing hidden."""
    assert sorted(path.name for path in directory.iterdir()) == sorted(names)


def lines_of(path: Path) -> list[Json]:
    """Read the envelopes of a capture."""
    return [json.loads(one) for one in unpacked(path).splitlines()]


@each_kind
def test_there_and_back_is_the_same(suffix: str, tmp_path: Path) -> None:
    """The recorded fixtures come back with the same names, values and expectations."""
    capture, back = tmp_path / f"all.ndjson{suffix}", tmp_path / "back"
    said = done(FIXTURES, capture)
    assert said == {"out": str(capture), "chains": 19, "pages": 30, "expectations": True}
    assert done(capture, back) == {**said, "out": str(back)}
    assert pages_in(back) == pages_in(FIXTURES)
    expected = (FIXTURES / "expectations.json").read_bytes()
    assert (tmp_path / "all.expectations.json").read_bytes() == expected
    assert (back / "expectations.json").read_bytes() == expected
    nothing_but(tmp_path, f"all.ndjson{suffix}", "all.expectations.json", "back")


def test_what_came_back_has_its_checksums(tmp_path: Path) -> None:
    """CHECKSUMS.sha256 lists every other file, as sha256sum does."""
    done(FIXTURES, tmp_path / "all.ndjson")
    done(tmp_path / "all.ndjson", tmp_path / "back")
    files = sorted(path for path in (tmp_path / "back").iterdir() if path.suffix == ".json")
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    assert (tmp_path / "back" / "CHECKSUMS.sha256").read_text("utf-8") == "".join(sums)


def test_the_figures_are_the_same(tmp_path: Path) -> None:
    """A replay of what came back has the figures of the fixtures, and what is expected holds."""
    done(FIXTURES, tmp_path / "all.ndjson.zst")
    done(tmp_path / "all.ndjson.zst", tmp_path / "back")
    before, after = replay(FIXTURES).report, replay(tmp_path / "back").report
    assert before is not None
    assert after is not None
    for section in ("usageSummary", "dedupedUsage", "reconciliation"):
        assert before.get(section) == after.get(section)


@settings(max_examples=30)  # each writes dozens of files
@given(chains(), st.sampled_from(SUFFIXES))
def test_any_fixtures_survive(made: Chains, suffix: str) -> None:
    """Whatever pages a directory has, there and back they have the same names and values."""
    with TemporaryDirectory() as scratch:
        source, capture, back = (Path(scratch) / name for name in ("in", "c.ndjson", "back"))
        source.mkdir()
        write_chains(source, made)
        capture = capture.with_name(f"c.ndjson{suffix}")
        done(source, capture)
        done(capture, back)
        assert pages_in(back) == pages_in(source)
        again = capture.with_name(f"again.ndjson{suffix}")
        done(back, again)
        assert again.read_bytes() == capture.read_bytes()


def test_the_same_fixtures_make_the_same_bytes(tmp_path: Path) -> None:
    """Nothing of the machine or the hour stands in a capture."""
    for suffix in SUFFIXES:
        done(FIXTURES, tmp_path / f"one.ndjson{suffix}")
        done(FIXTURES, tmp_path / f"two.ndjson{suffix}")
        one, two = (tmp_path / f"{name}.ndjson{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    """A page that stood on many lines has every number and text as it was written."""
    text = '{\n "object": "page", "data": [ {"n": 0.1000000000000000000000001, "e": 1E5,\r\n'
    text += ' "big": ' + "9" * 60 + ', "t": "a\\u002d \\n  b ä" } ],\n "has_more": false }\n'
    put_all(tmp_path / "in", {"projects.json": text.replace('"n"', '"id": "p", "n"')})
    done(tmp_path / "in", tmp_path / "c.ndjson")
    (written,) = unpacked(tmp_path / "c.ndjson").splitlines()
    values = b'"n":0.1000000000000000000000001,"e":1E5,"big":' + b"9" * 60
    assert values + b',"t":"a\\u002d \\n  b \xc3\xa4"' in written


def test_lines_stand_in_the_order_of_chains_and_pages(tmp_path: Path) -> None:
    """Each page's envelope has its endpoint and label; page 10 follows page 9."""
    files: dict[str, Content] = {
        f"usage_images_fixture_eu_page{number}.json": page(cursor=f"c{number}")
        for number in range(1, 12)
    }
    put_all(tmp_path / "in", {**files, ONE: END, "projects.json": listed({"id": "p"})})
    done(tmp_path / "in", tmp_path / "c.ndjson")
    found = lines_of(tmp_path / "c.ndjson")
    keys = [(one["endpoint"], one["label"]) for one in found]
    assert keys == [
        ("projects", "primary"),
        ("usage/completions", "primary"),
        *[("usage/images", "eu")] * 11,
    ]
    assert [one["page"]["next_page"] for one in found[2:]] == [f"c{n}" for n in range(1, 12)]
    assert {(one["observed_at"], one["request"]) for one in found} == {(None, None)}


def test_the_time_of_the_walk_can_be_given(tmp_path: Path) -> None:
    """``--observed-at`` stands on every line, in UTC."""
    put_all(tmp_path / "in", {ONE: MORE, TWO: END})
    done(tmp_path / "in", tmp_path / "c.ndjson", "--observed-at", "2026-01-02T04:04:05.5+01:00")
    times = [one["observed_at"] for one in lines_of(tmp_path / "c.ndjson")]
    assert times == ["2026-01-02T03:04:05.500000Z"] * 2


@pytest.mark.parametrize("moment", ["now", "2026-01-02", "-1"])
def test_what_is_no_time_is_a_usage_error(moment: str, tmp_path: Path) -> None:
    """A time without a zone would mean another moment elsewhere."""
    assert "RFC 3339" in usage_error(FIXTURES, tmp_path / "c.ndjson", f"--observed-at={moment}")
    nothing_but(tmp_path)


BAD_FILES: dict[str, tuple[dict[str, Content], str]] = {
    "broken page": ({ONE: MORE, TWO: "{"}, TWO),
    "empty page": ({ONE: ""}, ONE),
    "error body": ({ONE: {"error": {"message": "no"}}}, ONE),
    "page after the end": ({ONE: END, TWO: END}, TWO),
    "page missing": ({ONE: MORE, TWO.replace("2", "3"): END}, "no page 2"),
    "two files for a page": ({ONE: END, "usage_completions.json": END}, "usage_completions.json"),
    "capture among them": ({ONE: END, "more.ndjson.gz": b""}, "more.ndjson.gz"),
    "link for expectations": (
        {ONE: END, "expectations.json": lambda path: path.symlink_to(ONE)},
        "expectations.json",
    ),
    "nothing": ({}, "no fixtures"),
}


@pytest.mark.parametrize(("files", "named"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_fixtures_are_65(files: dict[str, Content], named: str, tmp_path: Path) -> None:
    """A file that is no page, or no page of its chain, is named; what stood at OUT still does."""
    put_all(tmp_path / "in", files)
    put(tmp_path, "c.ndjson", "before")
    assert named in refused(65, tmp_path / "in", tmp_path / "c.ndjson")
    assert (tmp_path / "c.ndjson").read_text("utf-8") == "before"
    nothing_but(tmp_path, "in", "c.ndjson")


def test_a_file_that_is_too_large_is_65(tmp_path: Path) -> None:
    """``--max-page-bytes`` bounds a file, and a line of a capture."""
    put_all(tmp_path / "in", {ONE: END})
    out = tmp_path / "c.ndjson"
    assert ONE in refused(65, tmp_path / "in", out, "--max-page-bytes", 99)
    done(tmp_path / "in", out)
    assert "line 1" in refused(65, out, tmp_path / "back", "--max-page-bytes", 99)


def test_other_files_are_left_out_with_a_warning(tmp_path: Path) -> None:
    """A file with no fixture's name is named on stderr, and the rest is written."""
    put_all(tmp_path / "in", {ONE: END, "notes.txt": "x", "README.md": "x"})
    code, _, errors = run(["capture", str(tmp_path / "in"), str(tmp_path / "c.ndjson")])
    assert (code, errors.count("\n")) == (0, 1)
    assert "notes.txt" in errors
    assert len(lines_of(tmp_path / "c.ndjson")) == 1


def test_expectations_of_before_do_not_pass_for_those_of_now(tmp_path: Path) -> None:
    """Where others stand beside OUT, and the fixtures have none, nothing is written."""
    put_all(tmp_path / "in", {ONE: END})
    put(tmp_path, "c.expectations.json", "{}")
    assert "c.expectations.json" in refused(69, tmp_path / "in", tmp_path / "c.ndjson")
    nothing_but(tmp_path, "in", "c.expectations.json")


EARLY, LATE = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"
REFUSED: dict[str, tuple[list[bytes], str]] = {
    "two walks": ([line(END), line(END)], "line 2"),
    "two walks by their cursors": (
        [line(MORE, request={}), line(END, request={"page": "c9"})],
        "$.request.page",
    ),
    "a cursor twice": ([line(MORE), line(MORE)], "$.next_page"),
    "two times": (
        [line(MORE, observed_at=EARLY), line(END, observed_at=LATE)],
        "$.observed_at",
    ),
    "two times of labels": (
        [line(END, observed_at=EARLY), line(END, label="eu", observed_at=LATE)],
        "$.observed_at",
    ),
    "a time and none": ([line(MORE), line(END, observed_at=EARLY)], "$.observed_at"),
    "two views": (
        [line(MORE, request={"group_by": "model"}), line(END, request={"page": "c2"})],
        "$.request",
    ),
    "two views of labels": (
        [line(END, request={}), line(END, label="eu", request={"models": "m"})],
        "$.request",
    ),
    "a view and none": ([line(MORE, request={}), line(END)], "$.request"),
    "a label with a slash": ([line(END, label="a/b")], "$.label"),
    "a label that is a page": ([line(END, label="page2")], "$.label"),
    "a label that is no name's part": ([line(END, label="_x")], "$.label"),
    "a label of two lines": ([line(END, label="a\nb")], "$.label"),
    "a label that is too long": ([line(END, label="ä" * 200)], "$.label"),
    "no page": ([line(END), b"{}"], "line 2"),
    "a page that is none": ([line({"error": "no"})], "line 1"),
    "no envelope": ([b"", b"[]"], "line 2"),
    "no line": ([b"", b" "], "no pages"),
}


@pytest.mark.parametrize(("lines", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_what_fixtures_cannot_hold_is_65(lines: list[bytes], named: str, tmp_path: Path) -> None:
    """Walks, times, views and labels that fixtures cannot tell apart are refused, in one line."""
    capture = put_capture(tmp_path / "c.ndjson.gz", lines)
    message = refused(65, capture, tmp_path / "back")
    assert "c.ndjson.gz" in message
    assert named in message
    nothing_but(tmp_path, "c.ndjson.gz")


def test_a_capture_that_is_cut_short_is_65(tmp_path: Path) -> None:
    """A file that ends too early leaves nothing behind."""
    capture = put_capture(tmp_path / "c.ndjson.zst", [line(MORE), line(END)])
    capture.write_bytes(capture.read_bytes()[:-1])
    assert "broken zstd" in refused(65, capture, tmp_path / "back")
    nothing_but(tmp_path, "c.ndjson.zst")


def test_a_capture_that_is_a_link_is_65(tmp_path: Path) -> None:
    """What is read is a regular file."""
    (tmp_path / "c.ndjson").symlink_to(put_capture(tmp_path / "d.ndjson", [line(END)]))
    assert "c.ndjson" in refused(65, tmp_path / "c.ndjson", tmp_path / "back")


def test_chains_of_one_walk_each_may_be_mixed(tmp_path: Path) -> None:
    """Interleaved chains, and endpoints that were asked at other times, become fixtures."""
    first = {"request": {"group_by": ["model"], "limit": 7}, "observed_at": EARLY}
    second = {**first, "request": {"group_by": ["model"], "limit": 7, "page": "c2"}}
    lines = [
        line(MORE, **first),
        line(MORE, **first, label="eu"),
        line(listed({"id": "p"}), endpoint="projects"),
        line(page(), endpoint="costs", observed_at=LATE),
        line(END, **second, label="eu"),
        line(END, **second),
    ]
    said = done(put_capture(tmp_path / "c.ndjson", lines), tmp_path / "a" / "back")
    assert (said["chains"], said["pages"], said["expectations"]) == (4, 6, False)
    nothing_but(
        tmp_path / "a" / "back",
        *(ONE, TWO, "usage_completions_fixture_eu.json", "usage_completions_fixture_eu_page2.json"),
        *("projects_list_fixture.json", "costs_fixture.json", "CHECKSUMS.sha256", "request.json"),
    )


def test_more_than_a_batch_comes_through(tmp_path: Path) -> None:
    """Pages that are written in several batches are all there."""
    files: dict[str, Content] = {
        f"usage_completions_fixture_page{number}.json": page(
            bucket(used(number, note="x" * 700_000)), cursor=f"c{number}"
        )
        for number in range(1, 5)
    }
    put_all(tmp_path / "in", files)
    done(tmp_path / "in", tmp_path / "c.ndjson.zst")
    assert done(tmp_path / "c.ndjson.zst", tmp_path / "back")["pages"] == 4
    assert pages_in(tmp_path / "back") == pages_in(tmp_path / "in")


def test_a_chain_without_its_end_is_kept_as_it_is(tmp_path: Path) -> None:
    """A walk that was not finished becomes fixtures that are not, and back."""
    done(put_capture(tmp_path / "c.ndjson", [line(MORE)]), tmp_path / "back")
    done(tmp_path / "back", tmp_path / "d.ndjson")
    assert lines_of(tmp_path / "d.ndjson") == [envelope(MORE)]


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    """OUT may be there when nothing is in it, also behind a link."""
    capture = put_capture(tmp_path / "c.ndjson", [line(END)])
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    done(capture, tmp_path / "link")
    nothing_but(tmp_path / "there", ONE, "CHECKSUMS.sha256")
    assert (tmp_path / "link").is_symlink()


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    """What is written is readable by nobody else."""
    capture, back = tmp_path / "c.ndjson", tmp_path / "back"
    done(FIXTURES, capture)
    done(capture, back)
    for path in (capture, tmp_path / "c.expectations.json", back, *back.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", ["file", "full directory", "loop"])
def test_nothing_is_overwritten_by_fixtures(kind: str, tmp_path: Path) -> None:
    """Where something stands at OUT, it stays, and the exit code is 69."""
    capture, out = put_capture(tmp_path / "c.ndjson", [line(END)]), tmp_path / "out"
    if kind == "file":
        put(tmp_path, "out", "before")
    elif kind == "loop":
        out.symlink_to("out")
    else:
        shutil.copytree(FIXTURES, out)
    assert "out" in refused(69, capture, out)
    nothing_but(tmp_path, "c.ndjson", "out")


async def test_a_directory_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """Interrupted before its last step, a directory is not there, and neither are its files."""
    with anyio.CancelScope() as scope:
        async with atomic_directory(tmp_path / "out") as drawer:
            await drawer.put(ONE, b"{}")
            scope.cancel()
    assert scope.cancelled_caught
    nothing_but(tmp_path)


def test_what_is_not_there_is_69(tmp_path: Path) -> None:
    """A directory or a capture that cannot be read is named."""
    assert "gone" in refused(69, tmp_path / "gone", tmp_path / "c.ndjson")
    assert "gone" in refused(69, tmp_path / "gone.ndjson", tmp_path / "back")
    nothing_but(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("in", "out"),
        ("c.ndjson", "d.ndjson.gz"),
        ("in", "in/c.ndjson"),
        ("c.ndjson", "out", "--observed-at", EARLY),
    ],
)
def test_one_side_is_a_directory_and_the_other_a_capture(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else is a usage error, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    put_all(tmp_path / "in", {ONE: END})
    put_capture(tmp_path / "c.ndjson", [line(END)])
    assert "Error" in usage_error(*arguments)
    nothing_but(tmp_path, "in", "c.ndjson")
    nothing_but(tmp_path / "in", ONE)


def test_secrets_in_a_request_do_not_reach_the_fixtures(tmp_path: Path) -> None:
    """Of an envelope, nothing but the page is written, and a label's secret as its digest."""
    key = "sk-proj-Abcdefgh0123456789"
    made = line(END, request={"api_key_ids": [key], "authorization": key}, label=key)
    done(put_capture(tmp_path / "c.ndjson", [made]), tmp_path / "back")
    for path in (tmp_path / "back").iterdir():
        assert key not in path.name
        assert key.encode() not in path.read_bytes()
