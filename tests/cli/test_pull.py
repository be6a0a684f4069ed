"""pull: an account in a capture that replays, whatever the API does and whenever it is killed."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard

from stream.providers.openai import ENDPOINTS
from stream.recordings.twin import DEFAULT_KEY, TwinAnswer, parse_faults
from tests.support.running import on_a_terminal, replay, run
from tests.support.twin_server import (
    KEYED,
    RunningTwin,
    pull_process,
    read_lines,
    serve_twin_here,
    wait_for,
)

DAY = 86_400
TODAY = int(time.time()) // DAY * DAY
SINCE, UNTIL = TODAY - 9 * DAY, TODAY - 2 * DAY
SPAN = ("--since", str(SINCE), "--until", str(UNTIL))
QUICK = ("--requests-per-minute", "10000")
DONE: dict[str, Any] = {"late": 0.0, "cost_late": 0.0, "volume": 0.3}
"""A twin whose usage is all there at once, and is never corrected."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the twin's key."""
    monkeypatch.setenv("OPENAI_ADMIN_KEY", DEFAULT_KEY)


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningTwin]:
    """Serve a twin whose requests nobody counts."""
    with serve_twin_here(projects=2, **DONE) as running:
        yield running


def pull(out: Path, url: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """Pull in this process; return the exit code, the summary and stderr."""
    code, output, errors = run(["pull", str(out), "--base-url", url, *QUICK, *options])
    assert DEFAULT_KEY not in output + errors
    return code, json.loads(output) if output else {}, errors


def figures_of(out: Path, code: int = 0) -> dict[str, dict[str, Decimal]]:
    """Replay a capture; return the counters of each endpoint."""
    found = replay(out, "--no-details", now=int(time.time()))
    assert found.code == code, found.errors
    assert found.report is not None
    return {
        key: {name: Decimal(value) for name, value in one["metrics"].items() if value is not None}
        for key, one in found.report["endpoints"].items()
    }


def check_ledger(running: RunningTwin, out: Path, since: int = SINCE, until: int = UNTIL) -> None:
    """See that a capture's figures are the ledger's, to the last digit."""
    shown = figures_of(out)
    for key in ENDPOINTS:
        truth = running.twin.ledger.totals(key, since, until, now=time.time())
        found = {name: shown.get(key, {}).get(name, Decimal(0)) for name in truth}
        assert found == {name: Decimal(value) for name, value in truth.items()}, key


def unpack(out: Path) -> bytes:
    """Return a capture as it is meant; every frame must be whole."""
    raw = out.read_bytes() if out.exists() else b""
    if out.suffix == ".gz":
        return gzip.decompress(raw)
    if out.suffix == ".zst":
        with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as reader:
            return reader.read()
    return raw


@pytest.mark.parametrize("width", ["1d", "1h"])
def test_a_pull_replays_to_the_ledger(width: str, shared: RunningTwin, tmp_path: Path) -> None:
    """What is pulled replays with exit 0 to what the twin knows; nothing else is left."""
    out = tmp_path / "a.ndjson.zst"
    code, summary, errors = pull(out, shared.url, *SPAN, "--width", width)
    assert (code, errors, summary["refused"], summary["retried"]) == (0, "", [], 0)
    assert summary["pages"] == len(read_lines(unpack(out))) == summary["requests"]
    check_ledger(shared, out)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_pull_until_now_has_the_open_day(shared: RunningTwin, tmp_path: Path) -> None:
    """Without an end everything up to now is asked for, the day that is not over too."""
    out = tmp_path / "a.ndjson"
    code, _, _ = pull(out, shared.url, "--since", str(SINCE), "--endpoints", "completions,costs")
    assert code == 0
    ends = [
        one["end_time"]
        for line in read_lines(out.read_bytes())
        if line["endpoint"] == "usage/completions"
        for one in line["page"]["data"]
    ]
    assert max(ends) > time.time() - 60
    assert figures_of(out)


@pytest.mark.no_cover
@pytest.mark.parametrize("suffix", ["ndjson", "ndjson.gz", "ndjson.zst"])
def test_a_pull_that_is_killed_goes_on(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed again and again, it has whole walks, asks for no page twice but the last, and ends."""
    out, deaths = tmp_path / f"a.{suffix}", 0
    children: list[subprocess.Popen[bytes]] = []
    with serve_twin_here(projects=1, **DONE) as running:
        options = (*SPAN, *QUICK, "--endpoints", "completions,embeddings,costs", "--width", "1m")
        answer, steps = running.twin.answer, (0, 1, 3, 7, 12, 20, 30, 999)

        def answer_or_kill(*asked: Any) -> TwinAnswer:
            """Kill who asks while it waits: nobody has to look at the right moment."""
            found = answer(*asked)
            if len(running.targets) > steps[len(children) - 1]:
                children[-1].kill()
            return found

        monkeypatch.setattr(running.twin, "answer", answer_or_kill)
        for _ in steps:
            children.append(pull_process(out, running.url, *options))
            output, errors = children[-1].communicate()
            deaths += children[-1].returncode == -9
            assert children[-1].returncode in {0, -9}, errors
            read_lines(unpack(out))
            if children[-1].returncode == 0:
                break
        assert json.loads(output)["refused"] == []
        again = len(running.targets) - len(set(running.targets))
        assert deaths > 2
        assert again <= 4 * deaths  # as many walks as may be under way
        shown = figures_of(out)
        for name in ("usage/completions", "usage/embeddings", "costs"):
            truth = running.twin.ledger.totals(name, SINCE, UNTIL, now=time.time())
            assert shown[name] == {key: Decimal(value) for key, value in truth.items()}
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def begin(out: Path, running: RunningTwin, pages: int, *options: str) -> None:
    """Pull until so many pages are there, and be killed."""
    child = pull_process(out, running.url, *QUICK, *options)
    wait_for(lambda: len(running.targets) >= pages, "a page")
    child.kill()
    child.communicate(timeout=60)


LONG = ("--since", str(TODAY - 200 * DAY), "--until", str(UNTIL), "--endpoints", "costs")
SHORT_PAGES: dict[str, Any] = {**DONE, "projects": 1, "most_costs": 10}


def test_a_walk_that_is_killed_goes_on_with_its_cursor(tmp_path: Path) -> None:
    """In the middle of several pages a process ends; the next one asks for the next page."""
    out = tmp_path / "a.ndjson"
    with serve_twin_here(**SHORT_PAGES) as running:
        begin(out, running, 5, *LONG, "--no-lists")
        before = len(running.twin.requests)
        code, summary, errors = pull(out, running.url, *LONG, "--no-lists")
        assert (code, errors) == (0, "")
        assert "page=" in running.twin.requests[before].query
        assert len(running.targets) - len(set(running.targets)) <= 1
        assert summary["walks"] >= 1
        truth = running.twin.ledger.totals("costs", TODAY - 200 * DAY, UNTIL, now=time.time())
        found = figures_of(out)["costs"]
        assert found == {name: Decimal(value) for name, value in truth.items()}


def test_a_cursor_that_is_refused_begins_the_walk_anew(tmp_path: Path) -> None:
    """What was read with a cursor that the API knows no more is left out, and asked for again."""
    out = tmp_path / "a.ndjson"
    with serve_twin_here(**SHORT_PAGES) as running:
        begin(out, running, 5, *LONG, "--no-lists")
        running.twin.set_faults(parse_faults('{"fault":[{"kind":"expired","times":1}]}'))
        code, summary, errors = pull(out, running.url, *LONG, "--no-lists")
        assert (code, errors, summary["retried"]) == (0, "", 1)
        truth = running.twin.ledger.totals("costs", TODAY - 200 * DAY, UNTIL, now=time.time())
        found = figures_of(out)["costs"]
        assert found == {name: Decimal(value) for name, value in truth.items()}


def test_other_options_do_not_go_on(tmp_path: Path) -> None:
    """What was begun with other options, or is whole already, is left as it is, and said."""
    out = tmp_path / "a.ndjson"
    with serve_twin_here(**SHORT_PAGES) as running:
        begin(out, running, 2, *LONG)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        code, _, errors = pull(out, running.url, *LONG, "--no-lists")
        assert (code, "other options" in errors) == (69, True)
        after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert after == before
        assert pull(out, running.url, *LONG)[0] == 0
        whole = out.read_bytes()
        code, _, errors = pull(out, running.url, *LONG)
        assert (code, "is there already" in errors, out.read_bytes()) == (69, True, whole)


def test_a_capture_that_somebody_removed_is_pulled_anew(tmp_path: Path) -> None:
    """What stands beside a capture does not hide that its walks are gone with it."""
    out = tmp_path / "a.ndjson"
    with serve_twin_here(**SHORT_PAGES) as running:
        options = (*SPAN, "--endpoints", "completions,costs")
        running.twin.set_faults(parse_faults("500@costs"))
        begin(out, running, 5, *options)
        wait_for(lambda: list(tmp_path.glob(".a.ndjson.walks/*.walk")), "a walk")
        out.unlink(missing_ok=True)
        running.twin.set_faults(())
        assert pull(out, running.url, *options)[0] == 0
        assert figures_of(out).keys() == {"usage/completions", "costs"}


def test_a_plan_that_was_cut_is_no_other_plan(tmp_path: Path) -> None:
    """Killed before anything was asked, with half of what is kept, it begins as if new."""
    out = tmp_path / "a.ndjson"
    walks = tmp_path / ".a.ndjson.walks"
    walks.mkdir()
    (walks / "plan.new").write_bytes(b'{"star')
    with serve_twin_here(**SHORT_PAGES) as running:
        assert pull(out, running.url, *SPAN, "--endpoints", "costs", "--no-lists")[0] == 0


def test_a_refused_key_leaves_nothing(shared: RunningTwin, tmp_path: Path) -> None:
    """A key that the API does not accept ends it with 77, and neither file nor directory stays."""
    place = tmp_path / "key"
    place.touch(mode=0o600)
    place.write_text("sk-admin-of-somebody-else", "utf-8")
    out = tmp_path / "a.ndjson"
    code, _, errors = pull(out, shared.url, *SPAN, "--key-file", str(place))
    assert (code, errors.count("\n")) == (77, 1)
    assert "somebody" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_an_api_that_is_not_there_is_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing answers: 69, each is named, and the same command goes on when something does."""
    monkeypatch.setattr("stream.sources.api.source.MOST_ATTEMPTS", 2)
    out = tmp_path / "a.ndjson"
    options = (*SPAN, "--endpoints", "completions,costs")
    code, summary, errors = pull(out, "http://127.0.0.1:1/v1", *options)
    assert (code, errors) == (69, "")
    assert {one["kind"] for one in summary["refused"]} == {"busy"}
    assert {"costs", "projects", "usage/completions"} <= {one["part"] for one in summary["refused"]}
    with serve_twin_here(projects=1, **DONE) as running:
        code, summary, _ = pull(out, running.url, *options)
        assert (code, summary["refused"]) == (0, [])


def test_an_endpoint_without_a_scope_is_named(tmp_path: Path) -> None:
    """A key that may not read usage gets the lists, each endpoint is named, and the exit is 1."""
    out = tmp_path / "a.ndjson"
    with serve_twin_here(projects=1, **DONE) as running:
        running.twin.set_faults(parse_faults("scope@costs"))
        code, summary, errors = pull(out, running.url, *SPAN, "--endpoints", "completions,costs")
        (refused,) = summary["refused"]
        assert (code, errors, refused["part"], refused["kind"]) == (1, "", "costs", "scope")
        assert "admin key" in refused["message"]
        assert figures_of(out)["usage/completions"]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_second_run_waits_for_no_rest_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one run was refused for good is asked at once by the next one, not after an hour."""
    monkeypatch.setattr("stream.sources.api.source.MOST_ATTEMPTS", 1)
    out = tmp_path / "a.ndjson"
    with serve_twin_here(projects=1, **DONE) as running:
        options = (*SPAN, "--endpoints", "completions,costs", "--no-lists")
        running.twin.set_faults(parse_faults("scope@costs,500@usage/completions"))
        assert pull(out, running.url, *options)[0] == 69
        running.twin.set_faults(())
        assert pull(out, running.url, *options)[0] == 0
        assert figures_of(out).keys() == {"usage/completions", "costs"}


def test_costs_across_the_key_floor(tmp_path: Path) -> None:
    """Before keys were known costs are grouped without them; both sides are there."""
    floor = 1_764_979_200
    since, until = floor - 20 * DAY, floor + 20 * DAY
    out = tmp_path / "a.ndjson"
    span = ("--since", str(since), "--until", str(until))
    with serve_twin_here(projects=1, lookback=9_999.0 * DAY, **DONE) as running:
        code, summary, _ = pull(out, running.url, *span, "--endpoints", "costs", "--no-lists")
        truth = running.twin.ledger.totals("costs", since, until, now=time.time())
    assert (code, summary["refused"]) == (0, [])
    groups = {
        (line["request"]["start_time"] >= floor, "api_key_id" in line["request"]["group_by"])
        for line in read_lines(out.read_bytes())
    }
    assert groups == {(False, False), (True, True)}
    found = figures_of(out)["costs"]
    assert found == {name: Decimal(value) for name, value in truth.items()}


def test_lists_are_left_out_if_nobody_wants_them(shared: RunningTwin, tmp_path: Path) -> None:
    """Without lists nothing but endpoints is asked for."""
    out = tmp_path / "a.ndjson"
    assert pull(out, shared.url, *SPAN, "--endpoints", "images", "--no-lists")[0] == 0
    assert {line["endpoint"] for line in read_lines(out.read_bytes())} == {"usage/images"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", str(UNTIL), "--until", str(SINCE)], "nothing to ask for"),
        (["--since", str(TODAY + 2 * DAY)], "in the future"),
        (["--since", "noon"], "no time"),
        ([*SPAN, "--endpoints", "completions,telepathy"], "telepathy"),
        ([*SPAN, "--group-by", "colour"], "colour"),
        ([*SPAN, "--requests-per-minute", "0"], "0"),
        ([], "--since"),
    ],
)
def test_wrong_options_are_refused(options: list[str], words: str, tmp_path: Path) -> None:
    """An option that is wrong ends the command before anything is asked or written."""
    code, output, errors = run(["pull", str(tmp_path / "a.ndjson"), *options])
    assert (code, output, words in errors) == (2, "", True)
    assert not list(tmp_path.iterdir())
    assert run(["pull", str(tmp_path / "a.json"), *SPAN])[0] == 2


def test_it_says_how_far_it_is_on_a_terminal(shared: RunningTwin, tmp_path: Path) -> None:
    """On a terminal pages are counted on stderr; stdout stays JSON."""
    arguments = ("pull", str(tmp_path / "a.ndjson"), *SPAN, "--no-lists", *QUICK)
    output, drawn = on_a_terminal(*arguments, "--base-url", shared.url)
    assert json.loads(output)["pages"] == len(ENDPOINTS)
    assert "pages" in drawn


def test_its_help_says_what_it_does() -> None:
    """Every option has its sentence, and the exit codes stand below."""
    code, output, _ = run(["pull", "--help"])
    assert code == 0
    for name in ("--since", "--until", "--endpoints", "--width", "--group-by", "--lists"):
        assert name in output
    assert re.search(r"\b77\b", output)


def test_neither_key_nor_people_are_shown(tmp_path: Path) -> None:
    """The key and what tells of people are in no output, no file and no list of processes."""
    out = tmp_path / "a.ndjson"
    with serve_twin_here(**SHORT_PAGES) as running:
        running.twin.set_faults(parse_faults("hang/600@usage/completions"))
        variables = {**KEYED, "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}
        child = pull_process(out, running.url, *SPAN, *QUICK, variables=variables)
        wait_for(lambda: len(running.targets) > 12 and list(tmp_path.glob("**/*.walk")), "pages")
        shown = Path(f"/proc/{child.pid}/cmdline").read_bytes()
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
        child.terminate()
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 143, errors
        people = [one["name"].encode() for one in running.twin.organization.users]
    assert os.fsencode(DEFAULT_KEY) not in shown + kept + output + errors
    assert re.search(rb"user-\d+@example", kept + output + errors) is None
    assert not [name for name in people if b'"%s"' % name in kept + output + errors]
    assert modes <= {(True, 0o700), (False, 0o600)}
