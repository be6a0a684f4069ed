"""What a directory holds is decided by what is in its files, whatever they are called."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.support.envelopes import PACKED
from tests.support.pages import Content, Json, bucket, page, put, put_all, used
from tests.support.running import Replayed, replay
from tests.support.strategies import written

KIND = "organization.usage.completions.result"
FIRST_DAY, SECOND_DAY = bucket(used(700, object=KIND)), bucket(used(300, object=KIND), day=1)
FIRST, LAST = page(FIRST_DAY, cursor="page_x"), page(SECOND_DAY)
WHOLE = page(FIRST_DAY, SECOND_DAY)
COSTS = page(bucket({"object": "organization.costs.result", "amount": {"value": 1.5}}))
MARK = b"\xef\xbb\xbf"


def text_of(*pages: object, between: str = "\n", indent: int | None = None) -> bytes:
    """Write documents behind each other."""
    return between.join(json.dumps(one, indent=indent) for one in pages).encode()


def envelope(content: Json, **members: object) -> Json:
    """Put an envelope around a page."""
    return {"endpoint": "usage/completions", "page": content, **members}


def tokens(replayed: Replayed) -> object:
    """Return the input tokens that count."""
    assert replayed.report is not None, replayed.errors
    return replayed.report["endpoints"]["usage/completions"]["metrics"]["input_tokens"]


SHAPES: dict[str, bytes] = {
    "a page": text_of(WHOLE),
    "an indented page": text_of(WHOLE, indent=2),
    "an array of buckets": text_of([FIRST_DAY, SECOND_DAY], indent=1),
    "an array of pages": text_of([FIRST, LAST]),
    "an array of arrays": text_of([[FIRST_DAY], [SECOND_DAY]]),
    "pages behind each other": text_of(FIRST, LAST, between=""),
    "indented pages behind each other": text_of(FIRST, LAST, between="\n\n", indent=4),
    "pages of RFC 7464": b"\x1e" + text_of(FIRST, LAST, between="\n\x1e") + b"\n",
    "lines of pages": text_of(FIRST, LAST) + b"\n",
    "lines of envelopes": text_of(envelope(FIRST), envelope(LAST)) + b"\n",
    "lines of both": text_of(envelope(FIRST), LAST),
    "an array of envelopes": text_of([envelope(FIRST), envelope(LAST)]),
    "buckets behind each other": text_of(FIRST_DAY, SECOND_DAY),
    "marks between pages": text_of(FIRST) + MARK + text_of(LAST),
    "two marks before one": text_of(FIRST) + b"\n" + MARK + MARK + text_of(LAST),
    "marks before each": MARK + text_of(FIRST) + b"\n" + MARK + text_of(LAST),
}
NAMES = (
    *("usage_completions.json", "usage.json", "answer.jsonl", "walk.ndjson", "saved", "a.json.1"),
    *("usage_completions.jsonl", "openai-usage-completions.JSON", "x.txt"),
)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("suffix", PACKED)
def test_every_shape_is_read_under_every_name(shape: bytes, suffix: str, tmp_path: Path) -> None:
    """Pages count the same in any shape, packed or plain, whatever the file's name says."""
    for name in (f"{one}{end}" for one in NAMES for end in ("", suffix)):
        if name == "walk.ndjson" and b"{\n" in shape and not shape.startswith(b"{\n"):
            continue  # what has lines by its name is read line by line
        put_all(tmp_path / name, {name: PACKED[suffix](shape)})
        for place in (tmp_path / name, tmp_path / name / name):
            replayed = replay(place)
            assert (replayed.code, replayed.errors) == (0, ""), name
            assert tokens(replayed) == 1_000, name


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_what_was_read_is_not_read_again(shape: bytes, tmp_path: Path) -> None:
    """A run that resumes from a state has the same report, and so have worker processes."""
    for name in ("usage_completions.json", "usage.json"):
        pages = put_all(tmp_path / name, {name: shape})
        whole, state = replay(pages), tmp_path / f"{name}.db"
        for _ in range(2):
            assert replay(pages, state=state).raw == whole.raw
        assert replay(pages, workers=2).raw == whole.raw


