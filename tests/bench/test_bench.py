"""The benchmark runs, and prints no times when figures differ; how long it took is not judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import zstandard

from tests.bench import __main__ as bench
from tests.bench import axes, curve
from tests.bench.agreement import Disagreement, check
from tests.bench.axes import AXES
from tests.bench.lineup import CONTENDERS
from tests.bench.rounds import chosen
from tests.bench.running import Failed, Run, measured, resident
from tests.bench.table import table
from tests.bench.workloads import WORKLOADS, Dataset, dataset
from tests.bench.written import README, put

# How long programs take, and how much memory, is theirs without a tracer.
pytestmark = pytest.mark.no_cover

MIB = 1 << 20
CURVES = [f"curve-{name}" for name in AXES]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory where all tests of this file keep their pages."""
    return tmp_path_factory.mktemp("bench")


@pytest.fixture
def data(cache: Path) -> Dataset:
    """Generate a little of every endpoint."""
    return dataset(WORKLOADS["wide"], 900, cache=cache)


def lines_of(output: str) -> list[str]:
    """Return the names at the start of a table's lines."""
    return [line.split()[1] for line in output.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_contender_that_is_here_agrees(
    workload: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All contenders come to the generator's figures, and the table has a line for each."""
    here = [one.name for one in chosen(list(CONTENDERS))[0]]
    assert {"usage-stream", "floor", "json"} <= set(here)
    if workload == "capture":
        here = [name for name in here if CONTENDERS[name].captures]
    elif workload not in {"fresh", "wide"}:  # the others do nothing new in these
        here = ["usage-stream", "floor"]
    few = ["--rows", "900", "--runs", "1", "--cache", str(cache)]
    bench.main(["--workload", workload, "--contenders", ",".join(here), *few])
    assert lines_of(capsys.readouterr().out) == here


def test_a_figure_that_differs_is_named(data: Dataset, tmp_path: Path) -> None:
    """An answer with one figure changed is refused, with its place, and so is one row too few."""
    contender = CONTENDERS["json"]
    output = measured(contender.command(data, tmp_path)).output
    check(data, contender, output, tmp_path)
    answer = json.loads(output)
    project, tier, sums = answer["costs"][0]
    sums["amount_value"] = f"{sums['amount_value']}1"
    with pytest.raises(Disagreement, match=rf"costs, .*{tier}.*, amount_value") as raised:
        check(data, contender, json.dumps(answer).encode(), tmp_path)
    assert repr(project) in str(raised.value)
    rows = json.dumps({"costs": data.rows - 1}).encode()
    with pytest.raises(Disagreement, match=f"{data.rows - 1} rows"):
        check(data, CONTENDERS["floor"], rows, tmp_path)


def test_nothing_is_printed_of_a_workload_whose_figures_differ(
    data: Dataset, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With expectations that are not met the benchmark ends with a sentence and no table."""
    path = data.pages / "expectations.json"
    written = path.read_text("utf-8")
    try:
        path.write_text(written.replace('"num_sessions": ', '"num_sessions": 1'), "utf-8")
        few = ["--rows", "900", "--runs", "1", "--cache", str(cache)]
        with pytest.raises(SystemExit, match="num_sessions; nothing that was measured"):
            bench.main(["--workload", "wide", "--contenders", "json", *few])
    finally:
        path.write_text(written, "utf-8")
    assert "| json" not in capsys.readouterr().out


def test_the_last_of_a_capture_counts(cache: Path, tmp_path: Path) -> None:
    """Figures that fell are those that count, and whoever takes the maximum does not agree."""
    data = dataset(WORKLOADS["capture"], 900, cache=cache)
    output = measured(CONTENDERS["json"].command(data, tmp_path)).output
    check(data, CONTENDERS["json"], output, tmp_path)
    unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(data.pages.read_bytes())
    same_time = re.sub(rb'"observed_at":"[^"]*"', b'"observed_at":""', unpacked)
    together = tmp_path / "pages.ndjson.zst"
    together.write_bytes(zstandard.compress(same_time))
    output = measured(CONTENDERS["json"].command(data._replace(pages=together), tmp_path)).output
    with pytest.raises(Disagreement):
        check(data, CONTENDERS["json"], output, tmp_path)


def test_what_a_row_costs_is_judged_at_the_size_of_the_aim() -> None:
    """The CPU time of a row is said of everybody, and judged of one worker."""
    data = Dataset(WORKLOADS["capture"], (), Path(), Path(), rows=2_000_000, size=100_000_000)
    rounds = {"usage-stream": [Run(5.0, 5.0, 50.0)], "duckdb": [Run(8.0, 8.0, 500.0)]}
    written = table(data, rounds, [], 31.0)
    assert "- CPU µs a row: usage-stream 2.50, duckdb 4.00 (usage-stream ≤ 2.8: met)." in written
    few = table(data._replace(rows=100_000), rounds, [], 31.0)
    assert "(usage-stream ≤ 2.8 with 2,000,000 rows)" in few


def test_names_that_are_unknown_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A contender that there is none of is named, with those that there are."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--contenders", "floor,abacus"])
    assert "abacus: expected some of usage-stream" in capsys.readouterr().err


def test_same_options_are_generated_once(data: Dataset, cache: Path) -> None:
    """Pages that the cache has are not made again; another seed makes others."""
    before = (data.pages / "costs_fixture.json").stat()
    assert dataset(WORKLOADS["wide"], 900, cache=cache) == data
    assert (data.pages / "costs_fixture.json").stat() == before
    other = dataset(WORKLOADS["wide"], 900, seed=2, cache=cache)
    assert other.pages != data.pages


def test_a_program_that_fails_is_named() -> None:
    """An exit code that is not 0 ends the benchmark."""
    with pytest.raises(Failed, match="ended with 3"):
        measured([sys.executable, "-c", "raise SystemExit(3)"])


def test_memory_of_children_counts() -> None:
    """What a process has in memory is its own and its children's."""
    before = resident(os.getpid())
    hold = f"held = bytearray(b'1' * {100 * MIB}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert resident(os.getpid()) - before > 90 * MIB
        child.communicate(b"\n")


def test_the_table_compares_round_by_round() -> None:
    """A ratio is that of two runs of one round; aims, memory and who is missing are said."""
    workload = WORKLOADS["fresh"]
    large = Dataset(workload, (), Path(), Path(), rows=1_000_000, size=700_000_000)
    rounds = {
        "usage-stream": [Run(2.0, 2.0, 50.0), Run(4.0, 4.0, 50.0)],
        "usage-stream-2": [Run(2.0, 1.4, 90.0), Run(4.0, 2.8, 90.0)],
        "floor": [Run(1.0, 1.0, 30.0), Run(2.0, 2.0, 30.0)],
        "node": [Run(2.5, 2.5, 400.0), Run(5.0, 5.0, 400.0)],
    }
    written = table(large, rounds, ["json (it is not installed)"], 31.0)
    assert "| 2.00 (2.00–2.00) | ≤ 2.4: met |" in written
    assert "| 0.80 (0.80–0.80) | ≤ 0.5: missed |" in written
    assert "Two workers' wall over one's: 0.70 (0.70–0.70) (≤ 0.65: missed)." in written
    assert "keeps all rows (node): met." in written
    assert "Left out: json (it is not installed)." in written
    assert "31 MiB are the benchmark's own: floor." in written
    few = table(large._replace(rows=1000), rounds, [], 1.0)
    assert "≤ 2.4 with 1,000,000 rows" in few


def test_a_month_is_computed_from_the_last_stretch() -> None:
    """Beyond the largest size a row costs what it cost between the two largest."""
    points = [
        curve.Point("usage-stream", 1_000, 10**6, 1.0, 2.0, 40.0),
        curve.Point("usage-stream", 1_000_000, 10**9, 61.0, 62.0, 50.0),
        curve.Point("usage-stream", 2_000_000, 2 * 10**9, 121.0, 122.0, 50.0),
    ]
    said = curve.month(points)
    assert "100 GB of pages, 100.0 CPU minutes, 100.0 minutes of wall time" in said
    assert "43,200 windows of 2,314 rows" in said


def test_the_curve_is_measured_and_drawn(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each size is a line of the table, and the picture is there where matplotlib is."""
    few = ["--rows", "400,800", "--contenders", "usage-stream,json", "--peers-up-to", "500"]
    curve.main([*few, "--cache", str(cache)])
    assert lines_of(capsys.readouterr().out) == ["400", "800"]
    kept = json.loads((cache / "curve.json").read_text("utf-8"))
    sizes = [(point["name"], point["size"]) for point in kept]
    assert sizes == [("usage-stream", 400), ("json", 400), ("usage-stream", 800)]
    picture = cache / "cost-curve.svg"
    assert picture.exists() is (find_spec("matplotlib") is not None)


@pytest.mark.parametrize("over", AXES)
def test_a_curve_over_something_else(
    over: str, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each axis has its points, of usage-stream alone, and says what each more takes."""
    monkeypatch.setattr(axes, "ROWS", 240)
    curve.main(["--over", over, "--counts", "60,120", "--cache", str(cache)])
    output = capsys.readouterr().out
    assert lines_of(output) == ["60", "120"]
    assert "Each more takes usage-stream" in output
    kept = json.loads((cache / f"curve-{over}.json").read_text("utf-8"))
    assert [(point["name"], point["size"]) for point in kept] == [
        ("usage-stream", 60),
        ("usage-stream", 120),
    ]


def test_identities_are_as_many_as_asked_for(cache: Path) -> None:
    """Of a million rows, as near as whole walks come, so many are different."""
    for count, walks in ((60, 4), (120, 2), (240, 1)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(axes, "ROWS", 240)
            assert axes.AXES["identities"].measure(count, [], -1, cache)[1] == {}
            place = next(cache.glob(f"identities-{count}-*/summary*.json"))
        made = json.loads(place.read_bytes())
        assert (made["records"], made["walks"], made["delivered"]["rows"]) == (count, walks, 240)


def test_what_was_measured_goes_into_its_part_of_the_readme(tmp_path: Path) -> None:
    """A part is replaced as a whole, and one that is not there is refused."""
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n", "utf-8")
    put("x", "new", path)
    assert path.read_text("utf-8") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n"
    with pytest.raises(ValueError, match="0 parts called y"):
        put("y", "new", path)


@pytest.mark.parametrize("name", ["machine", "startup", "budgets", "curve", *CURVES, *WORKLOADS])
def test_the_readme_has_a_part_for_everything(name: str) -> None:
    """Whatever the benchmark writes has its place."""
    written = README.read_text("utf-8")
    assert f"<!-- {name} -->\n" in written
    assert f"<!-- /{name} -->\n" in written
