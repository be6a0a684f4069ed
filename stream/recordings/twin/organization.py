"""Who there is: an organization's projects, people, service accounts, keys and certificates."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, NamedTuple

from stream.recordings.synth.dimensions import make_identifier
from stream.recordings.synth.draws import draw_number

__all__ = ["FOUNDED", "Organization", "Person"]

FOUNDED: Final = 1_672_531_200
"""2023-01-01: nothing is older than the organization, and before it nothing was used."""
ARCHIVED_AT: Final = 1_748_736_000
"""2025-06-01: when the archived project was; it was used until then."""
YEAR: Final = 31_536_000
NAMES: Final = ("Ada", "Bo", "Cleo", "Dev", "Edda", "Finn", "Gil", "Hana", "Ines", "Jon")
TITLES: Final = ("Search", "Support", "Reports", "Notes", "Labels", "Voice", "Drafts", "Tests")

Json = dict[str, Any]


class Person(NamedTuple):
    """Who uses something, by ids as they stand on rows; ``None``: it is not known which.

    ``end`` is when that ended, in Unix seconds, if it did.
    """

    project: str | None
    user: str | None
    key: str | None
    end: int | None = None


class Organization:
    """An organization drawn from a seed: ``projects`` active ones, and an archived one.

    Each list has the elements that the API would answer with, the eldest first.
    """

    def __init__(self, seed: int, projects: int = 5) -> None:
        """Draw it."""
        self.seed = seed
        self.size = projects

    def make_id(self, prefix: str, place: int) -> str:
        """Make the id of an object."""
        return make_identifier(prefix, self.seed, place)

    def draw_time(self, *place: object) -> int:
        """Draw when something was made, in the organization's first year."""
        return FOUNDED + draw_number(self.seed, *place) % YEAR

    @cached_property
    def projects(self) -> list[Json]:
        """All projects; the last is archived."""
        return [
            {
                "id": self.make_id("proj", place),
                "object": "organization.project",
                "name": name_of(TITLES, place) if place < self.size else "Pilot",
                "created_at": FOUNDED + 86_400 * place,
                "archived_at": None if place < self.size else ARCHIVED_AT,
                "status": "active" if place < self.size else "archived",
                "external_key_id": None,
                "residency": None,
            }
            for place in range(self.size + 1)
        ]

    @cached_property
    def users(self) -> list[Json]:
        """All users; the first is the owner."""
        return [
            {
                "object": "organization.user",
                "id": self.make_id("user", place),
                "name": name_of(NAMES, place),
                "email": f"user-{place}@example.com",
                "role": "reader" if place else "owner",
                "added_at": FOUNDED + 3600 * place,
            }
            for place in range(self.size + 3)
        ]

    @cached_property
    def certificates(self) -> list[Json]:
        """The organization's certificates."""
        return [
            {
                "object": "organization.certificate",
                "id": self.make_id("cert", place),
                "name": f"mTLS {place}",
                "active": place > 0,
                "created_at": FOUNDED + YEAR * place,
                "certificate_details": {
                    "valid_at": FOUNDED + YEAR * place,
                    "expires_at": FOUNDED + YEAR * (place + 2),
                },
            }
            for place in range(3)
        ]

    def members_of(self, place: int) -> list[Json]:
        """List the users of a project, which has a number."""
        owner, *others = self.users
        chosen = [owner, *(one for at, one in enumerate(others) if (at + place) % 3 != 1)]
        return [
            {
                "object": "organization.project.user",
                "id": one["id"],
                "name": one["name"],
                "email": one["email"],
                "role": "owner" if one is owner else "member",
                "added_at": FOUNDED + 86_400 * place + 60 * at,
            }
            for at, one in enumerate(chosen)
        ]

    def accounts_of(self, place: int) -> list[Json]:
        """List the service accounts of a project."""
        return [
            {
                "object": "organization.project.service_account",
                "id": self.make_id("svc_acct", 2 * place + one),
                "name": ("CI", "Batch")[one],
                "role": "member",
                "created_at": self.draw_time("account", place, one),
            }
            for one in range(1 + place % 2)
        ]

    def keys_of(self, place: int) -> list[Json]:
        """List the API keys of a project: two of users, and one of each service account."""
        owners = [("user", one) for one in self.members_of(place)[:2]]
        owners += [("service_account", one) for one in self.accounts_of(place)]
        return [self.key_of(place, at, kind, owner) for at, (kind, owner) in enumerate(owners)]

    def key_of(self, place: int, at: int, kind: str, owner: Json) -> Json:
        """Write one key of a project; some owners have no access any more."""
        shown = {name: owner[name] for name in ("id", "name", "email", "role") if name in owner}
        made: int = owner["created_at" if kind == "service_account" else "added_at"]
        return {
            "object": "organization.project.api_key",
            "id": self.make_id("key", 8 * place + at),
            "name": f"key {at}",
            "redacted_value": f"sk-{at}...{place:03d}",
            "created_at": made,
            "last_used_at": None if at == 1 else made + YEAR,
            "expires_at": None,
            "owner_project_access": "inactive" if at == 1 and place % 2 else "active",
            "owner": {"type": kind, kind: {**shown, "created_at": made}},
        }

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Who uses something: by each key, by one that was deleted, without a key, and nobody."""
        found: list[Person] = []
        for place, project in enumerate(self.projects):
            for key in self.keys_of(place):
                user = key["owner"].get("user", {}).get("id")
                found.append(Person(project["id"], user, key["id"], project["archived_at"]))
        first, user = self.projects[0]["id"], self.users[0]["id"]
        deleted = self.make_id("key", 9_999)
        return (
            *found,
            Person(first, user, deleted),
            Person(first, user, None),
            Person(*3 * [None]),
        )


def name_of(names: tuple[str, ...], place: int) -> str:
    """Return a name; when they run out they are numbered."""
    again, at = divmod(place, len(names))
    return names[at] if not again else f"{names[at]} {again + 1}"
