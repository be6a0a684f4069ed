"""Accounts that a daemon asks: what it shows is what their evidence replays to, come what may."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from stream.recordings.twin import DEFAULT_KEY, parse_faults
from tests.support.daemons import Daemon, configure, daemon
from tests.support.running import replay
from tests.support.twin_server import RunningTwin, serve_twin_here

DAY = 86_400
SINCE = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * DAY))
LIVE = {"SOURCE_DATE_EPOCH": "", "OPENAI_ADMIN_KEY": DEFAULT_KEY}
OTHER_KEY = "sk-admin-of-somebody-else"


@pytest.fixture
def running() -> Iterator[RunningTwin]:
    """Serve a twin."""
    with serve_twin_here(projects=1, volume=0.3) as found:
        yield found


def poll(found: RunningTwin, **more: object) -> str:
    """Write an account that is asked often; a value of ``None`` leaves a key out."""
    keys: dict[str, object] = {
        "name": "acme",
        "since": SINCE,
        "evidence": "evidence",
        "base_url": found.url,
        "endpoints": ["usage/completions", "usage/images", "costs"],
        "every": "1s",
        "requests_per_minute": 6_000,
        "burst": 100,
    }
    written = {name: value for name, value in (keys | more).items() if value is not None}
    return "\n".join(
        ["[[poll]]", *(f"{name} = {json.dumps(one)}" for name, one in written.items())]
    )


def asking(place: Path, *polls: str, **more: Any) -> AbstractContextManager[Daemon]:
    """Run a daemon that asks accounts."""
    variables = {**LIVE, **more.pop("variables", {})}
    return daemon(place, sources="\n".join(polls), variables=variables, **more)


def walks(found: Daemon, outcome: str = "whole", **labels: str) -> float:
    """Return how many walks came to an outcome."""
    return found.value("usage_stream_api_walks_total", outcome=outcome, **labels)


def shown_in(found: Daemon) -> set[str]:
    """Return the endpoints in the report, if there is one by now."""
    there = (found.place / "report.json").exists()
    return set(found.report()["endpoints"]) if there else set()


def issues(found: Daemon) -> list[str]:
    """Return what the report names."""
    named: list[str] = found.report()["relationshipIssues"]
    return named


def follow(found: Daemon, *polls: str) -> None:
    """Give a daemon other accounts, and have it load them."""
    config = configure(found.place, found.port, sources="\n".join(polls))
    assert config.exists()
    before = found.log().count('"reloaded"')
    found.process.send_signal(signal.SIGHUP)
    found.until(lambda: found.log().count('"reloaded"') > before, "the reload")


def check_evidence(place: Path) -> dict[str, Any]:
    """See that the report of a daemon that has ended is that of a replay of its evidence."""
    raw = (place / "report.json").read_bytes()
    moment = json.loads(raw)["metadata"]["generatedAt"]
    now = int(datetime.fromisoformat(moment).timestamp())
    found = replay(place / "evidence", "--no-details", now=now)
    assert found.code == 0, found.errors
    assert raw == found.raw
    assert found.report is not None
    return found.report


def test_figures_appear_and_are_those_of_the_evidence(running: RunningTwin, tmp_path: Path) -> None:
    """Usage and costs are shown as soon as they are asked for; a kill loses none of it."""
    with asking(tmp_path, poll(running)) as found:
        found.until(lambda: walks(found, source="acme") >= 6, "walks")
        found.until(lambda: len(shown_in(found)) == 3, "figures")
        found.stop(signal.SIGKILL)
    before = len(running.twin.requests)
    with asking(tmp_path, poll(running)) as found:
        found.until(lambda: walks(found, endpoint="usage/completions") >= 2, "walks")
        assert found.stop() == 0
        assert "Traceback" not in found.log()
    repeated = [one.query for one in list(running.twin.requests)[before:] if "images" in one.path]
    assert not [one for one in repeated if "end_time" in one]  # what was settled stays so
    report = check_evidence(tmp_path)
    assert report["endpoints"].keys() == {"usage/completions", "usage/images", "costs"}


def test_a_reload_adds_changes_and_removes_an_account(running: RunningTwin, tmp_path: Path) -> None:
    """Accounts come, ask for something else, and go; what was asked stays, and mixes with none."""
    first, other = poll(running), poll(running, name="other", endpoints=["usage/images"])
    with asking(tmp_path, first) as found:
        found.until(lambda: walks(found, source="acme") >= 3, "the first account")
        follow(found, first, other)
        found.until(lambda: walks(found, source="other") >= 2, "the second account")
        follow(found, poll(running, endpoints=["usage/embeddings"], width="1d"), other)
        found.until(lambda: "usage/embeddings" in shown_in(found), "its endpoint")
        follow(found, other)
        found.until(lambda: walks(found, source="acme") == 0, "the end of the first account")
        assert "usage/embeddings" in shown_in(found)
        assert found.stop() == 0
        assert "Traceback" not in found.log()
    check_evidence(tmp_path)
    for name in ("acme", "other"):
        lines = (tmp_path / "evidence" / name).glob("*.ndjson")
        labels = {
            json.loads(one)["label"] for path in lines for one in path.read_bytes().splitlines()
        }
        assert {one for one in labels if not one.startswith("proj")} == {name}


def test_a_key_file_that_others_may_read_is_refused(running: RunningTwin, tmp_path: Path) -> None:
    """A key that is no secret ends the daemon with 78 before it asks, and is not shown."""
    place = tmp_path / "key"
    place.write_text(DEFAULT_KEY, "utf-8")
    place.chmod(0o644)
    with asking(tmp_path, poll(running, key_file="key"), wait=False) as found:
        assert found.process.wait(30) == 78
        assert "chmod 600" in found.log()
        assert DEFAULT_KEY not in found.log()
    assert not running.twin.requests


def test_a_refused_key_is_said_once(running: RunningTwin, tmp_path: Path) -> None:
    """With a key that is not accepted the daemon is not ready, and says so one time."""
    variables = {"OPENAI_ADMIN_KEY": OTHER_KEY}
    with asking(tmp_path, poll(running), variables=variables, wait=False) as found:
        found.until(lambda: "401" in found.ask("/readyz").text, "the refusal")
        assert found.ask("/readyz").status == 503
        found.until(lambda: "acme" in found.ask("/").text, "the page")
        assert sum("401" in one["message"] for one in found.events()) == 1
        assert len(running.twin.requests) < 10
        shown = found.log() + found.ask("/").text + found.ask("/metrics").text
        assert "somebody-else" not in shown


def test_endpoints_go_on_when_one_lacks_its_scope(running: RunningTwin, tmp_path: Path) -> None:
    """What the key may not read is named, and everything else is asked for."""
    running.twin.set_faults(parse_faults("scope@costs"))
    with asking(tmp_path, poll(running)) as found:
        found.until(lambda: walks(found, "scope", endpoint="costs") == 1, "the refusal")
        found.until(lambda: walks(found, endpoint="usage/completions") >= 2, "the others")
        found.until(lambda: "usage/completions" in shown_in(found), "figures")
        assert "costs" not in shown_in(found)
        assert sum("acme, costs" in one["message"] for one in found.events()) == 1
        assert re.search("acme, costs", json.dumps(issues(found)))
        follow(found, poll(running, endpoints=["usage/completions"]))
        found.until(lambda: not re.search("acme, costs", json.dumps(issues(found))), "its end")


def test_evidence_that_cannot_be_written_is_named(running: RunningTwin, tmp_path: Path) -> None:
    """Something in the way of evidence is named while it is there; the daemon goes on."""
    evidence = tmp_path / "evidence" / "acme"
    with asking(tmp_path, poll(running)) as found:
        found.until(lambda: walks(found, source="acme") >= 3, "walks")
        away = evidence.rename(tmp_path / "away")
        evidence.write_bytes(b"in the way")
        found.until(lambda: found.ask("/readyz").status == 503, "that it is named")
        assert "evidence" in found.ask("/readyz").text
        evidence.unlink()
        away.rename(evidence)
        found.until(found.ready, "readiness")
        assert found.stop() == 0
        assert "Traceback" not in found.log()


def test_evidence_that_never_could_be_written_ends_it(running: RunningTwin, tmp_path: Path) -> None:
    """Where walks cannot be kept from the start, the daemon says so and ends with 69."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / ".walks").write_bytes(b"in the way")
    with asking(tmp_path, poll(running), wait=False) as found:
        assert found.process.wait(30) == 69
        assert "cannot be written" in found.log()
        assert "Traceback" not in found.log()


