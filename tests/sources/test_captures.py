"""Capture files: lines in batches, whatever packs them, and what is wrong with a file."""

from __future__ import annotations

import gzip
import os
import random
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128

from stream.records.errors import BadInput, Unavailable
from stream.sources.captures import expectations_beside, is_capture, stem_of
from stream.sources.lines import CaptureReader, Line
from stream.sources.regular_files import signature_of
from tests.support.envelopes import PACKED, SUFFIXES, zstd

LONGEST = 1_000
MIB = 1 << 20
each_kind = pytest.mark.parametrize("suffix", SUFFIXES, ids=["plain", "gzip", "zstd"])
packed_kinds = pytest.mark.parametrize("suffix", SUFFIXES[1:], ids=["gzip", "zstd"])


def digest_of(path: Path) -> bytes:
    """Return a file's digest, without holding the file."""
    seen = xxh3_128()
    with path.open("rb") as file:
        while some := file.read(MIB):
            seen.update(some)
    return seen.digest()


def lines_in(
    path: Path, hint: int = 1, *, longest: int = LONGEST, after: Line | None = None
) -> list[Line]:
    """Read a capture to its end, or what follows a line of it."""
    offset, number = (after.end, after.number) if after else (0, 0)
    found = []
    with CaptureReader(path, longest, offset=offset, line=number) as reader:
        while batch := reader.read_lines(hint):
            found += batch
        assert reader.read_lines(hint) == []
        assert reader.digest == digest_of(path)
        assert reader.bytes_read == reader.size == path.stat().st_size
    return found


def put(directory: Path, suffix: str, stored: bytes) -> Path:
    """Write a capture's bytes as they are to be stored."""
    path = directory / f"capture.ndjson{suffix}"
    path.write_bytes(stored)
    return path


def expected(content: bytes) -> list[tuple[int, int, bytes, bool]]:
    """Split content into lines, by the standard library alone."""
    found, end = [], 0
    for number, one in enumerate(content.splitlines(keepends=True), 1):
        end += len(one)
        if one.strip():
            found.append((number, end, one.rstrip(b"\n"), one.endswith(b"\n")))
    return found


def plainly(lines: list[Line]) -> list[tuple[int, int, bytes, bool]]:
    """Strip lines that have no error of their type."""
    assert [line.error for line in lines if line.error] == []
    return [(line.number, line.end, line.content, line.complete) for line in lines]


def error_at_end(lines: list[Line], reason: str) -> str:
    """Return the message of the one error, which ends the file."""
    *before, last = lines
    assert [line.error for line in before if line.error] == []
    assert last.error is not None
    assert (last.error.reason, last.content, last.complete) == (reason, b"", False)
    return last.error.message


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.ndjson", "a"),
        ("a.b.ndjson.gz", "a.b"),
        ("a.ndjson.zst", "a"),
        ("é ü.ndjson", "é ü"),
        ("a.ndjson.1", "a"),
        ("a.ndjson.12.gz", "a"),
        ("a.ndjson-20261128", "a"),
        ("a.ndjson-20261128-1790000000.gz", "a"),
    ],
)
def test_a_capture_is_known_by_its_name(name: str, stem: str) -> None:
    """The stem of a name is what stands before the suffixes, and names the expectations."""
    assert is_capture(name)
    assert stem_of(name) == stem
    assert expectations_beside(Path("in") / name) == Path("in") / f"{stem}.expectations.json"


@pytest.mark.parametrize(
    "name",
    [
        *(".ndjson", "a.json", "a.ndjson.bz2", "a.NDJSON", "a.ndjson.zst.tmp", "ndjson", ""),
        *("a.ndjson.old", "a.ndjson.1.tmp", "a.ndjson-1", "a.ndjson."),
    ],
)
def test_other_names_are_no_captures(name: str) -> None:
    """Nothing else is a capture."""
    assert not is_capture(name)


contents = st.lists(
    st.sampled_from([b"\n", b"{}", b"  ", b"x" * 40, b"\xc3\xa4", b"y" * 999]), max_size=12
).map(b"".join)


@given(contents, st.sampled_from(SUFFIXES), st.integers(1, 3_000))
def test_lines_are_those_of_the_file(content: bytes, suffix: str, hint: int) -> None:
    """However few bytes are asked for at once, the lines, numbers and offsets are the same."""
    content = content.replace(b"y" * 999 + b"y", b"y\n")
    with TemporaryDirectory() as scratch:
        path = put(Path(scratch), suffix, PACKED[suffix](content))
        assert plainly(lines_in(path, hint, longest=20_000)) == expected(content)


