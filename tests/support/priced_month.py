"""Pages of a few days that were used and billed, of which every amount is worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.pages import bucket, page, put_all, used

ROW: Final = {"model": "gpt-4o-mini", "project_id": "p", "batch": False}


def cost(line: str, value: str, **fields: Any) -> dict[str, Any]:
    """Return a row of costs."""
    return {"amount": {"value": value, "currency": "usd"}, "line_item": line, **fields}


def put_month(directory: Path) -> Path:
    """Write the pages.

    2049 · 0.15 / 10⁶ = 0.00030735; 800 · 0.075 / 10⁶ = 0.00006; 912 · 0.6 / 10⁶ = 0.0005472;
    1000 in a batch · 0.075 / 10⁶ = 0.000075; the next day 10 · 0.15 / 10⁶ = 0.0000015.
    """
    rows = [
        used(2849, input_cached_tokens=800, output_tokens=912, **ROW),
        used(1000, output_tokens=0, **{**ROW, "batch": True}),
        used(7, **{**ROW, "model": "unheard-of"}),
    ]
    costs = [
        cost("gpt-4o-mini, input", "0.00030735", project_id="p"),
        cost("gpt-4o-mini, cached input", "0.00007", project_id="p"),
        cost("gpt-4o-mini, batch input", "0.000075", project_id="p"),
        cost("Credit", "-1", project_id=None),
    ]
    files = {
        "usage_completions.json": page(bucket(*rows), bucket(used(10, **ROW), day=1)),
        "costs.json": page(bucket(*costs), bucket(cost("gpt-4o-mini, input", "0"), day=5)),
    }
    return put_all(directory, files)  # type: ignore[arg-type]  # pages are content
