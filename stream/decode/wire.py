"""Today's schema as typed structs: what a row, a bucket and a page look like on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Union

import msgspec
from msgspec import Meta, Raw, Struct, defstruct

from stream.decode.known_texts import TextsByField
from stream.providers.endpoint import Endpoint
from stream.records.windows import MAX_COUNT, MAX_TIME

__all__ = ["Wire", "page_type", "row_fields"]

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]


class Amount(Struct, forbid_unknown_fields=True, gc=False):
    """A cost; its value is read from the JSON text, as what arrives as a string wants a look."""

    value: Raw = Raw()
    currency: str | None = None


NO_TEXTS: Final[TextsByField] = MappingProxyType({})


def row_fields(
    endpoint: Endpoint, texts: TextsByField = NO_TEXTS, *, named: bool = False
) -> list[tuple[Any, ...]]:
    """List a row's fields in wire order; ``cost`` is left to the careful path: it is older.

    ``named``: a row has to say what it is, and so takes as many bytes as rows must have. Of a field
    in ``texts`` it has one of those, or none.
    """
    fields: list[tuple[Any, ...]] = [("object", Literal[endpoint.result] | None, None)]
    if named:
        fields = [("object", Literal[endpoint.result])]
    fields += [(name, Count | None, None) for name in endpoint.counts]
    if "amount_value" in endpoint.money:
        fields += [("amount", Amount | None, None), ("quantity", Raw, Raw())]
    for name in endpoint.grouped_by:
        if name == "currency":
            continue
        kinds: list[Any] = [None, str]
        if name in texts:  # no text at all, where none is known
            kinds[1:] = [Literal[texts[name]]] if texts[name] else []
        if name == "batch":
            kinds.append(bool)
        fields.append((name, Union[tuple(kinds)], None))  # noqa: UP007 -- of however many
    return fields


STRICT: Final[dict[str, Any]] = {"forbid_unknown_fields": True, "gc": False}


def bucket_type(
    endpoint: Endpoint, texts: TextsByField = NO_TEXTS, *, named: bool = False
) -> type[Any]:
    """Return the struct that a bucket of the endpoint decodes to: a window of rows."""
    row = defstruct("Row", row_fields(endpoint, texts, named=named), **STRICT)
    return defstruct(
        "WireBucket",
        [
            ("object", Literal["bucket"]),
            ("start_time", Time),
            ("end_time", Time),
            ("results", list[row]),  # type: ignore[valid-type]  # made above, from the registry
        ],
        **STRICT,
    )


def page_type(
    endpoint: Endpoint, texts: TextsByField = NO_TEXTS, *, named: bool = False
) -> type[Any]:
    """Return the struct that a page of the endpoint decodes to: a page of buckets of rows."""
    bucket = bucket_type(endpoint, texts, named=named)
    return defstruct(
        "WirePage",
        [
            ("object", Literal["page"]),
            ("data", list[bucket]),  # type: ignore[valid-type]  # made above, from the registry
            ("has_more", bool),
            ("next_page", str | None, None),
        ],
        **STRICT,
    )


class Wire:
    """Decodes what stands on the wire, by types that are made when they are used.

    Of the fields in ``texts`` no text is decoded but those; the others are made ``canonical``, each
    dimension by a function.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        canonical: Iterable[Callable[[Any], Any]],
        texts: TextsByField = NO_TEXTS,
    ) -> None:
        """Know an endpoint's rows."""
        self._endpoint = endpoint
        self.texts = texts
        self.canonical = [
            None if name in texts else function
            for name, function in zip(endpoint.dimensions, canonical, strict=True)
        ]

    @cached_property
    def decode_page(self) -> Callable[[bytes], Any]:
        """Decodes a page."""
        return msgspec.json.Decoder(page_type(self._endpoint, self.texts)).decode

    @cached_property
    def decode_named(self) -> Callable[[bytes], Any]:
        """Decodes a page each of whose rows says what it is."""
        return msgspec.json.Decoder(page_type(self._endpoint, self.texts, named=True)).decode

    @cached_property
    def decode_bucket(self) -> Callable[[bytes], Any]:
        """Decodes a bucket."""
        return msgspec.json.Decoder(bucket_type(self._endpoint, self.texts)).decode
