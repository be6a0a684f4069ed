"""Names in lists: those of projects alone are read, and nothing private stands in them."""

from __future__ import annotations

import json
from typing import Final

import pytest

from stream.decode.lists import decode_list
from stream.providers.openai import LISTS
from stream.records.privacy import show_label
from tests.support.pages import listed

NAMES: Final[dict[str, tuple[object, str | None]]] = {
    "plain": ("Search", "Search"),
    "trimmed": ("  Search \n", "Search"),
    "blank": (" ", None),
    "null": (None, None),
    "no text": (7, None),
    "an address": ("of jane@corp.test alone", "of *** alone"),
    "a key": ("sk-aaaaaaaaaaaaaaaaaaaaaaaa", "***"),
    "as long as may be": ("n" * 120, "n" * 120),
    "too long": ("n" * 121, "n" * 119 + "…"),
    "an address at the edge": ("n" * 110 + " jane.doe@corp.test", "n" * 110 + " ***"),
}


@pytest.mark.parametrize(("name", "wanted"), NAMES.values(), ids=NAMES.keys())
def test_a_project_has_its_name(name: object, wanted: str | None) -> None:
    """It is a text of bounded length without addresses and keys, and never ends a page."""
    payload = json.dumps(listed({"id": "p", "name": name})).encode()
    (element,) = decode_list(LISTS["projects"], payload).elements
    assert element.name == wanted


@pytest.mark.parametrize("name", sorted(LISTS.keys() - {"projects"}))
def test_nobody_else_has_a_name(name: str) -> None:
    """People, accounts and keys are ids."""
    owner = {"user": {"id": "u", "name": "Jane Doe"}}
    payload = json.dumps(listed({"id": "x", "name": "Jane Doe", "owner": owner})).encode()
    page = decode_list(LISTS[name], payload)
    assert [element.name for element in page.elements] == [None]
    assert "Jane" not in str(page)


def test_a_name_is_no_longer_than_a_label_may_be() -> None:
    """Whatever it is made of, it fits into the limit of the scrape that we ship."""
    for character in ("\u202e", "\x9b", "\N{GRINNING FACE}", "n"):
        payload = json.dumps(listed({"id": "p", "name": f"n{character * 999}"})).encode()
        (element,) = decode_list(LISTS["projects"], payload).elements
        assert element.name is not None
        assert len(show_label(element.name).encode()) <= 1_024