NAMED: dict[str, dict[str, Content]] = {
    "pages with a separator": {
        "usage_completions_page_1.json": FIRST,
        "usage_completions_page_2.json": LAST,
    },
    "pages from 0 on": {
        "usage-completions-page0.json": FIRST,
        "Usage-Completions-Page1.json": LAST,
    },
    "a provider's prefix": {"openai_usage_completions.json": WHOLE},
    "a directory a day": {
        "2026-09-01": lambda path: put_all(path, {"usage_completions.json": page(FIRST_DAY)}),
        "2026-09-02": lambda path: put_all(path, {"usage_completions.json": page(SECOND_DAY)}),
    },
    "directories in directories": {
        "2026": lambda path: put_all(path / "09" / "01", {"usage.json": WHOLE}),
    },
    "a label that ends as a page": {"usage_completions_landing_page2.json": WHOLE},
    "a packed page in its chain": {
        "usage_completions_page1.json.gz": gzip.compress(written(FIRST).encode()),
        "usage_completions_page2.json": LAST,
    },
    "another packed page": {
        "usage_completions.json.zst": zstandard.compress(written(WHOLE).encode())
    },
    "what its rows say": {"costs_september.json": WHOLE},
}


@pytest.mark.parametrize("files", NAMED.values(), ids=NAMED.keys())
def test_names_tell_where_pages_belong(files: dict[str, Content], tmp_path: Path) -> None:
    """Case, separators, prefixes and directories make no other page of one."""
    replayed = replay(put_all(tmp_path, files))
    assert (replayed.code, replayed.errors) == (0, "")
    assert tokens(replayed) == 1_000


def test_a_label_begins_with_its_directory(tmp_path: Path) -> None:
    """What stands in a directory below is a walk of its own."""
    for name in ("a", "b"):
        files: dict[str, Content] = {"usage_completions.json": WHOLE, "costs_x.json": COSTS}
        put_all(tmp_path / name, files)
    report = replay(tmp_path).report
    assert report is not None
    assert sorted(report["usageVariants"]) == ["a", "b"]
    assert {one["label"] for one in report["run"]["fixtures"]} == {"a", "a/x", "b", "b/x"}


def test_a_walk_without_its_end_is_refused_in_every_shape(tmp_path: Path) -> None:
    """Pages whose place nobody knows are judged by what they hand out."""
    for name in ("usage.json", "usage_completions.json.gz", "usage_completions.jsonl"):
        assert replay(put_all(tmp_path / name, {name: FIRST})).code == 65


