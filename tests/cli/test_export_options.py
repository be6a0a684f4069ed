"""What the exports share: what they read, and what their files are called."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from tests.support.places import FIXTURES
from tests.support.running import run

FOCUS = ["focus", "--focus-version", "1.2", "--billing-account", "org-a"]
FORMS = {
    "csv": ["csv"],
    "parquet": ["parquet"],
    "openmetrics": ["openmetrics"],
    "html": ["html"],
    "focus": FOCUS,
    "focus parquet": [*FOCUS, "--format", "parquet"],
}


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_charges_are_packed_as_records_are(ending: str, tmp_path: Path) -> None:
    """A packed name has packed CSV in it, the same charges."""
    for out in (tmp_path / "plain.csv", tmp_path / f"packed.csv{ending}"):
        code, _, errors = run(["export", *FOCUS, str(FIXTURES), "--out", str(out)])
        assert code == 0, errors
    raw = out.read_bytes()
    unpacked = (
        gzip.decompress(raw)
        if ending == ".gz"
        else zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    )
    assert unpacked == (tmp_path / "plain.csv").read_bytes()


@pytest.mark.parametrize("name", ["parquet", "openmetrics", "html", "focus parquet"])
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_what_is_not_packed_has_no_packed_name(name: str, ending: str, tmp_path: Path) -> None:
    """Such a name is refused, and nothing is written."""
    out = tmp_path / f"out{ending}"
    code, _, errors = run(["export", *FORMS[name], str(FIXTURES), "--out", str(out)])
    assert code == 2
    assert "give a name without .gz or .zst" in errors
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        *((one, "http://127.0.0.1:9464") for one in FORMS),
        *((one, "-") for one in FORMS if one != "html"),
    ],
)
def test_what_a_source_may_be_is_said(name: str, source: str, tmp_path: Path) -> None:
    """An address is none, nor is standard input but for html: usage."""
    code, output, errors = run(["export", *FORMS[name], source, "--out", str(tmp_path / "out.x")])
    assert (code, output) == (2, ""), errors
    assert "SOURCE" in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["ftp://example.com", "-"])
def test_what_show_takes_is_said(source: str) -> None:
    """Another address than a daemon's is none, nor is standard input."""
    code, output, errors = run(["show", source])
    assert (code, output) == (2, ""), errors
    assert "SOURCE" in errors


def test_nothing_found_is_said_on_stderr() -> None:
    """A project that is not there has a header alone, and a line that says so."""
    code, output, errors = run(["export", "csv", str(FIXTURES), "--project", "nope"])
    assert (code, output.count("\n")) == (0, 1)
    assert errors == "usage-stream: nothing was found\n"