def test_neither_key_nor_people_are_kept_or_shown(running: RunningTwin, tmp_path: Path) -> None:
    """The key, addresses and names of people are in no file, no output and no list of processes."""
    running.twin.set_faults(parse_faults("500:0.1,html:0.05,error:0.05"))
    variables = {"PYTHONDEVMODE": "1", "PYTHONFAULTHANDLER": "1"}
    with asking(tmp_path, poll(running), variables=variables) as found:
        found.until(lambda: walks(found, endpoint="users") >= 1, "the users")
        found.until(lambda: walks(found, endpoint="project_members") >= 1, "the members")
        found.until(lambda: walks(found, endpoint="costs") >= 1, "costs")
        found.until(lambda: "costs" in shown_in(found), "figures")
        shown = [found.ask(path).body for path in ("/", "/metrics", "/report", "/readyz")]
        shown.append(Path(f"/proc/{found.process.pid}/cmdline").read_bytes())
        found.stop(signal.SIGABRT)  # every thread's frames go to the log
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    everything = b"\n".join([*shown, *(path.read_bytes() for path in files)])
    assert b"Current thread" in everything
    assert DEFAULT_KEY.encode() not in everything
    assert re.search(rb"user-\d+@example", everything) is None
    people = [one["name"].encode() for one in running.twin.organization.users]
    assert not [name for name in people if b'"%s"' % name in everything]
    own = list((tmp_path / "evidence").rglob("*"))
    assert {(one.is_dir(), one.stat().st_mode & 0o777) for one in own} == {
        (True, 0o700),
        (False, 0o600),
    }
