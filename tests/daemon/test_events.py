"""What is logged: every line bears an event of the table in README.md, and nothing private."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Final, get_args

import pytest
import structlog

from stream.daemon import logs
from stream.daemon.config import Log
from stream.daemon.events import Event, log_event
from stream.records.privacy import is_private_name
from tests.support.daemons import daemon
from tests.support.pages import bucket, letters_in, page, put, put_all, used
from tests.support.places import ROOT

DAEMON: Final = ROOT / "stream" / "daemon"
EVENTS: Final = get_args(Event)
ALWAYS: Final = {"timestamp", "level", "event", "message"}
ROW: Final = re.compile(r"^\| `(\w+)` \| (\w+) \| [^|]+ \| ([^|]*)\|$", re.MULTILINE)
TEXT: Final = ROOT.joinpath("README.md").read_text("utf-8")
TABLE: Final = {
    name: (level, set(re.findall(r"`(\w+)`", fields))) for name, level, fields in ROW.findall(TEXT)
}
SECRETS: Final = ("sk-proj-Abcdefgh01234567", "jane@corp.test")


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield each module of the daemon, by its file's name."""
    for path in sorted(DAEMON.rglob("*.py")):
        yield path.name, ast.parse(path.read_text("utf-8"))


def events_in(tree: ast.Module) -> Iterator[tuple[ast.expr, int]]:
    """Yield what is handed to a log as its event, and on which line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else None
        name = node.func.id if isinstance(node.func, ast.Name) else name
        place = {"log_event": 1, "note_mishap": 0}.get(name or "")
        if place is not None:
            yield node.args[place], node.lineno


def test_the_table_has_every_event() -> None:
    """README.md explains each event that the type allows, in its order, and no other."""
    assert tuple(TABLE) == EVENTS


def test_only_known_events_are_logged() -> None:
    """Each call names an event, looks one up by what went wrong, or hands on one it was given."""
    wrong = []
    for file, tree in trees():
        for event, line in events_in(tree):
            text = ast.unparse(event)
            is_named = isinstance(event, ast.Constant) and event.value in EVENTS
            is_looked_up = text.partition("[")[0] in {"FAILED", "WORKS", "BEGUN", "ENDED"}
            if not (is_named or is_looked_up or text == "event"):
                wrong.append((file, line, text))
    assert wrong == []


def test_each_event_is_logged_somewhere() -> None:
    """No event of the table is one that the daemon has given up."""
    texts = {
        node.value
        for file, tree in trees()
        if file != "events.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {*EVENTS} - texts == set()


def test_nobody_logs_in_another_way() -> None:
    """Only what sets logs up, and what writes an event, knows the library; nobody prints."""
    users = [
        file
        for file, tree in trees()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and "structlog" in {one.name for one in node.names})
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("structlog"))
        or (isinstance(node, ast.Name) and node.id == "print")
    ]
    assert users == ["events.py", "logs.py"]


@pytest.mark.parametrize("event", EVENTS)
def test_no_field_shows_what_is_private(event: Event, request: pytest.FixtureRequest) -> None:
    """A secret in the sentence or in any field of an event is masked, and no field is hidden."""
    request.addfinalizer(structlog.reset_defaults)
    level, fields = TABLE[event]
    assert not [name for name in fields if is_private_name(name)]
    stream = StringIO()
    logs.set_up(Log(level="debug", format="json"), stream)
    said = " and ".join(SECRETS)
    assert level in {"debug", "info", "warning", "error"}
    log_event("error", event, f"x {said}", **dict.fromkeys(fields, f"/srv/{said}"))
    line = json.loads(stream.getvalue())
    assert line.keys() == ALWAYS | fields
    assert not [secret for secret in SECRETS if secret in stream.getvalue()]
    assert [line[name] for name in fields] == ["/srv/*** and ***"] * len(fields)


def test_lines_have_the_fields_of_the_table(tmp_path: Path) -> None:
    """Pages, dead letters, troubles and readiness are logged at their level, with their fields."""
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(used(1), used(-1)))})
    put(pages, f"notes {SECRETS[0]}.txt", "x")
    with daemon(tmp_path, sources='[[watch]]\npath = "pages"\nname = "polls"') as found:
        found.until(lambda: "left_out" in found.log(), "what is left out")
        (pages / f"notes {SECRETS[0]}.txt").unlink()
        put(pages, "usage_images.json", "{}")
        found.until(lambda: len(letters_in(tmp_path / "dead")) == 2, "dead letters")
        put(pages, "usage_completions.json", page(bucket(used(1), used(2))))
        (pages / "usage_images.json").unlink()
        found.until(lambda: found.log().count("dead_letter_mended") == 2, "that both are mended")
        pages.rename(tmp_path / "away")
        found.until(lambda: '"source_failed"' in found.log(), "that it is gone")
        (tmp_path / "away").rename(pages)
        found.until(lambda: '"source_works"' in found.log(), "that it is back")
        found.until(lambda: "left_out_ended" in found.log(), "that nothing is left out")
        found.until(lambda: '"ready"' in found.log(), "that it is ready again")
        assert found.ask("/-/reload", method="POST").status == 200
        (tmp_path / "config.toml").write_text("nonsense", "utf-8")
        assert found.ask("/-/reload", method="POST").status == 400
        assert found.stop() == 0
    lines = found.events()
    for line in lines:
        level, fields = TABLE[line["event"]]
        assert line["level"] == level
        assert line.keys() >= ALWAYS
        assert line.keys() - ALWAYS <= fields, line
        assert fields - line.keys() <= {"page", "line"}, line
    expected = {"started", "unready", "ready", "page", "dead_letter", "left_out", "left_out_ended"}
    expected |= {"dead_letter_mended"}
    expected |= {"checkpoint", "report", "source_failed", "source_works", "reloaded"}
    expected |= {"reload_failed", "stopping", "stopped"}
    assert {line["event"] for line in lines} >= expected
    assert SECRETS[0] not in found.log()