@given(contents, st.sampled_from(SUFFIXES))
def test_reading_goes_on_after_any_line(content: bytes, suffix: str) -> None:
    """From each line's end and number, the rest is what it was before, digest and all."""
    with TemporaryDirectory() as scratch:
        path = put(Path(scratch), suffix, PACKED[suffix](content))
        whole = lines_in(path, longest=20_000)
        for index, one in enumerate(whole):
            assert lines_in(path, longest=20_000, after=one) == whole[index + 1 :]


@given(contents, st.sampled_from(SUFFIXES[1:]), st.lists(st.integers(0, 300), max_size=4))
def test_members_and_frames_are_read_on(content: bytes, suffix: str, cuts: list[int]) -> None:
    """Files that were joined, or appended to, are one file, wherever a line was cut."""
    edges = [0, *sorted(cuts), len(content)]
    pieces = [content[start:end] for start, end in pairwise(edges)]
    with TemporaryDirectory() as scratch:
        path = put(Path(scratch), suffix, b"".join(map(PACKED[suffix], pieces)))
        assert plainly(lines_in(path, longest=20_000)) == expected(content)


@each_kind
def test_a_batch_has_about_what_was_asked_for(suffix: str, tmp_path: Path) -> None:
    """Lines are given out until they come to the bytes that were asked for."""
    path = put(tmp_path, suffix, PACKED[suffix](b"123456789\n" * 100))
    with CaptureReader(path, LONGEST) as reader:
        assert [len(reader.read_lines(size)) for size in (1, 10, 11, 50, 5_000, 1)] == [
            *(1, 1, 2, 5, 91, 0)
        ]


@each_kind
def test_what_editors_leave_is_no_content(suffix: str, tmp_path: Path) -> None:
    """Marks before a line, carriage returns and blank lines are passed over, and still counted."""
    content = b"\xef\xbb\xbf{}\r\n\r\n \t\n[]\r\n\xef\xbb\xbf1"
    lines = lines_in(put(tmp_path, suffix, PACKED[suffix](content)))
    assert plainly(lines) == [*((1, 7, b"{}", True), (4, 16, b"[]", True), (5, 20, b"1", False))]


@each_kind
def test_a_line_that_is_too_long_is_named_and_passed_over(suffix: str, tmp_path: Path) -> None:
    """Its number and its end are known, and the lines behind it are read."""
    content = b"{}\n" + b"x" * 1_000 + b"\n" + b"x" * 1_001 + b"\n[]\n" + b"z" * 5_000
    lines = lines_in(put(tmp_path, suffix, PACKED[suffix](content)))
    assert [(one.number, one.end, len(one.content), one.complete) for one in lines] == [
        *((1, 3, 2, True), (2, 1_004, 1_000, True), (3, 2_006, 0, True)),
        *((4, 2_009, 2, True), (5, 7_009, 0, False)),
    ]
    errors = [one.error for one in lines if one.error]
    assert [error.reason for error in errors] == ["size", "size"]
    assert "1001" in errors[0].message
    assert str(LONGEST) in errors[0].message


