"""The answers of the lists: objects of the organization, paged by the id after which it goes on."""

from __future__ import annotations

from typing import Any, Final

from stream.providers.openai import LISTS
from stream.recordings.twin.organization import Json, Organization
from stream.recordings.twin.query import Parameters, TwinRefusal, wrong

__all__ = ["ListAnswers", "find_list"]

DEFAULT_LIMIT: Final = 20
MOST: Final = 100
OWN: Final = {
    "projects": ("include_archived",),
    "api_keys": ("owner_project_access",),
    "users": ("emails",),
    "certificates": ("order",),
}
"""What a list's query may have beside ``after`` and ``limit``."""
WORDS: Final = {
    "include_archived": ("true", "false"),
    "owner_project_access": ("active", "inactive", "any"),
    "order": ("asc", "desc"),
}


def find_list(path: str) -> tuple[str, str | None] | None:
    """Return the list that is at a path below ``/v1``, and the project in it, if there is one."""
    parts = path.split("/")
    for entry in LISTS.values():
        pattern = entry.path.split("/")
        if len(pattern) == len(parts) and all(
            one in {"*", part} for one, part in zip(pattern, parts, strict=True)
        ):
            project = parts[pattern.index("*")] if "*" in pattern else None
            return entry.name, project
    return None


class ListAnswers:
    """Answers the queries of lists."""

    def __init__(self, organization: Organization) -> None:
        """Answer for an organization."""
        self.organization = organization

    def page(self, name: str, project: str | None, parameters: Parameters) -> Json | TwinRefusal:
        """Return a page of a list, or say why it is refused: an archived project has no lists."""
        place = 0
        if project is not None:
            ids = [one["id"] for one in self.organization.projects]
            if project not in ids:
                return TwinRefusal(404, f"No such project: {project}.", "project_id", "not_found")
            place = ids.index(project)
            if place == self.organization.size:
                message = f"Project {project} has been archived."
                return TwinRefusal(400, message, "project_id", "project_archived")
        for one, values in parameters.items():
            if one not in {"after", "limit", *OWN.get(name, ())}:
                return wrong(one, f"Unknown parameter: '{one}'.", "unknown_parameter")
            if values[0] not in WORDS.get(one, values):
                return wrong(one, f"Invalid '{one}': expected {', '.join(WORDS[one])}.")
        elements = select_elements(name, self.elements(name, place), parameters)
        return page_of(elements, parameters)

    def elements(self, name: str, place: int) -> list[Json]:
        """Return all that a list has, of a project with a number."""
        match name:
            case "projects":
                return self.organization.projects
            case "users":
                return self.organization.users
            case "certificates":
                return self.organization.certificates
            case "project_members":
                return self.organization.members_of(place)
            case "service_accounts":
                return self.organization.accounts_of(place)
        return self.organization.keys_of(place)


def select_elements(name: str, elements: list[Json], parameters: Parameters) -> list[Json]:
    """Leave out what a query does not ask for, or has to ask for."""
    match name:
        case "projects" if parameters.get("include_archived", ["false"])[0] != "true":
            return [one for one in elements if one["archived_at"] is None]
        case "api_keys":
            access = parameters.get("owner_project_access", ["active"])[0]
            return [one for one in elements if access in {"any", one["owner_project_access"]}]
        case "users" if "emails" in parameters:
            return [one for one in elements if one["email"] in parameters["emails"]]
        case "certificates" if parameters.get("order", ["desc"])[0] == "desc":
            return elements[::-1]
    return elements


def page_of(elements: list[Json], parameters: Parameters) -> Json | TwinRefusal:
    """Return the page behind ``after``, of ``limit`` elements; last_id stands on every page."""
    text = parameters.get("limit", [str(DEFAULT_LIMIT)])[0]
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MOST:
        return wrong("limit", f"Invalid 'limit': must be from 1 to {MOST}.")
    start = 0
    if "after" in parameters:
        ids = [one["id"] for one in elements]
        if parameters["after"][0] not in ids:
            return wrong("after", f"No such object: {parameters['after'][0]}.")
        start = ids.index(parameters["after"][0]) + 1
    shown = elements[start : start + int(text)]
    ends: list[Any] = [shown[0]["id"], shown[-1]["id"]] if shown else [None, None]
    return {
        "object": "list",
        "data": shown,
        "first_id": ends[0],
        "last_id": ends[1],
        "has_more": start + len(shown) < len(elements),
    }
