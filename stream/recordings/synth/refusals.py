"""What cannot be made: a shape is refused with one sentence that says what to change."""

from __future__ import annotations

from typing import Final

from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.figures import MOST_FALLS
from stream.recordings.synth.plan import plans_of
from stream.recordings.synth.shape import Shape
from stream.records.windows import DAY, MAX_TIME
from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = ["fault_in"]

ROW_BYTES: Final = 1024  # more than the widest row has
SHARES: Final = ("overlap", "revised", "repeated", "late", "out_of_order", "corrected")


def fault_in(shape: Shape) -> str | None:
    """Say what is wrong with a shape, in one sentence; ``None`` when it can be planned."""
    for name in SHARES:
        if not 0 <= getattr(shape, name) <= 1:
            return (
                f"{option_of(name)} {getattr(shape, name)} is no share; give a number from 0 to 1"
            )
    for name in shape.endpoints:
        if name not in ENDPOINTS:
            return f'"{name}" is no endpoint; give {", ".join(ENDPOINTS)} or all'
    return mismatch_in(shape) or excess_in(shape)


def mismatch_in(shape: Shape) -> str | None:
    """Say which options do not go together."""
    if shape.overlap and shape.walks == 1:
        return "--overlap needs an earlier walk: give --walks 2 or more"
    for name in ("revised", "late", "corrected"):
        if getattr(shape, name) and not shape.overlap:
            return f"{option_of(name)} needs buckets that come again: give --walks and --overlap"
    if shape.corrected and not shape.capture:
        return (
            "--corrected needs a capture: plain fixtures have no revision, and a figure that fell "
            "could not be told from an older one"
        )
    if shape.rollups and "usage/completions" not in shape.endpoints:
        return "--rollups needs the endpoint usage/completions: only its pages have daily_costs"
    return None


def excess_in(shape: Shape) -> str | None:
    """Say what is too much, or too little, of something."""
    for plan in plans_of(shape):
        if plan.time_of(plan.walks.distinct + 1) + plan.walks.count + DAY > MAX_TIME:
            return "so many buckets end after the year 9999; give more rows a bucket, or fewer rows"
        if plan.rows * min(shape.buckets_per_page, plan.walks.buckets) * ROW_BYTES > (
            DEFAULT_PAGE_BYTES
        ):
            return "so many rows on a page pass 256 MiB; lower --buckets-per-page"
        shared = plan.walks.buckets - plan.walks.step
        if shape.overlap and shared in {0, plan.walks.buckets * (shape.overlap < 1)}:
            return (
                f"--overlap {shape.overlap} cannot be kept with {plan.walks.buckets} buckets a "
                "walk; give more --rows, fewer --rows-per-bucket, or fewer --walks"
            )
        if shape.corrected and plan.walks.most_deliveries > MOST_FALLS:
            return (
                f"--corrected allows {MOST_FALLS} deliveries of a bucket, and here it has "
                f"{plan.walks.most_deliveries}; lower --overlap or --walks"
            )
    return None


def option_of(name: str) -> str:
    """Write an option's name as the command line does."""
    return f"--{name.replace('_', '-')}"
