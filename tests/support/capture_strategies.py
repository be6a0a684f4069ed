"""Hypothesis strategies for captures: walks that come again later, revised, and their writer.

A walk is drawn as buckets, cut into pages; a later walk of its chain delivers the buckets again,
some as they were, byte for byte, and others changed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from hypothesis import strategies as st

from tests.oracle import Delivery
from tests.support.envelopes import SUFFIXES, put_capture
from tests.support.strategies import (
    COMPLETIONS,
    COUNTS,
    DAYS,
    WINDOWS,
    Chains,
    Json,
    add_rollups,
    any_page,
    bucket,
    read,
    written,
)

Request: TypeAlias = dict[str, Any]

FIRST_WALK: Final = datetime(2024, 10, 1, 12, 30, 0, 123_456, UTC)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
REVISIONS: Final = [
    None,
    FIRST_WALK,
    FIRST_WALK + timedelta(microseconds=1),
    FIRST_WALK + timedelta(hours=6),
]
"""When walks are made, the earliest first."""


class Sent(NamedTuple):
    """A page as a line of a capture has it; ``text`` is its JSON as it was spelled."""

    endpoint: str
    label: str
    observed_at: datetime | None
    request: Request | None
    text: str

    @property
    def revision(self) -> int:
        """When the walk was made, in microseconds since 1970."""
        return 0 if self.observed_at is None else (self.observed_at - EPOCH) // timedelta(0, 0, 1)

    @property
    def line(self) -> bytes:
        """The line, without its break."""
        moment = self.observed_at and self.observed_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        head = {
            "endpoint": self.endpoint,
            "label": self.label,
            "observed_at": moment,
            "request": self.request,
        }
        return f'{json.dumps(head)[:-1]}, "page": {self.text}}}'.encode()

    @property
    def delivery(self) -> Delivery:
        """The page as the oracle takes it."""
        view = None
        if self.request is not None:
            view = {name: sorted(set(found)) for name, found in self.request.items() if found}
            view.pop("page", None)
        return Delivery(self.endpoint, self.label, read(self.text), self.revision, view)


class Piece(NamedTuple):
    """A bucket, and how its JSON is spelled."""

    bucket: Json
    blank: str

    @property
    def text(self) -> str:
        """Its JSON."""
        return spelled(self.bucket, self.blank)


def spelled(value: Any, blank: str) -> str:
    """Write JSON with some white space behind each comma and colon."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        fields = (f"{json.dumps(k)}:{blank}{spelled(v, blank)}" for k, v in value.items())
        return "{" + f",{blank}".join(fields) + "}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(spelled(one, blank) for one in value) + "]"
    return json.dumps(value)


BLANKS: Final = st.sampled_from(["", "", " "])
LEAN_ROWS: Final[dict[str, st.SearchStrategy[Json]]] = {
    COMPLETIONS: st.fixed_dictionaries(
        {"object": st.just("organization.usage.completions.result")},
        optional={
            "input_tokens": COUNTS,
            "output_tokens": COUNTS,
            "project_id": st.sampled_from(["proj_a", "proj_b"]),
            "model": st.sampled_from(["gpt-4o", "gpt-4o-mini", " gpt-4o"]),
        },
    ),
    "costs": st.fixed_dictionaries(
        {"object": st.just("organization.costs.result")},
        optional={
            "amount": st.fixed_dictionaries(
                {"value": st.sampled_from([Decimal("0.25"), Decimal(-1), 3, Decimal("1E-9")])},
                optional={"currency": st.just("usd")},
            ),
            "line_item": st.sampled_from(["a", "b"]),
            "project_id": st.sampled_from(["proj_a", None]),
        },
    ),
}
"""Rows in today's shape, which take the short way."""


@st.composite
def lean_bucket(draw: st.DrawFn, endpoint: str) -> Json:
    """Make a bucket in today's shape."""
    window = draw(st.sampled_from(DAYS if endpoint == "costs" else WINDOWS))
    return bucket(window, draw(st.lists(LEAN_ROWS[endpoint], max_size=3)))


@st.composite
def first_pieces(draw: st.DrawFn, endpoint: str) -> list[Piece]:
    """Make what a first walk finds."""
    if draw(st.integers(0, 3)):
        buckets = draw(st.lists(lean_bucket(endpoint), min_size=1, max_size=4))
    else:
        pages = draw(st.lists(any_page(endpoint), min_size=1, max_size=2))
        buckets = [one for page in pages for one in page["data"]]
    return [Piece(one, draw(BLANKS)) for one in buckets]


CHANGES: Final = st.sampled_from(["same", "same", "same", "spelled", "rows", "gone", "twice"])


@st.composite
def later_piece(draw: st.DrawFn, endpoint: str, piece: Piece) -> list[Piece]:
    """Find a bucket again: as it was, spelled in another way, changed, or not at all."""
    change = draw(CHANGES)
    if change == "gone":
        return []
    if change == "spelled":
        return [piece._replace(blank=draw(BLANKS))]
    if change in {"same", "twice"}:
        return [piece] * (2 if change == "twice" else 1)
    name = "result" if "result" in piece.bucket else "results"
    rows: list[Json] = list(piece.bucket[name])
    steps = draw(st.sets(st.sampled_from(["lose", "change", "gain"]), min_size=1))
    if rows and "lose" in steps:
        rows.pop(draw(st.integers(0, len(rows) - 1)))
    if rows and "change" in steps:
        place = draw(st.integers(0, len(rows) - 1))
        rows[place] = {**rows[place], counter_of(endpoint): draw(changed_value(endpoint))}
    if "gain" in steps:
        rows.append(draw(LEAN_ROWS[endpoint]))
    return [Piece({**piece.bucket, name: rows}, piece.blank)]


