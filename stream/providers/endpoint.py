"""What is known of an endpoint, and of a list of objects: the columns of the registry.

An entry says what an answer may hold and how it is named, never how it is read or counted: the
decoder is made from the counters and dimensions here, and so are identities, totals and file names.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal, NamedTuple

from msgspec import Struct

__all__ = [
    "CODES",
    "DESCRIBING",
    "FILTERS",
    "IDENTITY_ORDER",
    "REFERENCES",
    "Endpoint",
    "Kind",
    "ObjectList",
    "PageLimit",
]

IDENTITY_ORDER: Final = (
    "project_id",
    "service_tier",
    "model",
    "api_key_id",
    "user_id",
    "batch",
    "api_source",
    "size",
    "source",
    "context_level",
    "vector_store_id",
    "line_item",
    "currency",
    "quantity_unit",
)
"""Every grouping dimension; the first two are the key that state and totals are arranged by."""

DESCRIBING: Final = frozenset(
    {
        "object",
        "operation",
        "project_name",
        "api_key_name",
        "organization_id",
        "organization_name",
        "service_account_name",
        "org_id",
        "org_name",
        "organization_title",
        "project_title",
        "workspace_name",
        "vector_store_name",
        "account_name",
        "user_email",
        "user_name",
        "start_time",
        "end_time",
        "start_time_iso",
        "end_time_iso",
        "timestamp",
        "aggregation_timestamp",
        "window",
    },
)
"""Fields of a row that only describe it: neither counter nor dimension, and no news."""

CODES: Final = frozenset({"currency", "quantity_unit"})
"""Dimensions whose values are codes: upper or lower case says nothing."""

FILTERS: Final = {
    "project_ids": "project_id",
    "user_ids": "user_id",
    "api_key_ids": "api_key_id",
    "models": "model",
    "batch": "batch",
    "sizes": "size",
    "sources": "source",
    "context_levels": "context_level",
    "vector_store_ids": "vector_store_id",
    "line_items": "line_item",
}
"""The parameters of a query that leave rows out, and the dimension that each looks at."""


class PageLimit(NamedTuple):
    """Of buckets of one width, how many a page has unless a query says so, and how many at most."""

    width: str
    default: int
    maximum: int


USAGE_LIMITS: Final = (
    PageLimit("1m", 60, 1440),
    PageLimit("1h", 24, 168),
    PageLimit("1d", 7, 31),
)
"""What the usage endpoints answer; a width that is not there they refuse. Source: the schema."""


class Endpoint(Struct, frozen=True, kw_only=True, dict=True):
    """One endpoint: ``counts`` are whole, ``money`` is exact, ``main`` is what breakdowns sum.

    ``levels`` are counters that say how much there is, and not how much was used. A query may have
    ``filters``, a width that ``limits`` has, and ``group_by`` names of ``groups``; by those that
    ``group_floors`` has only from so many Unix seconds on, and by ``risky_groups`` only where
    somebody wants it: some organizations are refused them together with others.
    """

    name: str
    path: str
    result: str
    counts: tuple[str, ...]
    grouped_by: tuple[str, ...]
    money: tuple[str, ...] = ()
    main: str = ""
    breakdowns: tuple[tuple[str, str], ...] = ()
    levels: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    limits: tuple[PageLimit, ...] = USAGE_LIMITS
    group_floors: tuple[tuple[str, int], ...] = ()
    risky_groups: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """The report's name for it: ``usage/embeddings``, …, ``costs``."""
        return self.path.removeprefix("/organization/")

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The grouping dimensions in identity order."""
        return tuple(name for name in IDENTITY_ORDER if name in self.grouped_by)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """What a query may group by: codes stand on the rows without that."""
        return tuple(name for name in self.grouped_by if name not in CODES)

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """Counts, then money."""
        return self.counts + self.money

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """How a fixture's file name may begin."""
        names = (self.name, *self.aliases)
        return tuple(f"usage_{name}" for name in names) + (
            ("costs",) if self.name == "costs" else ()
        )


Kind = Literal[
    "projects", "service_accounts", "service_account_keys", "certificates", "api_keys", "users"
]


class ObjectList(Struct, frozen=True, kw_only=True):
    """A list of the organization's objects: what it defines (if anything), and its file names.

    ``element`` is what its elements are called, and ``path`` where it is, ``*`` for a project; one
    without a path the API does not have. ``parameters`` are what a query has to say to get all.
    """

    name: str
    defines: Kind | None
    stems: tuple[str, ...]
    element: str = ""
    path: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """What chains call it, as an endpoint has a key."""
        return self.name


REFERENCES: Final[dict[str, Kind]] = {
    "project_id": "projects",
    "service_account_id": "service_accounts",
    "service_account_key_id": "service_account_keys",
    "certificate_id": "certificates",
    "api_key_id": "api_keys",
    "user_id": "users",
}
"""The fields, of rows and of list elements, that refer to another object."""
