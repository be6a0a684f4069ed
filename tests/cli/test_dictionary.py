"""README's table of every field, and what reports really have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any, Final, TypeAlias

import pytest

from tests.support.every_field import reports_of_all_kinds
from tests.support.places import ROOT

FieldPath: TypeAlias = tuple[str, ...]
ROW: Final = re.compile(r"^\| `([^`]+)` \| ([a-z, ]+) \| .+ \|$", re.MULTILINE)
KINDS: Final[dict[type, set[str]]] = {
    bool: {"flag"},
    int: {"count", "number"},
    Decimal: {"number"},
    str: {"text"},
    type(None): {"null"},
    list: {"list"},
    dict: {"object"},
}


def written_fields() -> dict[FieldPath, set[str]]:
    """Read the table: each field, with the kinds of its values."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = text[text.index("| field | type | meaning |") :].partition("\n\n")[0]
    found: dict[FieldPath, set[str]] = {}
    for pattern, kinds in ROW.findall(table):
        names = [part.strip("{}").split(",") for part in re.findall(r"\{[^}]+\}|[^{}]+", pattern)]
        for parts in product(*names):
            path = tuple("".join(parts).replace("[]", ".[]").split("."))
            assert path not in found, pattern
            found[path] = set(kinds.split(", "))
    assert len(ROW.findall(table)) == table.count("\n") - 1
    return found


def with_containers(fields: dict[FieldPath, set[str]]) -> dict[FieldPath, set[str]]:
    """Add the lists and objects that fields stand in."""
    found = {path: set(kinds) for path, kinds in fields.items()}
    for path in fields:
        for length, part in enumerate(path):
            found.setdefault(path[:length], set()).add("list" if part == "[]" else "object")
    return found


def values_in(value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Any]]:
    """Yield everything that stands in a report, with its path."""
    yield path, value
    if isinstance(value, dict):
        for name, one in value.items():
            yield from values_in(one, (*path, name))
    elif isinstance(value, list):
        for one in value:
            yield from values_in(one, (*path, "[]"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[FieldPath, set[type]]:
    """Return every path of real reports, with the types of what stands there."""
    found: dict[FieldPath, set[type]] = {}
    for report in reports_of_all_kinds(tmp_path_factory.mktemp("made")):
        for path, value in values_in(report):
            found.setdefault(path, set()).add(type(value))
    return found


def fits(path: FieldPath, pattern: FieldPath) -> bool:
    """Tell whether a field is one that the table means."""
    return len(path) == len(pattern) and all(
        known in {"*", name} for name, known in zip(path, pattern, strict=True)
    )


def test_every_field_is_written_down_and_there(found: dict[FieldPath, set[type]]) -> None:
    """No field of a report is missing in the table, none has another type, and none is made up."""
    known = with_containers(written_fields())
    there: set[FieldPath] = set()
    for path, types in found.items():
        patterns = [one for one in known if fits(path, one)]
        assert len(patterns) == 1, path
        (pattern,) = patterns
        there.add(pattern)
        assert [one for one in types if not KINDS[one] & known[pattern]] == [], path
    assert known.keys() - there == set()


def test_a_kind_that_never_occurs_is_not_promised(found: dict[FieldPath, set[type]]) -> None:
    """Of each field that may be absent there is a value too."""
    for pattern, kinds in written_fields().items():
        types = set().union(*(some for path, some in found.items() if fits(path, pattern)))
        assert types - {type(None)}, (pattern, kinds)


def test_by_key_is_explained() -> None:
    """The table says that a key is a project and a service tier."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert "**by key**: project × service tier" in text
