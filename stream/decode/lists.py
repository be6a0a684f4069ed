"""Lists of the organization's objects: what each element is, and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stream.decode.page import Element, ListPage, Rejection, masked_copy_of
from stream.decode.parse import object_head, parse_object
from stream.decode.values import ABSENT, bad_value, member_path, text_of, time_of
from stream.providers.endpoint import REFERENCES, Kind, ObjectList
from stream.records.errors import BadInput
from stream.records.privacy import mask_text

__all__ = ["decode_list"]

NESTED: Final[dict[str, Kind]] = {
    name.removesuffix("_id"): kind for name, kind in REFERENCES.items()
}


NAMED: Final[Kind] = "projects"
"""What is called by its name; everything else has an id alone, since names speak of people."""
NAME_LENGTH: Final = 120
"""Escaped for a label, a character is six: Prometheus refuses a scrape with a label of 1,024."""


def decode_list(entry: ObjectList, payload: bytes, *, tolerant: bool = False) -> ListPage:
    """Decode a page of a list; times may be Unix seconds or ISO texts.

    A page that says that more follows, and has no ``last_id``, is led on by its last element's id,
    as it is for the official client.

    Tolerant, a bad element is cut out and listed in ``rejections``.

    Raises:
        BadInput: with the JSON path and what was found and expected there.
    """
    root = parse_object(payload)
    data, has_more = object_head(root, f"the {entry.name} list")
    elements: list[Element] = []
    rejected: list[Rejection] = []
    for index, raw in enumerate(data):
        try:
            elements.append(element_of(entry, raw, f"$.data[{index}]"))
        except BadInput as error:
            if not tolerant:
                raise
            rejected.append(Rejection(error, 1, masked_copy_of(raw)))
    cursor = next(
        (root[name] for name in ("next_page", "next", "last_id") if root.get(name) is not None),
        None,
    )
    if cursor is None and has_more and data and isinstance(data[-1], dict):
        cursor = data[-1].get("id")
    if cursor is not None and not isinstance(cursor, str):
        raise bad_value("type", "$.next_page", cursor, "a text or null")
    next_page = (cursor or "").strip() or None
    return ListPage(elements, has_more, next_page, tuple(rejected))


def element_of(entry: ObjectList, raw: Any, path: str) -> Element:
    """Read one element; one that a list defines must have an id."""
    if not isinstance(raw, dict):
        raise bad_value("type", path, raw, "an object")
    found = raw.get("id", ABSENT)
    if not isinstance(found, str) or not found.strip():
        if entry.defines is not None or found not in {None, ABSENT}:
            raise bad_value("type", f"{path}.id", found, "the object's id")
        found = None
    for name, value in raw.items():
        if name.endswith("_at") and value is not None:
            time_of(value, member_path(path, name), fractions=True)
    name = name_of(raw) if entry.defines == NAMED else None
    references = frozenset(references_of(raw, path))
    return Element(None if found is None else text_of(found), references, name)


def name_of(raw: dict[str, Any]) -> str | None:
    """Return what an element is called; ``None`` where that is no text, or a blank one."""
    found = raw.get("name")
    text = mask_text(found.strip()) if isinstance(found, str) else ""
    return (f"{text[: NAME_LENGTH - 1]}…" if len(text) > NAME_LENGTH else text) or None


def references_of(raw: dict[str, Any], path: str) -> Iterator[tuple[Kind, str]]:
    """Find what an element refers to: by ``project_id``, ``project.id``, ``owner.user.id``."""
    for name, value in raw.items():
        if name in REFERENCES and value is not None:
            if not isinstance(value, str):
                raise bad_value("type", member_path(path, name), value, "an id or null")
            if text := text_of(value):
                yield REFERENCES[name], text
        elif isinstance(value, dict) and name in NESTED and isinstance(value.get("id"), str):
            if text := text_of(value["id"]):
                yield NESTED[name], text
        elif isinstance(value, dict) and name == "owner":
            yield from references_of(value, member_path(path, name))
