"""Pages that need to be told what they were asked with: their rows alone would mislead."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from tests.support.pages import Content, Json, bucket, listed, page, used
from tests.support.strategies import COMPLETIONS, written

ONE: Final = "usage_completions.json"
TWO: Final = "usage_completions_page2.json"
GROUPS: Final[Json] = {"group_by": ["project_id", "model"]}
VIEW: Final = '{"group_by":["model","project_id"]}'

FILES: Final[dict[str, Content]] = {
    ONE: page(bucket(used(7, project_id="p", model="m"), used(2)), cursor="c2"),
    TWO: page(bucket(used(5), day=1)),
    "costs.json": page(bucket({"amount": {"value": "0.125", "currency": "usd"}, "line_item": "i"})),
    "projects.json": listed({"id": "p"}),
}
"""Usage in groups that are null on the second day, so that its rows do not show them; a list."""

SPELLED: Final[dict[str, Content]] = {
    "an array": GROUPS,
    "another order": {"group_by": ["model", "project_id", "model"]},
    "a text with commas": {"group_by": "project_id, model"},
    "with brackets": {"group_by[]": ["project_id", "model"]},
    "as parse_qs has it": {"group_by": ["project_id,model"], "limit": ["7"], "page": ["c2"]},
    "with times": {**GROUPS, "start_time": 1_730_419_200, "bucket_width": "1d", "after": None},
    "for each endpoint": {COMPLETIONS: GROUPS, "costs": GROUPS},
    "by other names": {"completions": GROUPS, "/v1/organization/costs": GROUPS},
    "as a URL": {
        "https://api.openai.com/v1/organization/usage/completions?limit=1": GROUPS,
        "costs": GROUPS,
    },
    "on lines": '{\n  "group_by": [\n "project_id",\n "model"\n]}\n',
    "behind a mark": b"\xef\xbb\xbf" + written(GROUPS).encode(),
}
"""Ways to say that all of it was asked for in the same groups."""

BAD: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "nothing": ("", ("$:", "found nothing", "a query")),
    "broken": ('{"group_by": ', ("$:", "found broken JSON", "a query")),
    "an array": ("[]", ("$:", "found an array", "a query")),
    "null": ("null", ("$:", "found null", "a query")),
    "a number of groups": ('{"group_by": 5}', ("$.group_by:", "found 5", "a text")),
    "a number in them": ('{"group_by": ["a", 5]}', ("$.group_by[1]:", "found 5", "a text")),
    "a bad filter": ('{"models[]": {}}', ('$["models[]"]:', "found", "expected")),
    "another spelling": ('{"groupBy": "model"}', ("$.groupBy:", "expected group_by")),
    "a spelled filter": ('{"project-ids[]": "p"}', ("expected project_ids",)),
    "no endpoint": ('{"usage/completion": {}}', ('$["usage/completion"]:', "usage/completions,")),
    "a list": ('{"costs": {}, "projects": {}}', ("$.projects:", "found a list", "costs")),
    "no query": ('{"costs": null}', ("$.costs:", "found null", "a query")),
    "bad groups of one": (
        '{"usage/images": {"group_by": {}}}',
        ('$["usage/images"].group_by:', "found an object"),
    ),
    "one endpoint twice": (
        '{"costs": {}, "/organization/costs": {"group_by": "line_item"}}',
        ('$["/organization/costs"]:', "expected one"),
    ),
    "a query beside endpoints": ('{"costs": {}, "group_by": "model"}', ("$.group_by:", "found")),
    "control characters": ('{"usage/\\u001b[31m": {}}', ("found no endpoint's name",)),
}
"""What is no request, and what a message about it has."""

VIEWS: Final = st.sampled_from(
    [
        {},
        GROUPS,
        {"group_by": ["user_id", "model"]},
        {"project_ids": ["proj_a"]},
        {"group_by": ["model"], "project_ids": ["proj_a", "proj_b"]},
        {"group_by": ["project_id"], "models": ["gpt-4o"]},
        {"group_by": ["line_item", "project_id"]},
    ]
)


def queries_for(endpoints: list[str]) -> st.SearchStrategy[Json]:
    """Make one query for all, or one for some of the endpoints."""
    some: dict[str, st.SearchStrategy[Json]] = dict.fromkeys(sorted(set(endpoints)), VIEWS)
    return st.one_of(VIEWS, st.fixed_dictionaries({}, optional=some))