@each_kind
def test_a_line_that_is_too_long_is_not_held(suffix: str, tmp_path: Path) -> None:
    """Memory follows the bound, and not what a line would need."""
    source = random.Random(7)
    content = b"".join(source.randbytes(2_048).hex().encode() + b"x" * MIB for _ in range(32))
    path = put(tmp_path, suffix, PACKED[suffix](content + b"\n{}\n"))
    del content
    tracemalloc.start()
    try:
        lines = lines_in(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [one.content for one in lines] == [b"", b"{}"]
    assert peak < 12 * MIB


def test_a_bomb_is_not_read_on(tmp_path: Path) -> None:
    """What expands without measure ends, with what was found; the lines before it are there."""
    packer = zstandard.ZstdCompressor().compressobj()
    bomb = b"".join([packer.compress(bytes(4 * MIB)) for _ in range(64)]) + packer.flush()
    lines = lines_in(put(tmp_path, ".zst", zstd(b"{}\n") + bomb), longest=256 * MIB)
    assert str(64 * MIB) in error_at_end(lines, "expansion")
    assert [one.content for one in lines] == [b"{}", b""]


@packed_kinds
def test_what_packs_well_is_no_bomb(suffix: str, tmp_path: Path) -> None:
    """Tens of MiB may be packed a thousandfold: many alike lines are."""
    content = (b" " * 999 + b"\n") * 20_000 + b"{}\n"
    path = put(tmp_path, suffix, PACKED[suffix](content))
    assert len(path.read_bytes()) < len(content) / 400
    assert plainly(lines_in(path, MIB)) == [(20_001, len(content), b"{}", True)]


def random_lines() -> bytes:
    """Make some lines that pack badly."""
    source = random.Random(4)
    return b"".join(source.randbytes(20).hex().encode() + b"\n" for _ in range(12))


@packed_kinds
def test_a_file_that_is_cut_short_is_broken(suffix: str, tmp_path: Path) -> None:
    """Wherever it ends too early, the whole lines before are given out, and then an error."""
    content = random_lines()
    stored = PACKED[suffix](content)
    for length in range(len(stored)):
        lines = lines_in(put(tmp_path, suffix, stored[:length]))
        assert "broken" in error_at_end(lines, "capture")
        assert plainly(lines[:-1]) == expected(content)[: len(lines) - 1]


@packed_kinds
def test_a_file_with_a_wrong_byte_is_broken(suffix: str, tmp_path: Path) -> None:
    """Wherever a byte was changed, the file ends with an error, or its lines are the same."""
    content = random_lines()
    stored = PACKED[suffix](content)
    for place in range(len(stored)):
        wrong = stored[:place] + bytes([stored[place] ^ 0x55]) + stored[place + 1 :]
        lines = lines_in(put(tmp_path, suffix, wrong))
        if not (lines and lines[-1].error):
            assert plainly(lines) == expected(content)


@packed_kinds
def test_what_follows_the_packed_bytes_is_broken(suffix: str, tmp_path: Path) -> None:
    """Bytes that are no member and no frame are not passed over in silence."""
    path = put(tmp_path, suffix, PACKED[suffix](b"{}\n") + b"more")
    lines = lines_in(path)
    assert "broken" in error_at_end(lines, "capture")
    assert lines[0].content == b"{}"


@packed_kinds
def test_a_file_is_packed_whatever_it_is_called(suffix: str, tmp_path: Path) -> None:
    """A plain file under the name of a packed one is read, and the other way round."""
    assert [one.content for one in lines_in(put(tmp_path, suffix, b"{}\n"))] == [b"{}"]
    packed = put(tmp_path, "", PACKED[suffix](b"{}\n"))
    assert [one.content for one in lines_in(packed)] == [b"{}"]
    assert "broken" in error_at_end(lines_in(put(tmp_path, suffix, b"no JSON\n")), "capture")


def test_zeros_behind_gzip_are_padding(tmp_path: Path) -> None:
    """Zeros are passed over behind a member, as gzip does, and members may follow them."""
    stored = gzip.compress(b"{}\n") + bytes(40_000) + gzip.compress(b"[]\n") + bytes(5)
    lines = lines_in(put(tmp_path, ".gz", stored))
    assert [one.content for one in lines] == [b"{}", b"[]"]


def test_frames_that_hold_no_content_are_passed_over(tmp_path: Path) -> None:
    """A skippable frame of zstd is no content, and no fault."""
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    lines = lines_in(put(tmp_path, ".zst", skipped + zstd(b"{}\n") + skipped + zstd(b"[]\n")))
    assert [one.content for one in lines] == [b"{}", b"[]"]


@pytest.mark.parametrize(("window", "sound"), [(27, True), (28, False)])
def test_a_window_of_128_mib_is_the_largest(window: int, *, sound: bool, tmp_path: Path) -> None:
    """A frame that wants more memory than that to be expanded is refused."""
    header = b"\x28\xb5\x2f\xfd\x00" + bytes([(window - 10) << 3])
    block = (1 | 3 << 3).to_bytes(3, "little") + b"{}\n"
    lines = lines_in(put(tmp_path, ".zst", header + block))
    assert (lines[-1].error is None) == sound


@each_kind
def test_a_file_that_has_shrunk_is_named(suffix: str, tmp_path: Path) -> None:
    """Where there is less than was read before, nothing is guessed."""
    path = put(tmp_path, suffix, PACKED[suffix](b"{}\n[]\n"))
    lines = lines_in(path, after=Line(9, 100))
    assert "100" in error_at_end(lines, "capture")


def test_a_plain_file_may_be_empty(tmp_path: Path) -> None:
    """A file without bytes has no lines."""
    assert lines_in(put(tmp_path, "", b"")) == []


def test_a_reader_knows_the_file_that_it_reads(tmp_path: Path) -> None:
    """Size and signature are those of the file that was opened."""
    path = put(tmp_path, "", b"{}\n")
    with CaptureReader(path, LONGEST) as reader:
        assert (reader.size, reader.signature) == (3, signature_of(path))
        assert (reader.bytes_read, reader.digest) == (0, b"")


ODD: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to(__file__),
    "FIFO": os.mkfifo,
    "directory": Path.mkdir,
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD.keys())
def test_only_regular_files_are_read(make: Callable[[Path], object], tmp_path: Path) -> None:
    """A link, a FIFO or a directory is bad input, and is not waited for."""
    path = tmp_path / "capture.ndjson"
    make(path)
    with pytest.raises(BadInput):
        CaptureReader(path, LONGEST)


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    """What is gone is unavailable, and named."""
    with pytest.raises(Unavailable, match=r"gone\.ndjson"):
        CaptureReader(tmp_path / "gone.ndjson", LONGEST)
