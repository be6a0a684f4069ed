"""Referential integrity: every project, account, key and certificate that is named must be defined.

A reference is checked only when the list that would define it is in the set, and whole. Lists are
checked among themselves (:class:`Relationships`), usage and costs against them
(:class:`ForeignKeyIssues`). Members refer to people, and define nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from stream.providers.endpoint import Kind
from stream.providers.openai import LISTS
from stream.state.objects import ObjectPages, Reference

__all__ = ["DEFINED_FOR_EVER", "DELETED_IN_TIME", "ForeignKeyIssues", "Relations", "Relationships"]

NAMES: Final[dict[Kind, str]] = {
    "projects": "project",
    "service_accounts": "service account",
    "service_account_keys": "service account key",
    "certificates": "certificate",
    "api_keys": "API key",
    "users": "user",
}
"""What one of each kind is called; the kinds are in the order of the report."""
DEFINED_FOR_EVER: Final[tuple[Kind, ...]] = ("projects", "service_accounts", "certificates")
"""What lists go on to name; usage of another one does not hold."""
DELETED_IN_TIME: Final[tuple[Kind, ...]] = ("service_account_keys", "api_keys", "users")
"""What lists do not name any more once it is deleted, while its usage stays."""
SHOWN_IDS: Final = 5
REFER: Final = "The lists refer to"
HAVE: Final = "The lists have"


class Relationships(Struct, rename="camel", frozen=True):
    """What does not fit among the lists; ids, sorted."""

    missing_project_ids: list[str]
    orphan_service_account_ids: list[str]
    missing_service_account_ids: list[str]
    orphan_key_ids: list[str]
    missing_certificate_ids: list[str]

    def sentences(self) -> list[str]:
        """Say what does not hold, a sentence for each kind."""
        found = [
            (REFER, "project", "that the projects list does not define", self.missing_project_ids),
            (
                HAVE,
                "service account",
                "of a project that the projects list does not define",
                self.orphan_service_account_ids,
            ),
            (
                REFER,
                "service account",
                "that no service accounts list defines",
                self.missing_service_account_ids,
            ),
            (
                HAVE,
                "service account key",
                "of a service account that the list does not define",
                self.orphan_key_ids,
            ),
            (
                REFER,
                "certificate",
                "that the certificates list does not define",
                self.missing_certificate_ids,
            ),
        ]
        return [write_sentence(*one) for one in found if one[-1]]


class ForeignKeyIssues(Struct, rename="camel", frozen=True):
    """What usage and costs refer to without a definition, as ``endpoint:id``, sorted."""

    unknown_projects: list[str]
    unknown_service_accounts: list[str]
    unknown_service_account_keys: list[str]
    unknown_certificates: list[str]
    unknown_api_keys: list[str]
    unknown_users: list[str]

    def sentences(self, kinds: Iterable[Kind]) -> list[str]:
        """Say what is referred to and not defined, a sentence for each of these kinds."""
        found = []
        for kind in kinds:
            ids = sorted({one.partition(":")[2] for one in getattr(self, f"unknown_{kind}")})
            sentence = "Usage and costs refer to", NAMES[kind], "that no list defines", ids
            found += [write_sentence(*sentence)] if ids else []
        return found


def write_sentence(opening: str, kind: str, fault: str, ids: Sequence[str]) -> str:
    """Say how many objects of a kind have a fault, and which the first are."""
    count = f"{len(ids)} {kind}" + ("s" if len(ids) > 1 else "")
    first = ", ".join(ids[:SHOWN_IDS]) + (", …" if len(ids) > SHOWN_IDS else "")
    return f"{opening} {count} {fault}: {first}."


class Relations:
    """The organization's objects, as the pages of its lists define them."""

    def __init__(self, pages: ObjectPages, partial: AbstractSet[str] = frozenset()) -> None:
        """Look at ``pages``; lists that are ``partial`` are not whole, and define nothing."""
        self.pages = pages
        self.partial = partial

    def elements(self) -> dict[str, dict[str | None, frozenset[Reference]]]:
        """Return each list's elements, its pages together."""
        lists: dict[str, dict[str | None, frozenset[Reference]]] = {}
        for (name, *_), elements in sorted(self.pages.items()):
            known = lists.setdefault(name, {})
            for one, references in elements.items():
                known[one] = known.get(one, frozenset()) | references
        return lists

    def defined_ids(self) -> dict[Kind, set[str]]:
        """Return the ids of each kind whose list is in the set, and whole."""
        lists = self.elements()
        found: dict[Kind, set[str]] = {
            LISTS[name].defines: {one for one in elements if one is not None}  # type: ignore[misc]  # filtered below
            for name, elements in lists.items()
            if LISTS[name].defines is not None and name not in self.partial
        }
        if "api_keys" in found:  # a service account's key is an API key too
            found["api_keys"] |= {
                one for one in lists.get("service_account_keys", ()) if one is not None
            }
        if "users" in found:
            found["users"] |= {one for one in lists.get("service_accounts", ()) if one is not None}
        return found

    def relationships(self) -> Relationships:
        """Check the lists among themselves; an account without a project is no orphan."""
        defined = self.defined_ids()
        missing: defaultdict[Kind, set[str]] = defaultdict(set)
        orphans: defaultdict[tuple[str, Kind], set[str]] = defaultdict(set)
        for name, elements in self.elements().items():
            for one, references in elements.items():
                for kind, wanted in references:
                    if kind in defined and wanted not in defined[kind]:
                        missing[kind].add(wanted)
                        orphans[name, kind].add(one or "")
        return Relationships(
            sorted(missing["projects"]),
            sorted(orphans["service_accounts", "projects"]),
            sorted(missing["service_accounts"]),
            sorted(orphans["service_account_keys", "service_accounts"]),
            sorted(missing["certificates"]),
        )

    def foreign_keys(self, references: Iterable[tuple[str, Kind, str]]) -> ForeignKeyIssues:
        """Check what usage and costs refer to: (endpoint, kind, id)."""
        defined = self.defined_ids()
        issues: defaultdict[Kind, set[str]] = defaultdict(set)
        for endpoint, kind, wanted in references:
            if kind in defined and wanted not in defined[kind]:
                issues[kind].add(f"{endpoint}:{wanted}")
        return ForeignKeyIssues(*(sorted(issues[kind]) for kind in NAMES))
