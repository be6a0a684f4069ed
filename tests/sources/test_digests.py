"""Digests: cheap ones, SHA-256 where somebody relies on it, and what a list beside pages says."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from stream.records.chains import Chain
from stream.records.delivery import Part
from stream.records.digests import CHECKSUMS, listed_sums
from stream.state.sqlite.letters import LETTERS, placed_letters_in, put_letters
from tests.support.bad_pages import END, MORE, ONE, TWO
from tests.support.comparing import without_digests
from tests.support.envelopes import line, put_capture, zstd
from tests.support.pages import bucket, letters_in, page, put, put_all, put_recorded, used
from tests.support.places import FIXTURES
from tests.support.running import Replayed, replay, run
from tests.support.watching import Watching

ASIDE: dict[str, object] = {"on_error": "dead-letter"}
WALK = "walk.ndjson.zst"


def list_pages(place: Path, *names: str) -> None:
    """Let the list in a directory have these files as they are now."""
    sums = (f"{hashlib.sha256((place / one).read_bytes()).hexdigest()}  {one}\n" for one in names)
    put(place, CHECKSUMS, "".join(sums))


def append_blank(path: Path) -> None:
    """Let a page have other bytes, and say the same."""
    path.write_bytes(path.read_bytes() + b" ")


def digests_in(replayed: Replayed) -> dict[str, str]:
    """Return the digest of each file, by its name."""
    assert replayed.report is not None, replayed.errors
    return {one["name"]: one["digest"] for one in replayed.report["run"]["fixtures"]}


def is_sha256(replayed: Replayed) -> bool:
    """Tell whether each digest is a SHA-256."""
    return all(one.startswith("sha256:") for one in digests_in(replayed).values())


def spelt(path: Path) -> dict[str, str]:
    """Return a file's digests, by their kinds."""
    content = path.read_bytes()
    return {
        "sha256": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "xxh3": f"xxh3-128:{xxh3_128_hexdigest(content)}",
    }


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Put a chain of two pages, and a capture of another."""
    put_all(tmp_path / "pages", {ONE: MORE, TWO: END})
    other = page(bucket(used(5)), bucket(used(6), day=1))
    put_capture(tmp_path / "pages" / WALK, [line(other, label="other")])
    return tmp_path / "pages"


def test_what_is_listed_has_a_sha256(pages: Path) -> None:
    """Files that a list beside them has are named by their SHA-256, others by XXH3."""
    list_pages(pages, TWO, WALK)
    kinds = {ONE: "xxh3", TWO: "sha256", WALK: "sha256"}
    for workers in 1, 2:
        found = digests_in(replay(pages, workers=workers))
        assert found == {name: spelt(pages / name)[kind] for name, kind in kinds.items()}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", [TWO, WALK])
def test_a_file_that_has_changed_beside_its_list_is_refused(
    name: str, workers: int, pages: Path, tmp_path: Path
) -> None:
    """It ends the run with 65 and a line that says what to do; nothing of it has counted."""
    list_pages(pages, TWO, WALK)
    whole, options = (pages / name).read_bytes(), {"workers": workers, "state": tmp_path / "s"}
    more = zstd(line(page(bucket(used(100), day=3)), label="late"))
    (pages / name).write_bytes(whole + (more if name == WALK else b" "))
    refused = replay(pages, **options)
    assert (refused.report, refused.code, refused.errors.count("\n")) == (None, 65, 1)
    for told in (name, CHECKSUMS, "found the SHA-256", "bring the file back, or make"):
        assert told in refused.errors
    (pages / name).write_bytes(whole)
    assert replay(pages, **options).raw == replay(pages).raw


def test_a_file_that_has_changed_is_set_aside(pages: Path, tmp_path: Path) -> None:
    """Where bad input is set aside, the others count."""
    list_pages(pages, ONE, WALK)
    (pages / WALK).write_bytes((pages / WALK).read_bytes() + zstd(b"\n"))
    replayed = replay(pages, **ASIDE, dead_letters=tmp_path / "dead")
    assert replayed.code == 1
    assert [one["reason"] for one in letters_in(tmp_path / "dead")] == ["checksum"]
    assert digests_in(replayed).keys() >= {ONE, TWO}


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no sum": (lambda path: path.write_text(f"12ab  {ONE}\n", "utf-8"), "line 1"),
    "two sums": (
        lambda path: path.write_text(f"{'0' * 64}  {ONE}\n{'1' * 64}  ./{ONE}\n", "utf-8"),
        "line 2",
    ),
    "a link": (lambda path: path.symlink_to(ONE), "symbolic link"),
    "a FIFO": (os.mkfifo, "regular file"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_list_that_is_none_is_refused(broken: str, pages: Path) -> None:
    """Whoever put it there relies on it."""
    breaks, told = BROKEN[broken]
    breaks(pages / CHECKSUMS)
    refused = replay(pages)
    assert (refused.report, refused.code, refused.errors.count("\n")) == (None, 65, 1)
    assert CHECKSUMS in refused.errors
    assert told in refused.errors


def test_both_kinds_of_digests_give_the_same_report(tmp_path: Path) -> None:
    """Only the digests differ, for any number of workers; --sha256 gives those of sha256sum."""
    pages = put_recorded(tmp_path / "pages")
    cheap = replay(pages)
    listed = {one.name: one.digest for one in listed_sums((FIXTURES / CHECKSUMS).read_bytes())}
    for workers in 1, 2:
        dear = replay(pages, "--sha256", workers=workers)
        assert without_digests(dear.raw) == without_digests(cheap.raw)
        found = digests_in(dear)
        assert found == {name: f"sha256:{listed[name].hex()}" for name in found}
    assert not any(one.startswith("sha256:") for one in digests_in(cheap).values())
    assert without_digests(replay(FIXTURES).raw) == without_digests(cheap.raw)


@pytest.mark.parametrize("workers", [1, 2])
def test_state_may_hold_both_kinds(workers: int, pages: Path, tmp_path: Path) -> None:
    """What a state file has another digest of is read for --sha256, and counts once; it stays so.

    A SHA-256, which is what earlier versions have stored, is kept as long as its file is the same.
    """
    options: dict[str, Any] = {"state": tmp_path / "state", "workers": workers}
    cheap, clean = replay(pages, **options), replay(pages, "--sha256")
    assert not is_sha256(cheap)
    assert replay(pages, "--sha256", **options).raw == clean.raw
    assert replay(pages, **options).raw == clean.raw
    append_blank(pages / TWO)
    kinds = {ONE: "sha256", TWO: "xxh3", WALK: "sha256"}
    found = digests_in(replay(pages, **options))
    assert found == {name: spelt(pages / name)[kind] for name, kind in kinds.items()}
    assert is_sha256(replay(pages, notes=tmp_path / "notes", **options))


def test_letters_of_earlier_versions_are_read() -> None:
    """What they call the SHA-256 of the page is its digest; what was set aside stays as it is."""
    database = sqlite3.connect(":memory:")
    database.executescript(LETTERS)
    chain, seen = Chain("costs", "primary", ""), b'"content":{"sha256":"b","digest":1}}\n'
    old = b'{"message":"found \\",\\"sha256\\":","rows":1,"sha256":%b,' + seen
    new = b'{"message":"found \\",\\"sha256\\":","rows":1,"digest":%b,' + seen
    letters = [old % b'"00ff"', old % b"null", new % b'"xxh3-128:00"']
    put_letters(database, {(Part("", "part"), 1): (chain, letters)})
    found = [body for _, _, body in placed_letters_in(database)]
    assert found == [new % b'"sha256:00ff"', new % b"null", new % b'"xxh3-128:00"']
    database.close()


def test_a_page_that_has_changed_is_not_put_into_a_capture(pages: Path, tmp_path: Path) -> None:
    """``capture`` compares as a replay does."""
    (pages / WALK).unlink()
    list_pages(pages, ONE, TWO)
    append_blank(pages / TWO)
    code, _, errors = run(["capture", str(pages), str(tmp_path / "all.ndjson")])
    assert (code, errors.count("\n")) == (65, 1)
    assert f"{CHECKSUMS} beside it says" in errors


def test_who_watches_compares_nothing(tmp_path: Path) -> None:
    """Pages may come before their list, so a daemon takes them as they are."""
    watching = Watching(tmp_path)
    put_all(watching.pages, {ONE: page(bucket(used(7))), CHECKSUMS: f"{'0' * 64}  {ONE}\n"})
    watching.look()
    assert watching.tokens() == 7
    content = (watching.pages / ONE).read_bytes()
    assert [one.digest for one in watching.sent] == [xxh3_128_digest(content)]
    watching.intake.close()
