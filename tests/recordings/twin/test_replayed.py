"""What the twin answers is what the program reads: a replay of its pages has its ledger's sums."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from stream.providers.openai import ENDPOINTS
from stream.recordings.twin import Twin, TwinLedger
from stream.records.capture_line import line_of
from tests.support.running import run
from tests.support.twins import DAY, NOW, Asked, Moment, ask, page_of

START = NOW - 3 * DAY


def record_pages(twin: Twin, key: str, label: str, asked: Asked, observed: float) -> bytes:
    """Walk a chain, and write its pages as lines of a capture."""
    lines, cursor = b"", None
    request: dict[str, Any] = {name: value for name, value in asked if name != "group_by[]"}
    request["group_by"] = [value for name, value in asked if name == "group_by[]"]
    while True:
        name = "page" if "start_time" in request else "after"
        answer = ask(twin, key, [*asked, *([(name, cursor)] if cursor else [])])
        page = json.loads(answer.body)
        shown = request | ({"page": cursor} if cursor else {})
        endpoint = key.rsplit("/", maxsplit=1)[-1] if name == "after" else key
        lines += line_of(endpoint, label, int(observed * 1e6), shown, answer.body)
        cursor = page["next_page"] if name == "page" else page["last_id"]
        if not page["has_more"]:
            return lines


def test_a_replay_has_the_ledgers_sums(tmp_path: Path) -> None:
    """After walks while usage grew, fell and settled, every counter is what the ledger says."""
    clock = Moment()
    twin = Twin(5, clock)
    lines = b""
    for clock.now in (NOW - DAY + 5000.5, NOW + 60, NOW + 4 * DAY):
        for entry in ENDPOINTS.values():
            asked: Asked = [("start_time", START), ("end_time", NOW), ("limit", 2)]
            asked += [("group_by[]", name) for name in entry.groups]
            lines += record_pages(twin, entry.key, "primary", asked, clock.now)
        for path, more in (("projects", [("include_archived", "true")]), ("users", [])):
            lines += record_pages(twin, path, "primary", [("limit", 4), *more], clock.now)
        for project in page_of(twin, "projects")["data"]:
            path = f"projects/{project['id']}/api_keys"
            every: Asked = [("owner_project_access", "any")]
            lines += record_pages(twin, path, project["id"], every, clock.now)
    capture, report = tmp_path / "pages.ndjson", tmp_path / "report.json"
    capture.write_bytes(lines)
    code, _, errors = run(
        ["replay", str(capture), "--report", str(report), "--now", str(NOW + 5 * DAY)]
    )
    assert (code, errors) == (0, "")
    found = json.loads(report.read_text("utf-8"), parse_float=Decimal)["endpoints"]
    ledger = TwinLedger(5)
    for key in ENDPOINTS:
        sums = ledger.totals(key, START, NOW, now=clock.now)
        metrics = {name: value for name, value in found[key]["metrics"].items() if name in sums}
        assert {name: Decimal(value) for name, value in metrics.items()} == sums
