"""With ``--on-error dead-letter`` bad input is set aside, and everything else is reported."""

from __future__ import annotations

import gc
import json
import re
import stat
from pathlib import Path

import pytest

from tests.support.bad_pages import END, FAULTS, GOOD, MORE, ONE, SOUND, SOUND_TEXT, TWO, Fault
from tests.support.pages import (
    FIRST,
    Content,
    Json,
    bucket,
    letters_in,
    listed,
    page,
    put_all,
    used,
)
from tests.support.running import Replayed, replay
from tests.support.strategies import written

KEY = "sk-proj-Abcdefgh0123456789"
SECRETS: Json = {
    "note": f"ask {KEY} or jane.doe@corp.test",
    "redacted_value": "sk-hid...den1",
    "fingerprint": "5F:2A:C1:D0",
    "owner": {"email": "john@corp.test", "name": "Johnny Appleseed"},
    "headers": {"authorization": "Bearer abcdefghijklmnop"},
}
HIDDEN = (
    "sk-",
    "Abcdefgh",
    "jane",
    "john",
    "corp.test",
    "hid...den1",
    "5F:2A",
    "Appleseed",
    "abcdefghijklmnop",
)


def set_aside(files: dict[str, Content], scratch: Path, *options: str) -> Replayed:
    """Replay with dead letters into ``scratch/dead``; expect a report and exit code 1."""
    put_all(scratch / "pages", files)
    dead = ("--on-error", "dead-letter", "--dead-letters", str(scratch / "dead"))
    replayed = replay(scratch / "pages", *dead, *options)
    assert replayed.code == 1, replayed.errors
    assert replayed.report is not None, replayed.errors
    assert replayed.report["relationshipIssues"]
    return replayed


