"""Pages of a year as the page for finance shows them, and of names that nobody should trust."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.support.organizations import PROJECTS
from tests.support.pages import Content, Json, bucket, listed, page, put_all, used

__all__ = ["HOSTILE", "MARKUP", "YEAR_END", "put_hostile", "put_year"]

YEAR_END: Final = "1761912000"  # 2025-10-31T12:00:00Z
DAYS: Final = range(0, 364, 2)
MODELS: Final = ("gpt-5", "gpt-5-mini", "gpt-4o", "text-embedding-3-small")
MARKUP: Final = '<script>document.title="ran"</script>'
HOSTILE: Final = (
    MARKUP,
    'x" onload="document.title=1" y="',
    "abc\u202edcba",
    "p" * 10_240,
    "somebody@company.com",
)


def put_year(directory: Path) -> Path:
    """Write what an organization used and was billed in a year, every other day."""
    files: dict[str, Content] = {
        "usage_completions.json": page(*(bucket(*usage_on(day), day=day) for day in DAYS)),
        "costs.json": page(*(bucket(*costs_on(day), day=day) for day in DAYS)),
        "projects.json": listed(
            *(
                {"object": "organization.project", "id": one.id, "name": one.name}
                for one in PROJECTS
            )
        ),
    }
    return put_all(directory, files)


def amount_on(volume: int, first: int, day: int) -> int:
    """Return how much is used on a day: it grows, and goes up and down by the season."""
    season = abs((day * 7) % 120 - 60)
    return 0 if day < first else volume * (120 + day + season) // 1_000


def usage_on(day: int) -> list[Json]:
    """Make the rows of a day's completions: each project has a model or two."""
    return [
        used(
            amount_on(one.volume, one.first, day) * part * 900,
            input_cached_tokens=amount_on(one.volume, one.first, day) * part * 250,
            output_tokens=amount_on(one.volume, one.first, day) * part * 110,
            num_model_requests=amount_on(one.volume, one.first, day) * part,
            project_id=one.id,
            service_tier=tier,
            model=MODELS[(rank + place) % len(MODELS)],
            batch=tier == "batch",
        )
        for rank, one in enumerate(PROJECTS)
        for place, (tier, part) in enumerate(one.tiers.items())
        if day >= one.first
    ]


def costs_on(day: int) -> list[Json]:
    """Make the rows of a day's costs, by project and line item."""
    return [
        {
            "amount": {
                "value": str(Decimal(amount_on(one.volume, one.first, day) * share) / 2_400),
                "currency": "usd",
            },
            "project_id": one.id,
            "line_item": f"{MODELS[rank % len(MODELS)]}, {kind}",
        }
        for rank, one in enumerate(PROJECTS)
        for kind, share in (("input", 51), ("cached input", 6), ("output", 48))
        if day >= one.first
    ]


def put_hostile(directory: Path) -> Path:
    """Write pages whose names are markup, an email, very long, or turn text around."""
    rows = [used(7, model=f"{one}-m", project_id=one, service_tier=one) for one in HOSTILE]
    costs = [
        {
            "amount": {"value": f"1.{'0' * 39}1", "currency": "usd"},
            "project_id": one,
            "line_item": one,
        }
        for one in HOSTILE
    ]
    costs.append({"amount": {"value": "-7.25", "currency": MARKUP}, "project_id": "p"})
    names = {"object": "organization.project", "id": HOSTILE[1], "name": f"{MARKUP} name"}
    files: dict[str, Content] = {
        "usage_completions.json": page(bucket(*rows)),
        f"usage_embeddings_{MARKUP.replace('/', '')}.json": page(bucket(*rows)),
        "usage_images.json": page(bucket(used(1, num_images=2)), cursor="cursor-2"),
        "costs.json": page(bucket(*costs)),
        "projects.json": listed(names),
        "<img src=x onerror=alert(1)>.txt": "hello",
    }
    return put_all(directory, files)