def test_standard_input_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash reads what is piped into the command."""
    for shape in (SHAPES["lines of pages"], gzip.compress(SHAPES["a page"])):
        with put(tmp_path, "piped", shape).open("r", encoding="latin-1") as file:
            monkeypatch.setattr("sys.stdin", file)
            assert tokens(replay(Path("-"))) == 1_000


def test_links_below_the_path_are_followed(tmp_path: Path) -> None:
    """A ConfigMap is made of links into a directory with dots before it; each page counts once."""
    pages = put_all(tmp_path / "pages", {})
    put_all(pages / "..2026_09_01", {"usage_completions.json": WHOLE, "usage.json": COSTS})
    (pages / "..data").symlink_to("..2026_09_01")
    for name in ("usage_completions.json", "usage.json"):
        (pages / name).symlink_to(f"..data/{name}")
    (pages / "again.json").symlink_to("usage_completions.json")
    (pages / "loop").symlink_to(".")
    replayed = replay(pages)
    assert replayed.report is not None
    assert tokens(replayed) == 1_000
    assert replayed.report["run"]["pages"] == 2
    (pages / "loop").unlink()
    assert replay(pages).code == 0


LEFT: dict[str, tuple[Content, str]] = {
    "costs_2026-09.csv": ("start_time,end_time,amount_value\n1,2,3\n", "CSV"),
    "answer.txt": ("HTTP/2 200 \r\ndate: x\r\n\r\n{}", "HTTP"),
    "wide.json": ('{"object":"page"}'.encode("utf-16"), "UTF-16"),
    "site.html": ("<!DOCTYPE html>", "HTML"),
    "session.har": ({"log": {"entries": []}}, "HAR"),
    "wrapped.json": ({"status": 200, "body": WHOLE}, "wrapped in body"),
    "refused.json": ({"error": {"message": "no"}}, "error body"),
    "empty.json": ("", "nothing"),
    "hole.log": (b"\0" * 9 + b"{}\n", "9 NUL bytes from byte 0"),
    "package.json": ({"name": "x"}, "usage_<endpoint>"),
    "idle.json": (page(bucket()), "do not say of which endpoint"),
    "usage_completions.json.bak": (WHOLE, "copy"),
    "elsewhere.json": (lambda path: path.symlink_to(__file__), "leaves PATH"),
    "nowhere.json": (lambda path: path.symlink_to("gone"), "leads nowhere"),
    "admin_keys.json": (
        {"object": "list", "data": [{"object": "organization.admin_api_key", "id": "key_a"}]},
        "admin API keys",
    ),
    "claude.json": ({"data": [{"starting_at": "2026-11-01T00:00:00Z"}]}, "Anthropic"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_out_is_named(name: str, tmp_path: Path) -> None:
    """What is not read stands in the report with its reason, and makes the exit code 1."""
    content, reason = LEFT[name]
    replayed = replay(put_all(tmp_path, {"usage_completions.json": WHOLE, name: content}))
    assert replayed.report is not None, replayed.errors
    ((found, said),) = (one.values() for one in replayed.report["run"]["leftOut"])
    assert (replayed.code, found) == (1, name)
    assert reason in said
    assert name in replayed.errors
    assert tokens(replayed) == 1_000


def test_groupings_are_told_apart_by_other_names_too(tmp_path: Path) -> None:
    """Files of one day by model, by project and in total say the same usage, whatever they are."""
    rows = {
        "by_model.json": [used(600, object=KIND, model="a"), used(400, object=KIND, model="b")],
        "usage-by-project_1.json": [used(900, object=KIND, project_id="q")],
        "usage-by-project_2.json": [used(100, object=KIND, project_id="r")],
        "total.json": [used(1_000, object=KIND)],
    }
    pages: dict[str, Content] = {name: page(bucket(*some)) for name, some in rows.items()}
    pages["usage-by-project_1.json"] = page(bucket(*rows["usage-by-project_1.json"]), cursor="x")
    assert tokens(replay(put_all(tmp_path, pages))) == 1_000


def test_days_that_differ_are_named_under_other_names_too(tmp_path: Path) -> None:
    """A later run's file says another figure of a day: the larger counts, and both are named."""
    files: dict[str, Content] = {"2026-09-02.json": page(FIRST_DAY), "2026-09-03.json": WHOLE}
    files["2026-09-03.json"] = page(bucket(used(650, object=KIND)), SECOND_DAY)
    replayed = replay(put_all(tmp_path, files))
    assert tokens(replayed) == 1_000
    assert replayed.report is not None
    (differing,) = replayed.report["reconciliation"]["labelsDiffer"]
    assert sorted(differing["figures"].values()) == [650, 700]
    assert "observed_at" in replayed.errors


LONG = page(*(bucket(used(1, object=KIND, model=f"m-{n}")) for n in range(700)))
LONG_ONES: dict[str, tuple[object, str]] = {
    "wrapped": ({"status": 200, "headers": {"a": "b"}, "body": LONG}, "wrapped in body"),
    "lines of wrapped ones": ([{"body": WHOLE}, {"body": LONG}], "wrapped in body"),
    "HAR": ({"log": {"pages": [{"id": "p"}], "entries": [{"text": json.dumps(LONG)}]}}, "HAR"),
    "/v1/usage": ({"data": [{"n_context_tokens_total": 1}] * 9_000}, "/v1/usage"),
    "Anthropic": (
        {"data": [{"starting_at": "x", "results": [{"output_tokens": 1}] * 9_000}]},
        "Anthropic",
    ),
}


