"""What every test may count on: one event loop, no deadlines, and no skip that goes unseen.

A test that drives a program from outside Python says so, and is skipped by name without it::

    @pytest.mark.needs_program("promtool")

Where ``USAGE_STREAM_NO_SKIPS`` is 1, as in ``.ci/run``, a skip for any reason fails the run.

Tracing for coverage makes a test two or three times as slow, so it ends where it finds no more:
after the first examples of a property, and in tests that only repeat what others do::

    @pytest.mark.no_cover  # a long run of what others do

The commands that such a test starts are not traced either.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.pages import FILES, put_all
from tests.support.postgres import Cluster, find_programs, postgres_cluster
from tests.support.tracing import first_examples_traced, programs_untraced

NO_SKIPS = os.environ.get("USAGE_STREAM_NO_SKIPS") == "1"

# A slow machine is no failure. Under CI hypothesis loads a profile of its own, with fixed seeds.
settings.register_profile("patient", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("patient")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Make a directory of pages."""
    return put_all(tmp_path / "pages", FILES)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Name a state file that is not there yet."""
    return tmp_path / "state.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Run a PostgreSQL for all tests that need one, which say so: ``needs_program("initdb")``."""
    with postgres_cluster(find_programs()) as cluster:
        yield cluster


@pytest.fixture
def database(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an empty database, and have libpq's variables lead to it; return its name."""
    name = postgres.make_database()
    for variable in [one for one in os.environ if one.startswith("PG")]:
        monkeypatch.delenv(variable)
    for variable, value in postgres.variables(name).items():
        monkeypatch.setenv(variable, value)
    return name


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asyncio is the only backend, because aiofiles knows no other."""
    return "asyncio"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs a program which is not there, by the program's name."""
    for marker in item.iter_markers("needs_program"):
        for program in marker.args:
            if (
                shutil.which(program) is None
                and shutil.which(program, path=find_programs()) is None
            ):
                pytest.skip(f"needs the program {program}")


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that gives the skip's reason; an expected failure is no skip."""
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason} (and USAGE_STREAM_NO_SKIPS is set)"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at each test's outcome once it is known."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at each module's outcome too: a whole module can be skipped while it is collected."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let what is marked ``no_cover`` start its programs untraced, also from fixtures."""
    with programs_untraced() if item.get_closest_marker("no_cover") else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Trace the first examples of a property, and not the others."""
    with first_examples_traced(item):
        yield
