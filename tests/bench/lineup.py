"""Who takes part: how each contender is started, and what is missing where it cannot be."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.running import measured
from tests.bench.workloads import Dataset

__all__ = ["CONTENDERS", "REPORT", "US", "Contender", "versions"]

REPORT: Final = "report.json"
US: Final = "usage-stream"


class Contender(NamedTuple):
    """A name, what it is, its command for a data set and a scratch directory, and what it lacks.

    ``keeps_rows``: it holds every row in memory at once. ``captures``: it reads packed ones too.
    """

    name: str
    what: str
    command: Callable[[Dataset, Path], list[str]]
    missing: Callable[[], str]
    keeps_rows: bool = False
    captures: bool = True


def replay(*options: str, program: str = "stream") -> Callable[[Dataset, Path], list[str]]:
    """Return how usage-stream is started: everything but the single records, and metrics.

    Another ``program``, a module, watches what it does.
    """

    def command(data: Dataset, scratch: Path) -> list[str]:
        outputs = ["--report", str(scratch / REPORT), "--metrics", str(scratch / "metrics.prom")]
        ours = [sys.executable, "-m", program, "replay", str(data.pages), "--no-details"]
        return [*ours, *outputs, *options]

    return command


def python(module: str) -> Callable[[Dataset, Path], list[str]]:
    """Return how a contender in Python is started."""
    program = [sys.executable, "-m", f"tests.bench.contenders.{module}"]
    return lambda data, _: [*program, str(data.schema), str(data.pages)]


def node(data: Dataset, scratch: Path) -> list[str]:
    """Return how the contender in JavaScript is started."""
    del scratch
    program = Path(__file__).parent / "contenders" / "node.mjs"
    return ["node", str(program), str(data.schema), str(data.pages)]


def nothing() -> str:
    """Say that nothing is missing."""
    return ""


def without_workers() -> str:
    """Say whether ``replay`` has workers."""
    told = measured([sys.executable, "-m", "stream", "replay", "--help"]).output
    return "" if b"--workers" in told else "replay has no --workers"


def package(name: str) -> Callable[[], str]:
    """Return what says whether a package is there."""
    return lambda: "" if find_spec(name) else f"the package {name} is not installed"


def without_node() -> str:
    """Say whether Node is there."""
    return "" if shutil.which("node") else "the program node is not installed"


CONTENDERS: Final = {
    one.name: one
    for one in (
        Contender(US, "one worker", replay(), nothing),
        Contender(
            f"{US}-2",
            "two workers",
            replay("--workers", "2"),
            without_workers,
        ),
        Contender(
            "floor",
            "reads and decodes with the same structs",
            python("floor"),
            nothing,
        ),
        Contender(
            "json",
            "the standard library and dicts",
            python("json_dicts"),
            nothing,
            keeps_rows=True,
        ),
        Contender(
            "node",
            "JSON.parse and a Map",
            node,
            without_node,
            keeps_rows=True,
            captures=False,  # it has zstd since version 22 only
        ),
        Contender(
            "polars",
            "data frames",
            python("polars_frames"),
            package("polars"),
            keeps_rows=True,
        ),
        Contender(
            "duckdb",
            "SQL",
            python("duckdb_sql"),
            package("duckdb"),
            keeps_rows=True,
        ),
    )
}


def versions() -> str:
    """Name the machine, and the version of everything that takes part."""
    named = [python_build()]
    named += [f"{one} {version(one)}" for one in ("msgspec", "polars", "duckdb") if find_spec(one)]
    if shutil.which("node"):
        said = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, check=True, text=True)
        named.append(f"Node {said.stdout.strip().removeprefix('v')}")
    return f"{machine()}; {', '.join(named)}"


def python_build() -> str:
    """Name this Python, and whether its build was told to optimise by a profile."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    how = "with" if "--enable-optimizations" in options else "without"
    return f"Python {platform.python_version()} (configured {how} --enable-optimizations)"


def machine() -> str:
    """Name the processor, how many cores of it are here, and the memory."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    kib = int(Path("/proc/meminfo").read_text("ascii").split(maxsplit=2)[1])
    cores = len(model) or "?"
    return f"{model[0] if model else platform.machine()}, {cores} cores, {kib / 2**20:.0f} GiB"
