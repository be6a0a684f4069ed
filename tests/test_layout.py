"""How code and tests stand together: rooms, their maps and the layers; tests, each on its own."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.support.places import ROOT

SHARED = ("tests.support", "tests.oracle")
OWN = ("tests.bench", "tests.demo", "tests.engines.flink.cluster")
"""Packages that have modules of their own beside their tests."""


def imported(code: str) -> Iterator[str]:
    """Find the full name of everything that a module imports, also inside its functions."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (found.name for found in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from (f"{start}.{found.name}" for found in node.names)


def stray(code: str, package: str) -> list[str]:
    """List what a module of a package imports from the tests and must not."""
    homes = [*SHARED, *(own for own in OWN if within(package, own))]
    return [
        name
        for name in imported(code)
        if within(name, "tests") or name.startswith(".")
        if not any(within(name, home) for home in homes) or ".test_" in name
    ]


def within(name: str, package: str) -> bool:
    """Tell whether a name is a package's, or that of something in it."""
    return f"{name}.".startswith(f"{package}.")


def package_of(path: Path) -> str:
    """Name the package that a file is in."""
    return ".".join(path.relative_to(ROOT).parent.parts)


def test_no_test_imports_another() -> None:
    """Tests import what they share from tests.support, the oracle, or helpers of their own."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    found = {str(path): stray(path.read_text("utf-8"), package_of(path)) for path in files}
    assert {path: names for path, names in found.items() if names} == {}
    for line in (
        "import tests.cli.test_docs",
        "from tests.cli import test_docs",
        "from tests.cli.test_docs import README",
        "from tests.bench.test_bench import README",
        "from tests.engines.flink.cluster.jobs import Job",
        "from .test_docs import README",
        "from . import test_docs",
        "def late():\n    from tests import test_layout",
    ):
        assert stray(line, "tests.bench"), line


def layers() -> list[str]:
    """Read the rooms that import-linter knows, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (found,) = [contract for contract in contracts if contract["type"] == "layers"]
    assert found["exhaustive"]
    lines: list[str] = found["layers"]
    return lines


def test_the_picture_of_the_layers_is_the_contract() -> None:
    """CONTRIBUTING.md draws the layers as import-linter holds them, line by line."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    picture = text.partition("\n## Layers\n")[2].split("```\n")[1]
    assert [re.split(" {2,}", line)[0] for line in picture.splitlines()] == layers()


def test_the_package_is_seen_at_a_glance() -> None:
    """At most nine layers and thirteen rooms; each room is in a layer, and in the README."""
    ignored = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
    rooms = {path.stem for path in (ROOT / "stream").iterdir() if path.name not in ignored}
    assert len(rooms) <= 13
    assert len(layers()) <= 9
    assert sorted(name for line in layers() for name in line.split(" | ")) == sorted(rooms)
    readme = (ROOT / "README.md").read_text("utf-8").partition("\n## Where things are\n")[2]
    assert rooms - set(re.findall(r"`(\w+)(?:/|\.py)`", readme)) == set()


def test_every_room_has_a_map() -> None:
    """The docstring of each package names everything in it that is code."""
    for room in sorted((ROOT / "stream").rglob("__init__.py")):
        text = ast.get_docstring(ast.parse(room.read_text("utf-8"))) or ""
        inside = {path.stem for path in room.parent.glob("*.py")}
        inside |= {path.parent.name for path in room.parent.glob("*/__init__.py")}
        named = set(re.findall(r"\w+", text))
        assert inside - {"__init__", "__main__"} - named == set(), room


def test_every_file_that_contributing_names_is_there() -> None:
    """Paths in CONTRIBUTING.md lead somewhere, but for the names of what is to be added."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = re.findall(r"`((?:stream|tests|deploy|fixtures|\.ci)/[\w./-]*)`", text)
    assert len(paths) > 20
    named = [path for path in paths if "NAME" not in path and "FORMAT" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []
