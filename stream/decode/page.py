"""What decoding a page gives."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from stream.providers.endpoint import Kind
from stream.records.errors import BadInput
from stream.records.privacy import mask_json
from stream.records.windows import Bucket

__all__ = ["BucketPage", "Element", "ListPage", "Rejection", "masked_copy_of"]


class Rejection(Struct, frozen=True):
    """A record, or a bucket whose window cannot be known, that was cut out of its page."""

    error: BadInput
    rows: int
    content: Any
    start: int = 0
    """When its bucket starts; 0 where that cannot be told."""
    bucket: bool = False
    """Whether it is a whole element of ``data``."""


class BucketPage(Struct, frozen=True):
    """One decoded page; ``rows`` counts what was delivered, the rejected ones included."""

    buckets: list[Bucket]
    rows: int
    has_more: bool
    next_page: str | None
    data_buckets: int
    unknown_fields: frozenset[str] = frozenset()
    rejections: tuple[Rejection, ...] = ()


class Element(NamedTuple):
    """One object of a list: its id (``None`` for an event without one), and its references.

    A project has its ``name``, of at most 120 characters, with what looks like an address or a key
    masked; nothing else has one.
    """

    id: str | None
    references: frozenset[tuple[Kind, str]]
    name: str | None = None


class ListPage(Struct, frozen=True):
    """One page of a list; ``next_page`` is where the next page starts."""

    elements: list[Element]
    has_more: bool
    next_page: str | None
    rejections: tuple[Rejection, ...] = ()


def masked_copy_of(element: Any) -> Any:
    """Return a masked copy of what is set aside; nesting too deep to copy is named instead."""
    try:
        return mask_json(element)
    except RecursionError:
        return "nested too deeply to be copied"
