"""The frames of a zstd file are listed by their heads, or the file is none to be cut."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stream.sources import frames
from stream.sources.frames import Frame, frames_of
from tests.support.envelopes import zstd

SKIPPED = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"12345"
CONTENT = b'{"a": 1}\n' * 50_000


def listed(content: bytes, name: str = "pages.ndjson.zst") -> list[Frame] | None:
    """List the frames of a file with that content."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, name)
        path.write_bytes(content)
        return frames_of(path)


def pack(content: bytes, **options: Any) -> bytes:
    """Pack into one frame, as the options say."""
    return zstandard.ZstdCompressor(**options).compress(content)


PACKS = [
    zstd,
    pack,
    lambda content: pack(content, level=19),
    lambda content: pack(content * 3, write_checksum=True),
    lambda content: pack(bytes(len(content))),
    lambda content: pack(bytes(300_000) + content),
]
PARTS = st.lists(
    st.one_of(
        st.just(SKIPPED),
        st.tuples(st.sampled_from(PACKS), st.binary(max_size=300)).map(lambda one: one[0](one[1])),
        st.just(zstd(CONTENT)),
    ),
    max_size=5,
)


@given(PARTS)
def test_each_frame_is_listed_with_its_place_and_its_sizes(parts: list[bytes]) -> None:
    """Each expands by itself to what it says; frames that are to be skipped are left out."""
    content, expected, at = b"".join(parts), [], 0
    for part in parts:
        if part != SKIPPED:
            expanded = zstandard.ZstdDecompressor().decompressobj().decompress(part)
            expected.append(Frame(at, len(part), len(expanded)))
        at += len(part)
    assert listed(content) == (expected or None)


@given(PARTS.filter(bool), st.data())
def test_a_file_that_is_not_whole_is_not_listed(parts: list[bytes], data: st.DataObject) -> None:
    """What is cut off within a frame is known to be missing."""
    borders = {sum(map(len, parts[:count])) for count in range(len(parts) + 1)}
    content = b"".join(parts)
    size = data.draw(st.integers(0, len(content)).filter(lambda size: size not in borders))
    assert listed(content[:size]) is None


@given(PARTS, st.binary(min_size=1, max_size=40))
def test_any_bytes_are_listed_or_not(parts: list[bytes], more: bytes) -> None:
    """Whatever stands behind frames raises nothing; and what is listed lies one behind another."""
    at = 0
    for frame in listed(b"".join(parts) + more) or ():
        assert frame.offset >= at
        at = frame.offset + frame.size
    assert listed(b"".join(parts) + b"\n" + more) is None


def stream_packed(content: bytes) -> bytes:
    """Pack what comes bit by bit: the head cannot say how much it will be."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        SKIPPED,
        b"{}\n",
        stream_packed(CONTENT),
        zstd(CONTENT) + stream_packed(CONTENT),
        zstd(CONTENT) + b"more",
        # A head that says 4 GiB, and a block of nothing; one that says it is no block.
        bytes.fromhex("28b52ffd a0 ffffffff 010000"),
        bytes.fromhex("28b52ffd 20 01 0f0000 00"),
        # A head of a reserved kind, and what was written before there was a format.
        bytes.fromhex("28b52ffd 28 01 010000 00"),
        bytes.fromhex("27b52ffd 20 00 010000"),
    ],
)
def test_a_file_that_cannot_be_cut_is_not_listed(content: bytes) -> None:
    """Where a frame does not say what it expands to, or is none, nothing is listed."""
    assert listed(content) is None


@pytest.mark.parametrize("step", [bytes.fromhex("502a4d18 00000000"), zstd(b"")])
def test_no_more_heads_are_read_than_are_bounded(
    step: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of nothing but tiny frames, or of tiny blocks, does not take long."""
    monkeypatch.setattr(frames, "MOST_STEPS", 10)
    assert listed(zstd(b"{}\n") + step * 4) is not None
    assert listed(zstd(b"{}\n") + step * 9) is None
    blocks = bytes.fromhex("28b52ffd 20 00") + bytes(3 * 12) + bytes.fromhex("010000")
    assert listed(blocks) is None


def test_only_a_regular_file_is_listed(tmp_path: Path) -> None:
    """A link is not followed, a directory is none, and what is not there has no frames."""
    (tmp_path / "file.zst").write_bytes(zstd(CONTENT))
    (tmp_path / "link.zst").symlink_to(tmp_path / "file.zst")
    assert frames_of(tmp_path / "file.zst")
    for name in ("link.zst", ".", "absent.zst"):
        assert frames_of(tmp_path / name) is None
