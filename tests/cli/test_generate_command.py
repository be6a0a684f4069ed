"""The command around the generator: refusals, signals, and files that are whole or not there."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.generated import summary
from tests.support.running import on_a_terminal, run

AGAIN = ("--walks", "2", "--overlap", "0.5")
REFUSED = {
    "no share": (("--repeated", "1.5"), "--repeated 1.5 is no share"),
    "no number": (("--late", "nan"), "--late nan is no share"),
    "no endpoint": (("--endpoints", "costs,chats"), '"chats" is no endpoint'),
    "no earlier walk": (("--overlap", "0.5"), "--overlap needs an earlier walk"),
    "nothing comes again": (("--revised", "0.5", "--walks", "2"), "--revised needs buckets"),
    "no revision": ((*AGAIN, "--corrected", "0.1"), "--corrected needs a capture"),
    "no daily costs": (("--endpoints", "costs", "--rollups"), "--rollups needs"),
    "too long": (("--rows", "10000000000", "--width", "1d"), "after the year 9999"),
    "too wide": (
        ("--rows", "1000000000", "--rows-per-bucket", "4000", "--buckets-per-page", "1000"),
        "lower --buckets-per-page",
    ),
    "short walks": (("--rows", "500", "--walks", "3", "--overlap", "0.1"), "--overlap 0.1 cannot"),
    "walks of one": (("--rows", "300", "--walks", "3", "--overlap", "0.5"), "1 buckets a walk"),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_made_is_refused(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Options that do not go together are refused in one sentence, with nothing written."""
    code, output, errors = run(["generate", str(tmp_path / "out"), *options])
    assert (code, output) == (2, "")
    assert errors.splitlines()[-1].startswith("Error: ")
    assert said in errors
    assert list(tmp_path.iterdir()) == []


def test_too_many_falls_are_refused(tmp_path: Path) -> None:
    """A row's figures can fall only so often before nothing is left of them."""
    options = ("--walks", "20", "--overlap", "1", "--corrected", "0.1")
    code, _, errors = run(["generate", str(tmp_path / "out.ndjson"), *options])
    assert code == 2
    assert "--corrected allows 16 deliveries of a bucket, and here it has 20" in errors


def test_a_directory_that_has_something_is_refused(tmp_path: Path) -> None:
    """Fixtures go to a new or an empty directory, and never among other files."""
    (tmp_path / "note").write_text("mine", "utf-8")
    for out in (tmp_path, tmp_path / "note"):
        code, _, errors = run(["generate", str(out)])
        assert code == 2
        assert "new or empty" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_an_empty_directory_and_an_older_capture_are_replaced(tmp_path: Path) -> None:
    """An empty directory is filled, and a capture takes an older one's place."""
    (tmp_path / "out").mkdir()
    summary(tmp_path / "out", "--rows", "200")
    assert (tmp_path / "out" / "expectations.json").exists()
    for seed in ("1", "2"):
        summary(tmp_path / "out.ndjson", "--rows", "200", "--seed", seed)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"out", "out.ndjson", "out.expectations.json"}


def test_generated_files_are_their_owners_alone(tmp_path: Path) -> None:
    """What is generated is readable by nobody else, file by file."""
    summary(tmp_path / "out", "--rows", "200")
    summary(tmp_path / "out.ndjson", "--rows", "200")
    assert {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")} == {0}


@pytest.mark.parametrize("name", ["out", "out.ndjson"])
def test_a_place_that_cannot_be_written_is_69(name: str, tmp_path: Path) -> None:
    """Where no file can be put the command says so in one line, with exit code 69."""
    (tmp_path / "file").write_text("", "utf-8")
    code, output, errors = run(["generate", str(tmp_path / "file" / name)])
    assert (code, output, len(errors.splitlines())) == (69, "", 1)


def test_a_directory_that_fills_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What appears in OUT while pages are made is not replaced; the exit code is 69."""
    (tmp_path / "out").mkdir()
    on_page(monkeypatch, lambda _: (tmp_path / "out" / "note").write_text("mine", "utf-8"))
    code, _, errors = run(["generate", str(tmp_path / "out"), "--rows", "200"])
    assert (code, len(errors.splitlines())) == (69, 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "note"]


def on_page(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], object]) -> None:
    """Let something happen as each page is made; it is told how many there are."""

    @contextmanager
    def advancing(_: int) -> Iterator[Callable[[], None]]:
        pages: list[None] = []

        def advance() -> None:
            pages.append(None)
            act(len(pages))

        yield advance

    monkeypatch.setattr("stream.cli.generate.show_advance", advancing)


@pytest.mark.parametrize("name", ["out", "out.ndjson", "out.ndjson.gz", "out.ndjson.zst"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(
    name: str, number: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal while pages are made ends with its code, one line, and no file at all."""
    on_page(monkeypatch, lambda page: signal.raise_signal(number) if page == 3 else None)
    done = run(["generate", str(tmp_path / name), "--rows", "15000", "--buckets-per-page", "2"])
    assert (done[0], done[1], len(done[2].splitlines())) == (code, "", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_capture_of_the_future_is_warned_of(tmp_path: Path) -> None:
    """A capture whose walks are ahead of the clock is made, with a warning on stderr."""
    out = tmp_path / "out.ndjson"
    code, _, errors = run(["generate", str(out), "--rows", "200", "--start", "2500-01-01"])
    assert code == 0
    assert "the last walk is dated 2500-01-01T02:05:00Z" in errors


def test_endpoints_have_short_names(tmp_path: Path) -> None:
    """Endpoints are named shortly or as the registry does, with commas or one by one."""
    options = ("--endpoints", "images, usage/embeddings", "--endpoints", "costs", "--rows", "900")
    made = summary(tmp_path / "out.ndjson", *options)
    assert made["endpoints"] == ["usage/images", "usage/embeddings", "costs"]
    assert 800 <= made["delivered"]["rows"] <= 1000


def test_a_terminal_sees_a_bar(tmp_path: Path) -> None:
    """On a terminal a bar counts pages on stderr, and stdout stays JSON."""
    output, drawn = on_a_terminal("generate", str(tmp_path / "out"))
    assert "pages" in drawn
    assert json.loads(output)["delivered"]["pages"] == 5
