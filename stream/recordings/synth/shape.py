"""What is asked for."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Shape"]


class Shape(Struct, frozen=True, kw_only=True):
    """What is asked for; shares go from 0.0 to 1.0, ``start`` is in Unix seconds."""

    seed: int = 1
    endpoints: tuple[str, ...] = ("usage/completions",)
    rows: int = 10_000
    rows_per_bucket: int = 100
    buckets_per_page: int = 24
    projects: int = 8
    tiers: int = 3
    models: int = 6
    keys: int = 40
    width: Literal["1m", "1h", "1d"] = "1h"
    walks: int = 1
    overlap: float = 0.0
    revised: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    out_of_order: float = 0.0
    corrected: float = 0.0
    rollups: bool = False
    start: int = 1_577_836_800  # 2020-01-01T00:00:00Z
    capture: bool = False
