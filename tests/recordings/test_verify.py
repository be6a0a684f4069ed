"""``usage-stream verify``: each kind of finding, its exit code, and one line for each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.bad_pages import ONE
from tests.support.pages import Json, bucket, listed, page, put, used
from tests.support.places import FIXTURES
from tests.support.running import run

SUMS = "CHECKSUMS.sha256"
EXPECTED = "expectations.json"
EMBEDDINGS = "usage_embeddings_fixture.json"


def sealed(directory: Path) -> None:
    """Write the checksums anew, as ``sha256sum`` does."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(directory.iterdir())
        if path.name != SUMS and path.is_file()
    ]
    put(directory, SUMS, "".join(lines))


def findings(directory: Path) -> tuple[int, list[str]]:
    """Verify; return the exit code and the findings, which stdout has as JSON too."""
    code, output, errors = run(["verify", str(directory)])
    lines = errors.splitlines()
    assert json.loads(output)["findings"] == lines
    assert all(line.isprintable() for line in lines)
    return code, lines


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    """Copy the recorded fixtures."""
    shutil.copytree(FIXTURES, tmp_path / "fixtures")
    return tmp_path / "fixtures"


def test_the_fixtures_are_clean() -> None:
    """Nothing is wrong with the fixtures of this repository."""
    assert findings(FIXTURES) == (0, [])


class Spoilt(NamedTuple):
    """A change to the fixtures that checksums alone tell of, and what the one finding must name."""

    change: Callable[[Path], object]
    named: tuple[str, ...]


