"""Every way in which input can be bad, as small directories that hold one fault each.

Beside the fault stands a chain of embeddings that is sound (10 tokens), and what of the faulty
chain still counts when the fault is set aside.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from tests.support.pages import DAY, FIRST, Content, Json, bucket, listed, page, used
from tests.support.strategies import written

ONE = "usage_completions_fixture.json"
TWO = "usage_completions_fixture_page2.json"
THREE = "usage_completions_fixture_page3.json"
SOUND: dict[str, Content] = {"usage_embeddings_fixture.json": page(bucket(used(10)))}

GOOD = bucket(used(7))
END = page(bucket(used(5), day=1))


class Fault(NamedTuple):
    """A faulty directory: the message must have ``named`` in it, and ``left`` tokens count."""

    files: dict[str, Content]
    named: tuple[str, ...]
    left: int | None = None
    fixture: str | None = ONE
    """The file that the dead letter is about; ``None`` where there is nothing to set aside."""
    options: tuple[str, ...] = ()


def row(path: str, bad: object) -> Fault:
    """Put a bad row after a good one."""
    place = ("page 1", f"$.data[0].results[1]{path}:")
    return Fault({ONE: page(bucket(used(7), bad))}, (ONE, *place), 7)


def slot(path: str, bad: object) -> Fault:
    """Put a bad bucket after a good one."""
    return Fault({ONE: page(GOOD, bad)}, (ONE, "page 1", f"$.data[1]{path}:"), 7)


def whole(content: Content, path: str = "") -> Fault:
    """Make a page that nothing can be cut from."""
    return Fault({ONE: content}, (ONE, "page 1", f"{path}:"))


ROWS = {
    "negative count": row(".input_tokens", used(-1)),
    "fractional count": row(".input_tokens", used(1.5)),
    "count of 400 digits": row(".input_tokens", used(10**399)),
    "count of 2**63": row(".input_tokens", used(2**63)),
    "count as a text that is no number": row(".input_tokens", used("twelve")),
    "count as flag": row(".input_tokens", used(tokens=True)),
    "count as array": row(".input_tokens", used([])),
    "count as object": row(".input_tokens", used({})),
    "dimension as number": row(".model", used(3, model=5)),
    "dimension as array": row(".project_id", used(3, project_id=["proj_a"])),
    "dimension as flag": row(".service_tier", used(3, service_tier=False)),
    "batch as number": row(".batch", used(3, batch=1)),
    "dimension of metadata": row(".metadata.model", used(3, metadata={"model": 5})),
    "count of metadata": row(".metadata.output_tokens", used(3, metadata={"output_tokens": -1})),
    "unknown number of 60 digits": row(".new_tokens", used(3, new_tokens=10**59)),
    "row is null": row("", None),
    "row is a number": row("", 5),
    "row is an array": row("", []),
    "row of another endpoint": row(".object", used(3, object="organization.usage.images.result")),
    **{
        f"money is {shown}": row(".cost", used(3, cost=value))
        for shown, value in {
            "NaN": "NaN",
            "sNaN": "sNaN",
            "Infinity": "Infinity",
            "-inf": "-inf",
            "1e400": "1e400",
            "1e99999999999": "1e99999999999",
            "no number": "twelve",
            "in hexadecimal": "0x10",
            "with underscores": "1_000",
            "of other digits": "١٢",
            "of 39 digits": 10**38,
            "of 39 digits, as text": "1" * 39,
            "of 41 fraction digits": "0." + "1" * 41,
            "a flag": True,
            "an array": [],
        }.items()
    },
}

BUCKETS = {
    "ends before it starts": slot(".end_time", bucket(used(3), day=1, end_time=FIRST)),
    "ends as it starts": slot(".end_time", bucket(used(3), end_time=FIRST)),
    "end unknown": slot(".end_time", bucket(used(3), day=1, end_time=...)),
    "end null": slot(".end_time", bucket(used(3), day=1, end_time=None)),
    "width unknown": slot(".end_time", bucket(used(3), day=1, end_time=..., window="fortnight")),
    "start unknown": slot(".start_time", bucket(used(3), day=1, start_time=...)),
    "start negative": slot(".start_time", bucket(used(3), start_time=-1)),
    "start fractional": slot(".start_time", bucket(used(3), day=1, start_time=FIRST + 0.5)),
    "start is no time": slot(".start_time", bucket(used(3), start_time="yesterday")),
    "end after all dates": slot(".end_time", bucket(used(3), day=1, end_time=10**18)),
    "starts disagree": slot(
        ".start_time_iso", bucket(used(3), start_time_iso="2024-11-02T00:00:00Z")
    ),
    "rows of another name": slot(".results", bucket(day=1, results=..., rows=[used(3)])),
    "rows an object": slot(".results", bucket(day=1, results={})),
    "bucket null": slot("", None),
    "bucket an array": slot("", []),
    "bucket of another kind": slot(
        ".object", bucket(used(3), day=1, object="organization.project")
    ),
}


def rollup(path: str, *days: object) -> Fault:
    """Put bad daily costs beside a good bucket."""
    named = (ONE, "page 1", f"$.daily_costs[0]{path}:")
    return Fault({ONE: page(GOOD, daily_costs=list(days))}, named, 7)


DAYS = {
    "day of no time": rollup(".timestamp", {"timestamp": "today", "line_items": []}),
    "day without a time": rollup(".timestamp", {"line_items": []}),
    "day without rows": rollup(".line_items", {"timestamp": FIRST}),
    "day null": rollup("", None),
    "day's amount NaN": rollup(
        ".line_items[0].amount", {"timestamp": FIRST, "line_items": [{"amount": "NaN"}]}
    ),
    "day's count negative": rollup(
        ".line_items[0].input_tokens", {"timestamp": FIRST, "line_items": [used(-1)]}
    ),
}

SOUND_TEXT = written(page(GOOD))
ERROR: Json = {"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}
DEEP = "[" * 100_000 + "]" * 100_000

PAGES = {
    "truncated": whole(SOUND_TEXT[:-20]),
    "cut in half": whole(SOUND_TEXT[: len(SOUND_TEXT) // 2]),
    "empty": whole(b""),
    "blank": whole(" \n"),
    "HTML": whole("<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n"),
    "no JSON": whole("upstream connect error\n"),
    "invalid UTF-8": whole(
        SOUND_TEXT.replace("bucket", "b\0cket", 1).encode().replace(b"\0", b"\xff")
    ),
    "UTF-16": whole(SOUND_TEXT.encode("utf-16")),
    "error body": whole(ERROR, "$.error"),
    "error text": whole({"error": "unauthorized"}, "$.error"),
    "error beside an empty list": whole({"object": "list", "data": [], **ERROR}, "$.error"),
    "root null": whole("null", "$"),
    "root an empty array": whole("[]"),
    "root a text": whole('"page"', "$"),
    "data missing": whole(page(data=...), "$.data"),
    "data null": whole(page(data=None), "$.data"),
    "data an object": whole(page(data={}), "$.data"),
    "has_more a text": whole(page(GOOD, has_more="false"), "$.has_more"),
    "has_more a number": whole(page(GOOD, has_more=0), "$.has_more"),
    "object of another kind": whole(page(GOOD, object="error"), "$.object"),
    "cursor a number": whole(page(GOOD, cursor=2), "$.next_page"),
    "daily costs an object": whole(page(GOOD, daily_costs={"timestamp": FIRST}), "$.daily_costs"),
    "NaN outside a text": whole(SOUND_TEXT.replace("7", "NaN", 1)),
    "Infinity outside a text": whole(SOUND_TEXT.replace("7", "-Infinity", 1)),
    "number of 5,000 digits": Fault(
        {ONE: SOUND_TEXT.replace('_tokens":7', '_tokens":' + "7" * 5_000)},
        (ONE, "page 1", "$.data[0].results[0].input_tokens:"),
    ),
    "nested 100,000 deep": whole(DEEP),
    "nested 100,000 deep in a row": whole(SOUND_TEXT.replace("7}", f'7,"extra":{DEEP}}}')),
    "objects nested 100,000 deep": whole('{"a":' * 100_000 + "1" + "}" * 100_000),
    "nested without an end": whole('{"data":' + "[" * 100_000),
}

MORE = page(GOOD, cursor="cursor_2")
CHAINS = {
    "gap": Fault({ONE: MORE, THREE: END}, ("usage/completions", "page 2"), 12, None),
    "first page missing": Fault({TWO: END}, ("usage/completions", "page 1"), 5, None),
    "no page after the last": Fault({ONE: MORE}, ("usage/completions", "page 2"), 7, None),
    "page after the end": Fault({ONE: page(GOOD), TWO: END}, (TWO, "page 2"), 12, None),
    "no cursor": Fault(
        {ONE: page(GOOD, has_more=True), TWO: END}, (ONE, "page 1", "$.next_page"), 12, None
    ),
    "blank cursor": Fault({ONE: page(GOOD, cursor=" "), TWO: END}, (ONE, "$.next_page"), 12, None),
    "cursor seen before": Fault(
        {ONE: MORE, TWO: page(GOOD, cursor="cursor_2"), THREE: END}, (TWO, "$.next_page"), 12, None
    ),
    "cursor seen long before": Fault(
        {
            ONE: MORE,
            TWO: page(bucket(used(2), day=2), cursor="cursor_3"),
            THREE: page(bucket(used(9), day=3), cursor="cursor_2"),
            "usage_completions_fixture_page4.json": END,
        },
        (THREE, "page 3", "$.next_page"),
        23,
        None,
    ),
    "two files for page 1": Fault(
        {ONE: page(GOOD), "usage_completions.json": END}, (ONE, "usage_completions.json", "page 1")
    ),
    "two files for page 2": Fault(
        {ONE: MORE, TWO: END, "usage_completions_page02.json": END},
        (TWO, "usage_completions_page02.json", "page 2"),
        7,
        TWO,
    ),
    "page 0 that is the end": Fault(
        {ONE: page(GOOD), "usage_completions_fixture_page0.json": END}, (ONE, "page 2"), 12, None
    ),
}


FILES = {
    "FIFO": whole(os.mkfifo),
    "too large": Fault(
        {ONE: SOUND_TEXT + " " * 1_000}, (ONE, "page 1"), options=("--max-page-bytes", "1000")
    ),
    "list without ids": Fault(
        {"projects_list_fixture.json": listed({"id": "proj_a"}, {"id": None})},
        ("projects_list_fixture.json", "page 1", "$.data[1].id"),
        fixture="projects_list_fixture.json",
    ),
    "list with a time of no date": Fault(
        {"certificates_fixture.json": listed({"id": "cert_a", "created_at": DAY * DAY * DAY})},
        ("certificates_fixture.json", "page 1", "$.data[0].created_at"),
        fixture="certificates_fixture.json",
    ),
}

FAULTS = ROWS | BUCKETS | DAYS | PAGES | CHAINS | FILES
