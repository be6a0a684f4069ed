"""Generated sets: the same from the same seed, what was asked for, and right to the last digit."""

from __future__ import annotations

import gzip
import hashlib
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest
import zstandard

from stream.sources.frames import frames_of
from tests.support.generated import parsed, summary
from tests.support.running import replay, run

SMALL = ("--rows", "600", "--rows-per-bucket", "10", "--buckets-per-page", "4")
POLLED = ("--walks", "3", "--overlap", "0.5", "--revised", "0.5", "--late", "0.1")
ROUGH = (*POLLED, "--repeated", "0.3", "--out-of-order", "0.5")
SETS = {
    "plain": (),
    "polled": POLLED,
    "rough": ROUGH,
    "minutes": ("--width", "1m", *ROUGH),
    "days": ("--width", "1d", "--start", "2024-02-27T11:00:00Z", *ROUGH),
    "every endpoint": ("--endpoints", "all", "--rows", "2500", *ROUGH, "--rollups"),
    "rollups": ("--rows", "2000", "--rollups", *ROUGH),
}


def content(directory: Path) -> dict[str, bytes]:
    """Read every file of a directory."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.mark.parametrize("options", SETS.values(), ids=SETS.keys())
def test_a_generated_directory_is_clean(options: tuple[str, ...], tmp_path: Path) -> None:
    """Verify finds nothing wrong with generated fixtures, and a replay of them exits with 0."""
    summary(tmp_path / "out", *SMALL, *options)
    assert run(["verify", str(tmp_path / "out")])[::2] == (0, "")
    assert replay(tmp_path / "out", "--no-details").code == 0


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two runs with one seed differ in no byte of any file, and another seed in every page."""
    for name, seed in (("one", "7"), ("two", "7"), ("other", "8")):
        summary(tmp_path / name, *SMALL, *ROUGH, "--seed", seed)
    one, two, other = (content(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() >= {"usage_completions_fixture.json", "usage_completions_fixture_page2.json"}
    assert not set(one.values()) & set(other.values()) - {one["ENDPOINTS.md"]}


def test_the_bytes_are_the_same_everywhere(tmp_path: Path) -> None:
    """The bytes are those of a digest that was taken before, maybe on another machine."""
    out = tmp_path / "out.ndjson"
    summary(
        out,
        *SMALL,
        *ROUGH,
        "--endpoints",
        "images,costs",
        "--corrected",
        "0.1",
        "--rows",
        "2500",
    )
    both = out.read_bytes() + (tmp_path / "out.expectations.json").read_bytes()
    digest = hashlib.sha256(both).hexdigest()
    assert digest == "0bc4cb4c078b3aa212a87573b87768ae38be6d2e8d3ced783a20bdb6798dfae9"


def test_a_capture_is_the_same_however_it_is_packed(tmp_path: Path) -> None:
    """Packed, a capture holds the plain file's lines, and tells no time and no name."""
    for ending in ("ndjson", "ndjson.gz", "ndjson.zst"):
        summary(tmp_path / f"{ending}.{ending}", *SMALL, *ROUGH, "--rows", "8000")
    plain = (tmp_path / "ndjson.ndjson").read_bytes()
    packed = (tmp_path / "ndjson.gz.ndjson.gz").read_bytes()
    assert gzip.decompress(packed) == plain
    assert packed[3:10] == bytes([0, 0, 0, 0, 0, 4, 255])
    path = tmp_path / "ndjson.zst.ndjson.zst"
    with path.open("rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        assert reader.read() == plain
    ends = list(accumulate(frame.expanded_size for frame in frames_of(path) or ()))
    assert len(ends) > 1
    assert {plain[end - 1] for end in ends} == set(b"\n")
    assert len({text for name, text in content(tmp_path).items() if "expect" in name}) == 1


def test_costs_are_exact_decimals(tmp_path: Path) -> None:
    """Amounts have many digits, are numbers or texts, some of them credits; quantities may lack."""
    summary(tmp_path / "out", "--endpoints", "costs", "--rows", "4000", "--rows-per-bucket", "20")
    pages = [parsed(path.read_bytes()) for path in (tmp_path / "out").glob("costs*.json")]
    rows = [row for page in pages for bucket in page["data"] for row in bucket["results"]]
    values = [row["amount"]["value"] for row in rows]
    assert {type(value) for value in values} == {str, Decimal}
    assert any(str(value).startswith("-") for value in values)
    assert max(len(str(value).partition(".")[2]) for value in values) == 9
    assert {row["quantity"] is None for row in rows} == {True, False}
    assert run(["verify", str(tmp_path / "out")])[0] == 0


def test_rollups_are_absorbed_or_exceed(tmp_path: Path) -> None:
    """Most daily costs are absorbed by their details, some exceed them, and none is short."""
    summary(tmp_path / "out", *SETS["rollups"], "--rows", "4000")
    done = replay(tmp_path / "out", "--no-details")
    assert done.report is not None
    found = {name: len(rows) for name, rows in done.report["reconciliation"].items() if rows}
    assert found.keys() == {"absorbed", "excess"}
    assert found["absorbed"] > found["excess"]


def test_a_page_of_which_one_figure_is_changed_is_found(tmp_path: Path) -> None:
    """One figure that is not as it was drawn is named by chain, endpoint and key; exit code 1."""
    summary(tmp_path / "out", *SMALL)
    page = tmp_path / "out" / "usage_completions_fixture_page2.json"
    before, name, after = page.read_text("utf-8").partition('"input_text_tokens":')
    page.write_text(f"{before}{name}1{after}", "utf-8")
    (tmp_path / "out" / "CHECKSUMS.sha256").unlink()
    done = replay(tmp_path / "out")
    assert done.code == 1
    assert done.report is not None
    issues = done.report["relationshipIssues"]
    assert len(issues) == 3, issues
    assert all("input_text_tokens" in issue for issue in issues)


def test_a_record_that_is_lost_is_found(tmp_path: Path) -> None:
    """A row that is not there any more is missed in the count of records, and in its key."""
    summary(tmp_path / "out", "--rows", "3", "--rows-per-bucket", "3", "--seed", "3")
    page = tmp_path / "out" / "usage_completions_fixture.json"
    text = page.read_text("utf-8")
    start, end = text.index('{"object":"organization'), text.index(',{"object":"organization')
    page.write_text(text[:start] + text[end + 1 :], "utf-8")
    (tmp_path / "out" / "CHECKSUMS.sha256").unlink()
    done = replay(tmp_path / "out")
    assert done.report is not None
    issues = "\n".join(done.report["relationshipIssues"])
    assert "Expected 3 records of usage/completions, found 2." in issues
    assert "found none." in issues