@pytest.mark.parametrize(("content", "reason"), LONG_ONES.values(), ids=LONG_ONES.keys())
def test_what_is_long_is_known_by_its_start(content: object, reason: str, tmp_path: Path) -> None:
    """What goes on beyond what is looked at is left out for the same reason as a short one."""
    shape = text_of(*content) if isinstance(content, list) else text_of(content)
    assert len(shape) > 1 << 16
    replayed = replay(put_all(tmp_path, {"usage_completions.json": WHOLE, "long.json": shape}))
    assert replayed.report is not None, replayed.errors
    assert replayed.code == 1
    (left,) = replayed.report["run"]["leftOut"]
    assert reason in left["reason"]
    (tmp_path / "long.json").write_bytes(text_of(LONG))
    assert replay(tmp_path).code == 0


@pytest.mark.parametrize("name", ["usage_completions.json.gz", "walk.ndjson.zst", "saved"])
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
def test_packed_pages_behind_each_other_need_no_line_break(
    pack: Callable[[bytes], bytes], name: str, tmp_path: Path
) -> None:
    """Members and frames that were appended are documents behind each other, whatever the name."""
    put(tmp_path, name, pack(text_of(FIRST)) + pack(text_of(LAST)))
    assert tokens(replay(tmp_path)) == 1_000


def test_what_stands_beside_pages_is_not_named(tmp_path: Path) -> None:
    """Nobody expects companions to be read, or what a run itself has written."""
    silent = (".DS_Store", "README.md", "costs.json~", "#x#", "Thumbs.db")
    put_all(tmp_path, {"usage_completions.json": WHOLE, **dict.fromkeys(silent, "x")})
    put(tmp_path, "CHECKSUMS.sha256", "0" * 64 + "  README.md\n")
    beside = ["--state", str(tmp_path / "state"), "--metrics", str(tmp_path / "metrics")]
    for _ in range(2):
        replayed = replay(tmp_path, *beside, notes=tmp_path / "notes")
        assert (replayed.code, replayed.errors) == (0, "")
    put(tmp_path, "report.json", replayed.raw)
    assert replay(tmp_path, *beside, notes=tmp_path / "notes").code == 0


def test_no_output_takes_the_place_of_pages(tmp_path: Path) -> None:
    """A report does not go where a file is that pages are read from."""
    put_all(tmp_path / "below", {"usage.json": WHOLE})
    assert replay(tmp_path, "--report", str(tmp_path / "below" / "usage.json")).code == 2


def test_nothing_is_read_beyond_the_limit(tmp_path: Path) -> None:
    """A packed file, and one that is read as a whole, has at most so many bytes expanded."""
    small = "--max-page-bytes", "600"
    for name, shape in {
        "usage_completions.json.gz": gzip.compress(written(WHOLE).encode() + b" " * 9_000),
        "usage.json": text_of([FIRST, LAST]) + b" " * 9_000,
    }.items():
        replayed = replay(put_all(tmp_path / name, {name: shape}), *small)
        assert replayed.code == 65
        assert "--max-page-bytes" in replayed.errors


def test_what_is_left_out_is_the_same_for_workers(tmp_path: Path) -> None:
    """The main process says what was not read, however many others read the rest."""
    put_all(tmp_path, {"usage.json": WHOLE, "costs.csv": "a,b\n", "usage_images.json": page()})
    whole = replay(tmp_path)
    assert whole.report is not None
    assert [one["name"] for one in whole.report["run"]["leftOut"]] == ["costs.csv"]
    assert replay(tmp_path, workers=2).raw == whole.raw


def test_a_link_to_a_file_of_pages_is_one(tmp_path: Path) -> None:
    """PATH itself may be a link, to wherever it leads."""
    link = tmp_path / "latest.json"
    link.symlink_to(put(tmp_path, "usage.json", WHOLE))
    assert tokens(replay(link)) == 1_000


@pytest.mark.parametrize("torn", ["{", '{"endpoint": "cos', '{"a": {'])
@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl", "a.ndjson.1"])
def test_a_torn_first_line_costs_that_line_alone(name: str, torn: str, tmp_path: Path) -> None:
    """Whoever appends lines may have torn one; what stands behind it is read as ever."""
    files: dict[str, Content] = {name: f"{torn}\n{written(WHOLE)}\n{written(WHOLE)}\n"}
    dead = ("--on-error", "dead-letter", "--dead-letters", str(tmp_path / "dead"))
    replayed = replay(put_all(tmp_path / "in", files), *dead)
    assert replayed.code == 1
    assert tokens(replayed) == 1_000