def rewritten(name: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    """Change the text of a file."""
    return lambda directory: put(directory, name, change((directory / name).read_text("utf-8")))


def linked(directory: Path) -> None:
    """Put a symbolic link in the place of a member list, which nothing refers to."""
    target = directory / "project_members_fixture.json"
    target.rename(directory / ".members")
    target.symlink_to(".members")


FILES = {
    "changed": Spoilt(
        rewritten("costs_fixture.json", lambda text: text + "\n"), ("costs_fixture",)
    ),
    "missing": Spoilt(
        lambda directory: (directory / "project_members_fixture.json").unlink(),
        ("project_members_fixture.json",),
    ),
    "unlisted": Spoilt(lambda directory: put(directory, "more.txt", "more"), ("more.txt",)),
    "listed twice over": Spoilt(
        rewritten(SUMS, lambda text: text + "0" * 64 + "  gone.json\n"), ("gone.json",)
    ),
    "no line of sha256sum": Spoilt(rewritten(SUMS, lambda text: text + "sum\n"), (SUMS, "line")),
    "no checksums": Spoilt(lambda directory: (directory / SUMS).unlink(), (SUMS,)),
}


@pytest.mark.parametrize("spoilt", FILES.values(), ids=FILES.keys())
def test_a_file_that_is_not_as_listed_is_65(spoilt: Spoilt, fixtures: Path) -> None:
    """A changed, missing or unlisted file is named, and the exit code is 65."""
    spoilt.change(fixtures)
    code, lines = findings(fixtures)
    assert code == 65
    assert [name for name in spoilt.named if name not in lines[0]] == [], lines


def test_what_a_changed_page_says_is_checked_too(fixtures: Path) -> None:
    """It is named once as changed, and then each of its figures that is not as expected."""
    name = "costs_fixture.json"
    rewritten(name, lambda text: text.replace('"value": ', '"value": 1', 1))(fixtures)
    code, lines = findings(fixtures)
    assert (code, lines[0]) == (65, f"{name}: changed since {SUMS} was made")
    assert [one for one in lines if SUMS in one] == lines[:1]
    assert any("costs" in one for one in lines[1:])


@pytest.mark.parametrize("kind", ["link", "FIFO", "broken page", "broken expectations"])
def test_a_file_that_cannot_be_trusted_is_65(kind: str, fixtures: Path) -> None:
    """A link, a FIFO and a page that cannot be read are named, and the exit code is 65."""
    name = "project_members_fixture.json"
    if kind == "link":
        linked(fixtures)
    elif kind == "FIFO":
        (fixtures / name).unlink()
        os.mkfifo(fixtures / name)
    else:
        name = EXPECTED if kind == "broken expectations" else name
        put(fixtures, name, "{")
        sealed(fixtures)
    code, lines = findings(fixtures)
    assert code == 65
    assert any(name in line for line in lines)


def registered(text: str) -> str:
    """Register a fixture that is not there."""
    return text + "\n`usage_moderations_fixture_page3.json`\n"


CONTENT = {
    "not registered": Spoilt(
        rewritten("ENDPOINTS.md", lambda text: text.replace(EMBEDDINGS, "")),
        (EMBEDDINGS, "ENDPOINTS.md"),
    ),
    "registered, not there": Spoilt(
        rewritten("ENDPOINTS.md", registered), ("usage_moderations_fixture_page3.json",)
    ),
    "no registration": Spoilt(
        lambda directory: (directory / "ENDPOINTS.md").unlink(), ("ENDPOINTS.md",)
    ),
    "no expectations": Spoilt(lambda directory: (directory / EXPECTED).unlink(), (EXPECTED,)),
    "counter differs": Spoilt(
        rewritten(EXPECTED, lambda text: text.replace("3328", "3329")),
        ("usage/embeddings", "3328", "3329"),
    ),
    "bucket gone": Spoilt(
        rewritten(EXPECTED, lambda text: text.replace("key_alpha", "key_gamma")), ("key_gamma",)
    ),
    "chain of no expectation": Spoilt(
        rewritten(
            EXPECTED,
            lambda text: (
                text.replace('"usage/moderations"', '"usage/embeddings"')
                .replace("192", "3328")
                .replace('"num_model_requests": 3\n', '"num_model_requests": 5\n')
            ),
        ),
        ("usage/moderations",),
    ),
    "reference to nothing": Spoilt(
        rewritten(
            "certificate_events_fixture.json", lambda text: text.replace("cert_old", "cert_odd")
        ),
        ("cert_odd",),
    ),
}


@pytest.mark.parametrize("spoilt", CONTENT.values(), ids=CONTENT.keys())
def test_content_that_does_not_hold_is_1(spoilt: Spoilt, fixtures: Path) -> None:
    """Registration, expectations and references that do not hold are named, with exit code 1."""
    spoilt.change(fixtures)
    sealed(fixtures)
    code, lines = findings(fixtures)
    assert code == 1
    assert len(lines) == 1, lines
    assert [name for name in spoilt.named if name not in lines[0]] == [], lines


SECRETS = [
    "sk-proj-Abcdefgh0123456789",
    "sess-Abcdefgh0123456789",
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_abcdefghijklmnopqrst",
    "Bearer abcdefghijklmnop",
    "jane.doe@corp.test",
    "jane@example.com.evil.test",
    "jane@notexample.com",
    "sk\\u002dproj-Abcdefgh0123456789",
    "jane\\u0040corp.test",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_found_and_not_told(secret: str, fixtures: Path) -> None:
    """A key-like string or an email, escapes undone, is named by file and line; exit code 1."""
    name = "project_members_fixture.json"
    rewritten(name, lambda text: text.replace("Ada Owner", secret))(fixtures)
    sealed(fixtures)
    code, lines = findings(fixtures)
    assert code == 1
    (line,) = lines
    assert (name in line, "line 8" in line) == (True, True)
    assert secret not in line


@pytest.mark.parametrize("name", ["README.md", EXPECTED, "ENDPOINTS.md"])
def test_secrets_are_sought_in_every_file(name: str, fixtures: Path) -> None:
    """What stands beside the fixtures is looked through as well."""
    text = (fixtures / name).read_text("utf-8") if name != "README.md" else ""
    put(fixtures, name, text.replace("user_alpha", "jane@corp.test") + " \n")
    if name != EXPECTED:
        put(fixtures, name, text + "jane@corp.test\n")
    sealed(fixtures)
    code, lines = findings(fixtures)
    assert code == 1
    assert any(line.startswith(name) and "email" in line for line in lines)


def test_example_addresses_are_allowed(tmp_path: Path) -> None:
    """Addresses at example.com, and redacted keys, are what fixtures should hold."""
    members = [{"id": "u", "email": "a@example.com"}, {"id": "v", "email": "a@eu.example.com"}]
    expected: Json = {
        "chains": [{"endpoint": "usage/completions", "label": "primary", "metrics": {}}]
    }
    put(tmp_path, ONE, page(bucket(used(1))))
    put(tmp_path, "users.json", listed(*members, {"id": "w", "redacted_value": "sk-...A1b2"}))
    put(tmp_path, EXPECTED, expected)
    put(tmp_path, "ENDPOINTS.md", f"`{ONE}` `users.json`\n")
    sealed(tmp_path)
    assert findings(tmp_path) == (0, [])


def test_each_finding_has_its_line(fixtures: Path) -> None:
    """Findings of both kinds are all shown, one a line, and the graver exit code counts."""
    put(fixtures, "stray\nname.txt", "jane@corp.test sk-Abcdefgh0123\n")
    code, lines = findings(fixtures)
    assert code == 65
    assert len(lines) == 4


def test_a_directory_that_is_not_there_is_69(tmp_path: Path) -> None:
    """A directory that cannot be read is no finding."""
    code, output, errors = run(["verify", str(tmp_path / "nowhere")])
    assert (code, output, len(errors.splitlines())) == (69, "", 1)
