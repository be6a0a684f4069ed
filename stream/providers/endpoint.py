"""What is known of an endpoint, and of a list of objects: the columns of the registry.

An entry says what an answer may hold and how it is named, never how it is read or counted: the
decoder is made from the counters and dimensions here, and so are identities, totals and file names.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal

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


class Endpoint(Struct, frozen=True, kw_only=True, dict=True):
    """One endpoint: ``counts`` are whole, ``money`` is exact, ``main`` is what breakdowns sum.

    ``levels`` are counters that say how much there is, and not how much was used.
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

    @cached_property
    def key(self) -> str:
        """The report's name for it: ``usage/embeddings``, …, ``costs``."""
        return self.path.removeprefix("/organization/")

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The grouping dimensions in identity order."""
        return tuple(name for name in IDENTITY_ORDER if name in self.grouped_by)

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

    ``element`` is what its elements are called, and ``path`` where it is, ``*`` for a project.
    """

    name: str
    defines: Kind | None
    stems: tuple[str, ...]
    element: str = ""
    path: str = ""

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