def counter_of(endpoint: str) -> str:
    """Name the counter that changes."""
    return "quantity" if endpoint == "costs" else "input_tokens"


def changed_value(endpoint: str) -> st.SearchStrategy[Any]:
    """Make the value that it changes to."""
    return st.sampled_from([0, 1, 30]) if endpoint != "costs" else st.sampled_from([0, Decimal(2)])


@st.composite
def pages_of(draw: st.DrawFn, pieces: list[Piece], tokens: str, rollups: list[Json]) -> list[str]:
    """Cut a walk into pages, and write each; ``tokens`` begins its cursors."""
    pages: list[list[Piece]] = [[]]
    for piece in pieces:
        if pages[-1] and draw(st.integers(0, 2)) == 0:
            pages.append([])
        pages[-1].append(piece)
    found = []
    for number, page in enumerate(pages, 1):
        more = f"{tokens}{number}" if number < len(pages) else None
        data = ",".join(piece.text for piece in page)
        daily = ""
        if rollups and number == len(pages):
            daily = f'"daily_costs":{written(rollups)},'
        found.append(
            f'{{"object":"page","data":[{data}],{daily}'
            f'"has_more":{json.dumps(more is not None)},"next_page":{json.dumps(more)}}}'
        )
    return found


@st.composite
def rollups_near(draw: st.DrawFn, pieces: list[Piece]) -> list[Json]:
    """Make rollups of what a walk of completions found, as exact as not."""
    made: Chains = {(COMPLETIONS, "primary"): [{"data": [piece.bucket for piece in pieces]}]}
    differences = st.sampled_from([Decimal(0), Decimal(0), Decimal(3), Decimal(-2)])
    add_rollups(draw, made, differences, exact=False)
    found: list[Json] = made[COMPLETIONS, "primary"][0].get("daily_costs", [])
    return found


NAMES: Final = st.lists(
    st.sampled_from(
        [
            (COMPLETIONS, "primary"),
            (COMPLETIONS, "primary"),
            (COMPLETIONS, "dual"),
            ("costs", "primary"),
        ]
    ),
    min_size=1,
    max_size=2,
    unique=True,
)


@st.composite
def walks(draw: st.DrawFn, *, most: int = 3) -> list[list[Sent]]:
    """Make walks of some chains, each the list of its pages; nothing says what was asked."""
    found = []
    for endpoint, label in draw(NAMES):
        pieces = draw(first_pieces(endpoint))
        moments = draw(st.lists(st.sampled_from(REVISIONS), min_size=1, max_size=most))
        for number, moment in enumerate(moments):
            if number:
                pieces = [new for old in pieces for new in draw(later_piece(endpoint, old))]
                pieces += draw(st.one_of(st.just([]), first_pieces(endpoint)))
            near = endpoint == COMPLETIONS and draw(st.integers(0, 3)) == 0
            rollups = draw(rollups_near(pieces)) if near else []
            tokens = draw(st.sampled_from(["c", f"w{number}_"]))
            texts = draw(pages_of(pieces, tokens, rollups))
            found.append([Sent(endpoint, label, moment, None, text) for text in texts])
    return found


def lines_of(made: list[list[Sent]]) -> list[Sent]:
    """Put walks one behind the other."""
    return [sent for walk in made for sent in walk]


@st.composite
def placed(draw: st.DrawFn, lines: list[Sent], most: int = 3) -> dict[str, list[Sent]]:
    """Put lines in any order into some files, of any kind."""
    order = draw(st.permutations(lines))
    names = [f"{name}.ndjson{draw(st.sampled_from(SUFFIXES))}" for name in "abc"[:most]]
    files: dict[str, list[Sent]] = {}
    for sent in order:
        files.setdefault(draw(st.sampled_from(names)), []).append(sent)
    return files


def put_files(directory: Path, files: dict[str, list[Sent]]) -> Path:
    """Write captures into a directory that may be new."""
    directory.mkdir(exist_ok=True)
    for name, lines in files.items():
        put_capture(directory / name, [sent.line for sent in lines])
    return directory


# Views ----------------------------------------------------------------------------------

VIEWS = st.sampled_from(
    [
        None,
        {"group_by": ["model"]},
        {"group_by": ["project_id", "model"]},
        {"group_by": ["model", "project_id"], "limit": 7},
        {"group_by": ["project_id", "model"], "models": ["gpt-4o"]},
        {"group_by": ["user_id", "model"]},
        {"group_by": ["model"], "project_ids": ["proj_a"]},
        {"project_ids": ["proj_b"]},
        {"group_by": ["model"], "project_ids": ["proj_a", "proj_b"], "user_ids": ["user_a"]},
        {},
    ]
)


@st.composite
def viewed(draw: st.DrawFn) -> list[Sent]:
    """Make lines of walks that were asked for in different ways."""
    found = []
    for walk in draw(walks(most=2)):
        view = draw(VIEWS)
        found += [sent._replace(request=view) for sent in walk]
    return found
