"""How the tests stand together: each on its own, and what they share in ``tests.support``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.places import ROOT

SHARED = ("tests.support", "tests.oracle")
OWN = ("tests.bench", "tests.engines.flink.cluster")
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
