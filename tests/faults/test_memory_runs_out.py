"""Memory that runs out is no bug: one line says so, and what to do, whoever comes upon it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from stream.intake.reading import PageReader
from stream.records.memory import lacks_memory
from stream.sources.lines import CaptureReader
from tests.support.bad_pages import END, MORE, ONE, TWO
from tests.support.daemons import daemon
from tests.support.pages import Json, bucket, letters_in, page, put, put_all, used
from tests.support.processes import command
from tests.support.running import replay

LIMIT = 200 << 20
TOO_LARGE = 250 << 20
LIMITED = (
    f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT})); "
    "from stream.__main__ import main; main()"
)
FORGETFUL = (
    *(sys.executable, "-c"),
    (
        "import sys\n"
        "from stream.cli import run_command\n"
        "from stream.intake.reading import PageReader\n"
        "read = PageReader.read_page\n"
        "def fail(self, page, *others):\n"
        "    if b'greedy' in page.content:\n"
        "        raise MemoryError\n"
        "    return read(self, page, *others)\n"
        "PageReader.read_page = fail\n"
        "sys.exit(run_command(sys.argv[4:]))"
    ),
)
"""What runs the command that follows without memory for pages that say ``greedy``."""
LARGE = page(bucket(used(1, model="m" * (2 << 20))))
SPEAKS = "memory ran out"
SENTENCE = (
    "give it more memory, fewer --workers, a smaller --memory, or smaller pages (--max-page-bytes)"
)


def fail(*_: object, **__: object) -> NoReturn:
    """Have no memory."""
    raise MemoryError


def make_sparse(path: Path) -> None:
    """Make a file that has many bytes, and takes no room."""
    with path.open("xb") as file:
        file.truncate(TOO_LARGE)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_page_that_does_not_fit_is_named(workers: str, tmp_path: Path) -> None:
    """A page of more bytes than there is memory ends the run with 65, in whatever process."""
    pages = put_all(tmp_path / "pages", {ONE: MORE, TWO: make_sparse})
    arguments = command(pages, tmp_path / "out" / "r.json", "--workers", workers)[3:]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (65, "", 1), done.stderr
    assert f"{TWO} (page 2 of usage/completions, label primary): {SPEAKS}" in done.stderr
    assert SENTENCE in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("made", "code"), [(LARGE, 65), (END, 69)], ids=["large", "small"])
def test_a_page_that_cannot_be_decoded(
    made: Json, code: int, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large page is to blame for the memory that it takes; a small one is not, and is named."""
    monkeypatch.setattr(PageReader, "read_page", fail)
    replayed = replay(put_all(tmp_path, {ONE: made}), workers=workers)
    assert (replayed.code, len(replayed.errors.splitlines())) == (code, 1)
    assert all(text in replayed.errors for text in (ONE, SPEAKS, SENTENCE)), replayed.errors


def test_a_large_page_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where bad input is set aside, so is what takes more memory than there is."""
    monkeypatch.setattr(PageReader, "read_page", fail)
    pages = put_all(tmp_path / "pages", {ONE: LARGE})
    replayed = replay(pages, on_error="dead-letter", dead_letters=tmp_path / "dead")
    (letter,) = letters_in(tmp_path / "dead")
    assert (replayed.code, letter["reason"], letter["content"]) == (1, "memory", None)


@pytest.mark.parametrize(("size", "code"), [(2 << 20, 65), (9, 69)], ids=["large", "small"])
def test_a_line_that_does_not_fit_is_named(
    size: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of a capture is to blame, or not, as a page is."""
    monkeypatch.setattr(CaptureReader, "_make_line", fail)
    replayed = replay(put_all(tmp_path, {"a.ndjson": '{"x":"' + "y" * size + '"}\n'}))
    assert (replayed.code, SPEAKS in replayed.errors) == (code, True), replayed.errors
    assert "a.ndjson (line 1)" in replayed.errors


@pytest.mark.parametrize(("size", "code"), [(2 << 20, 65), (9, 69)], ids=["large", "small"])
def test_documents_that_do_not_fit_are_named(
    size: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is read as a whole is to blame, or not, as a page is."""
    monkeypatch.setattr("stream.sources.documents.pages_in", fail)
    content = f'[{{"x":"{"y" * size}"}}]'
    replayed = replay(put_all(tmp_path, {"a.ndjson": content}))
    assert (replayed.code, SPEAKS in replayed.errors) == (code, True), replayed.errors
    assert "a.ndjson" in replayed.errors


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("place", ["state.windows.KeyedState.take", "figures.outline.outline_of"])
def test_memory_that_runs_out_elsewhere(
    place: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it runs out over, the line says what to do, and the code is 69."""
    monkeypatch.setattr(f"stream.{place}", fail)
    replayed = replay(put_all(tmp_path, {ONE: MORE, TWO: END}), workers=workers)
    assert (replayed.code, len(replayed.errors.splitlines())) == (69, 1), replayed.errors
    assert f"{SPEAKS}; {SENTENCE}" in replayed.errors


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("x.so: failed to map segment: Cannot allocate memory"), True),
        (RuntimeError("another"), False),
        (ValueError("cannot allocate memory"), False),
    ],
)
def test_what_says_that_memory_ran_out(error: Exception, *, lacks: bool) -> None:
    """The operating system, threads and imports say it in their own ways."""
    assert lacks_memory(error) == lacks


def test_a_daemon_goes_on_without_a_page_that_is_too_large(tmp_path: Path) -> None:
    """A large page is set aside with its reason, and the next one is taken."""
    greedy = page(bucket(used(1, model="greedy" * (1 << 19))))
    put_all(tmp_path / "pages", {"usage_embeddings.json": greedy})
    with daemon(tmp_path, tracer=FORGETFUL) as running:
        dead = tmp_path / "dead" / "dead_letters.ndjson"
        running.until(lambda: dead.exists() and SPEAKS in dead.read_text("utf-8"), "the letter")
        put(tmp_path / "pages", ONE, MORE)
        put(tmp_path / "pages", TWO, END)
        running.until(
            lambda: running.value("openai_api_tokens_total", endpoint="usage/completions") > 0,
            "the pages",
        )


def test_a_daemon_ends_where_no_page_is_to_blame(tmp_path: Path) -> None:
    """Over a small page it ends with 69 and a line, for whoever starts it again."""
    put_all(tmp_path / "pages", {ONE: page(bucket(used(1, model="greedy")))})
    with daemon(tmp_path, tracer=FORGETFUL, wait=False) as running:
        assert running.process.wait(60) == 69
        last = running.log().splitlines()[-1]
        assert last.startswith("usage-stream: ")
        assert all(text in last for text in (ONE, SPEAKS, SENTENCE))
        assert "Traceback" not in running.log()