def tokens(report: Json, endpoint: str) -> int | None:
    """Find an endpoint's input tokens; none when the endpoint is not there."""
    entry = report["endpoints"].get(endpoint)
    found: int | None = entry and entry["metrics"]["input_tokens"]
    return found


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_only_what_is_bad_is_set_aside(fault: Fault, tmp_path: Path) -> None:
    """A fault costs the record or page that it is in, and every other figure is exact."""
    report = set_aside(SOUND | fault.files, tmp_path, *fault.options).report
    assert report is not None
    assert tokens(report, "usage/embeddings") == 10
    assert tokens(report, "usage/completions") == fault.left
    letters = letters_in(tmp_path / "dead")
    assert fault.fixture in [None, *(letter["fixture"] for letter in letters)]
    assert bool(letters) == (fault.fixture is not None)
    for letter in letters:
        assert letter["reason"]
        assert letter["message"]
        path = letter["path"]
        assert path is None or [one for one in fault.named if one.startswith(path)], fault.named


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Dead letters are readable by their owner alone, and nothing else is left beside them."""
    set_aside({ONE: "{"}, tmp_path)
    (path,) = (tmp_path / "dead").iterdir()
    assert path.name == "dead_letters.ndjson"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_without_faults_leaves_no_letters(tmp_path: Path) -> None:
    """Where nothing is bad the exit code is 0, and letters of an earlier run are gone."""
    set_aside({ONE: "{"}, tmp_path)
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    replayed = replay(tmp_path / "pages", on_error="dead-letter", dead_letters=tmp_path / "dead")
    assert (replayed.code, letters_in(tmp_path / "dead")) == (0, [])


@pytest.mark.parametrize("options", [("--on-error", "dead-letter"), ("--dead-letters", "dead")])
def test_the_two_options_go_together(options: tuple[str, str], tmp_path: Path) -> None:
    """One of ``--on-error dead-letter`` and ``--dead-letters`` alone is a usage error."""
    put_all(tmp_path, SOUND)
    assert replay(tmp_path, *options).code == 2


def test_a_place_that_cannot_be_written_is_69(tmp_path: Path) -> None:
    """A dead-letter directory that cannot be made ends the replay with 69 and no report."""
    put_all(tmp_path, SOUND | {"file": ""})
    dead = tmp_path / "file" / "dead"
    replayed = replay(tmp_path, on_error="dead-letter", dead_letters=dead)
    assert (replayed.code, replayed.report) == (69, None)


def bad(**fields: object) -> Json:
    """Make a bad row that holds secrets."""
    return used(-1, **SECRETS, **fields)


CARRIERS: dict[str, Content] = {
    "row": page(bucket(used(7), bad())),
    "metadata": page(bucket(used(-1, metadata=SECRETS))),
    "bucket": page(bucket(bad(), end_time=FIRST)),
    "rollup": page(GOOD, daily_costs=[{"timestamp": FIRST, "line_items": [bad()]}]),
    "page": page(bucket(used(7, **SECRETS)), has_more="yes"),
    "truncated page": written(page(bucket(bad())))[:-2],
    "HTML": f"<html>{written(SECRETS)}</html>",
    "error body": {"error": {"message": f"bad key {KEY} of jane@corp.test", **SECRETS}},
    "invalid UTF-8": written(page(bucket(bad()))).encode() + b"\xff",
    "long page": written(page(bucket(bad()), filler=["x" * 999] * 300)) + "]",
}


def escaped(text: str) -> str:
    """Write a JSON text with an escape for every second character of what must be hidden."""
    for hidden in (*HIDDEN, "redacted_value", "fingerprint", "email"):
        spelled = "".join(
            f"\\u{ord(letter):04x}" if index % 2 else letter for index, letter in enumerate(hidden)
        )
        text = text.replace(hidden, spelled)
    return text.replace("@", "\\u0040").replace("sk-", "s\\u006b-")


def nothing_told(folder: Path) -> None:
    """Look for secrets in the dead letters: as text, as JSON values, and with escapes undone."""
    raw = (folder / "dead_letters.ndjson").read_text("utf-8")
    assert raw
    values = json.dumps(letters_in(folder), ensure_ascii=False)
    plain = re.sub(r"\\+u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), values)
    for text in (raw, values, plain.replace("\0", "")):
        assert [hidden for hidden in HIDDEN if hidden in text] == [], text[:2_000]


@pytest.mark.parametrize("content", CARRIERS.values(), ids=CARRIERS.keys())
def test_secrets_are_masked(content: Content, tmp_path: Path) -> None:
    """Keys, emails and the values of private fields do not reach the dead letters."""
    set_aside({ONE: content}, tmp_path)
    nothing_told(tmp_path / "dead")


@pytest.mark.parametrize("content", CARRIERS.values(), ids=CARRIERS.keys())
def test_escaped_secrets_are_masked(content: Content, tmp_path: Path) -> None:
    """Secrets that are written with JSON escapes are masked all the same."""
    if isinstance(content, bytes):
        content = escaped(content[:-1].decode()).encode() + content[-1:]
    else:
        content = escaped(content if isinstance(content, str) else written(content))
    set_aside({ONE: content}, tmp_path)
    nothing_told(tmp_path / "dead")


@pytest.mark.parametrize("last", ["", "\\", "\\u00", "\\u0041", '"', "x\\"])
def test_a_secret_that_is_cut_off_is_masked(last: str, tmp_path: Path) -> None:
    """A page that ends inside a private value, even inside an escape, tells nothing of it."""
    cut = written(page(bucket(used(1, fingerprint="5F:2A:C1"))))
    set_aside({ONE: cut[: cut.index("C1")] + last}, tmp_path)
    nothing_told(tmp_path / "dead")


def test_another_encoding_is_masked(tmp_path: Path) -> None:
    """Secrets of a page in UTF-16 are not written out letter by letter."""
    set_aside({ONE: written(page(bucket(bad()))).encode("utf-16")}, tmp_path)
    nothing_told(tmp_path / "dead")


def test_letters_stand_in_the_order_of_pages(tmp_path: Path) -> None:
    """Dead letters stand in the order of chains and pages, and say which page and file."""
    two = page(bucket(used(-2, day=1), used(-3)))
    set_aside({ONE: page(bucket(used(-1)), cursor="2"), TWO: two, "costs.json": "x"}, tmp_path)
    letters = letters_in(tmp_path / "dead")
    assert [(one["endpoint"], one["page"], one["path"]) for one in letters] == [
        ("costs", 1, None),
        ("usage/completions", 1, "$.data[0].results[0].input_tokens"),
        ("usage/completions", 2, "$.data[0].results[0].input_tokens"),
        ("usage/completions", 2, "$.data[0].results[1].input_tokens"),
    ]


def test_two_files_for_a_page_say_which_page(tmp_path: Path) -> None:
    """Both files for one page are set aside, with the number of the page."""
    set_aside({ONE: MORE, TWO: END, "usage_completions_page02.json": END}, tmp_path)
    assert [letter["page"] for letter in letters_in(tmp_path / "dead")] == [2, 2]


def test_an_element_is_cut_out_of_its_list(tmp_path: Path) -> None:
    """A bad element of a list is set aside alone, and the others are still checked."""
    accounts = listed({"id": None}, {"id": "svc_a", "project_id": "proj_gone"})
    files: dict[str, Content] = {
        "projects_list.json": listed({"id": "proj_a"}),
        "service_accounts.json": accounts,
    }
    report = set_aside(files, tmp_path).report
    assert report is not None
    assert report["relationships"]["missingProjectIds"] == ["proj_gone"]
    (letter,) = letters_in(tmp_path / "dead")
    assert (letter["path"], letter["content"]) == ("$.data[0].id", {"id": None})


@pytest.mark.parametrize("gone", ["page 2", "an element"])
def test_a_list_that_is_not_whole_defines_nothing(gone: str, tmp_path: Path) -> None:
    """A reference is not checked against a list that lacks a page or an element."""
    bad_element = [{"id": None}] if gone == "an element" else []
    files: dict[str, Content] = {
        "projects_list.json": listed({"id": "proj_a"}, *bad_element, has_more=True, last_id="a"),
        f"projects_list_page{2 if bad_element else 3}.json": listed({"id": "proj_c"}),
        ONE: page(bucket(used(1, project_id="proj_b"))),
    }
    put_all(tmp_path / "pages", files)
    dead = ("--on-error", "dead-letter", "--dead-letters", str(tmp_path / "dead"))
    replayed = replay(tmp_path / "pages", *dead)
    assert replayed.code == len(bad_element)
    report = replayed.report
    assert report is not None
    assert report["relationshipIssues"]
    assert report["foreignKeyIssues"]["unknownProjects"] == []


def test_a_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    """A file whose name is not UTF-8 is set aside or counted, and the report is written."""
    name = b"usage_completions_\xff.json".decode("utf-8", "surrogateescape")
    set_aside({name: "{", "usage_completions.json": SOUND_TEXT}, tmp_path)


def test_what_cannot_be_set_aside_ends_the_run(tmp_path: Path) -> None:
    """Bad expectations are no record: they end the replay with 65, report and letters unwritten."""
    put_all(tmp_path / "pages", {ONE: "{", "expectations.json": "{"})
    dead = tmp_path / "dead"
    replayed = replay(tmp_path / "pages", on_error="dead-letter", dead_letters=dead)
    gc.collect()  # a file that was left open warns here, and warnings are errors
    assert (replayed.code, replayed.report, list(dead.iterdir())) == (65, None, [])
