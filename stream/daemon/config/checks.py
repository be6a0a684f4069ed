"""Whether settings go together, and whether they are safe."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stream.daemon.config.settings import MAX_PORT, Http, PaceSettings, Settings, WatchSettings
from stream.records.errors import BadConfiguration
from stream.records.windows import DAY

__all__ = ["check_settings", "token_of"]

SHORTEST_TOKEN: Final = 16
LONGEST_TOKEN: Final = 4096
TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/=-]+")


def check_settings(settings: Settings, path: Path, places: Mapping[str, str]) -> None:
    """See that the settings go together; ``places`` says where each key was set.

    Raises:
        BadConfiguration: they do not.
    """
    check_sources(settings, path)
    check_retention(settings, places)
    check_outputs(settings, places)
    check_http(settings.http, places)


def check_sources(settings: Settings, path: Path) -> None:
    """See that there are sources, each with a name of its own, and that none stands still.

    Raises:
        BadConfiguration: it is not so.
    """
    sources: list[WatchSettings | PaceSettings] = [*settings.watches, *settings.pace]
    if not sources:
        raise BadConfiguration(
            f"{path}: watch: found no source, expected [[watch]], [[poll]] or [[pace]]"
        )
    check_polls(settings, path)
    names = [one.name for one in (*sources, *settings.poll)]
    for name in names:
        if names.count(name) > 1:
            said = f'two sources named "{name}"' if name else "two sources without a name"
            raise BadConfiguration(
                f"{path}: watch: found {said}, expected a name for each: state knows pages by it"
            )
    for index, pace in enumerate(settings.pace):
        if not pace.rate:
            raise BadConfiguration(
                f'{path}: pace[{index}].speed: found "{pace.speed}", expected more than 0'
            )


def check_polls(settings: Settings, path: Path) -> None:
    """See that accounts have names of their own, days that are some, and evidence for them alone.

    Raises:
        BadConfiguration: it is not so.
    """
    names = [poll.name for poll in settings.poll]
    for index, poll in enumerate(settings.poll):
        key = f"{path}: poll[{index}]"
        if names.count(poll.name) > 1:
            raise BadConfiguration(
                f'{key}.name: found "{poll.name}" twice, expected a name for each account'
            )
        try:
            plan = poll.plan
        except ValueError:
            raise BadConfiguration(f'{key}.since: found "{poll.since}", expected a day') from None
        for name, seconds in (
            ("every", plan.interval),
            ("costs_every", plan.costs_interval),
            ("lists_every", plan.lists_interval),
        ):
            if seconds == 0:
                raise BadConfiguration(f'{key}.{name}: found "0", expected more than that')
        for watch in settings.watch:
            if os.path.realpath(watch.path) == os.path.realpath(poll.evidence):
                raise BadConfiguration(
                    f"{key}.evidence: found {poll.evidence}, which is watched too, "
                    "expected a directory for evidence alone"
                )


def check_retention(settings: Settings, places: Mapping[str, str]) -> None:
    """See that windows are kept for a day at least, and as long as they may still change.

    Raises:
        BadConfiguration: it is not so.
    """
    if settings.window_retention is None:
        return
    place = f'{places["retention"]}: found "{settings.retention}"'
    if settings.window_retention.seconds < DAY:
        raise BadConfiguration(f'{place}, expected a day or more, such as "400d"')
    for poll in settings.poll:
        settles = max(poll.plan.settle, poll.plan.costs_settle) + DAY
        if settings.window_retention.seconds < settles:
            raise BadConfiguration(
                f"{place}, expected more than poll {poll.name} takes to settle ({settles} seconds)"
            )


def check_outputs(settings: Settings, places: Mapping[str, str]) -> None:
    """See that nothing that is written overwrites something else that is.

    Raises:
        BadConfiguration: two outputs are one file.
    """
    taken: dict[str, str] = {}
    for key, file in (
        ("state", settings.state),
        ("report", settings.report),
        ("dead_letters", settings.dead_letters / "dead_letters.ndjson"),
    ):
        other = taken.setdefault(os.path.realpath(file), key)
        if other != key:
            raise BadConfiguration(
                f"{places[key]}: found {file}, which is {other} too, expected a file of its own"
            )


def check_http(http: Http, places: Mapping[str, str]) -> None:
    """See that other machines can only ask with a token, or because somebody said so.

    Raises:
        BadConfiguration: they could ask freely, the port is none, or the token is none.
    """
    place = places["http.listen"]
    if http.address[1] > MAX_PORT:
        raise BadConfiguration(f'{place}: found "{http.listen}", expected a port up to {MAX_PORT}')
    if http.token_file is not None:
        token_of(http.token_file, places["http.token_file"])
    elif not http.loopback and not http.allow_anonymous:
        raise BadConfiguration(
            f'{place}: found "{http.listen}", which other machines can reach, '
            "expected http.token_file, or http.allow_anonymous = true"
        )


def token_of(path: Path, place: str = "http.token_file") -> bytes:
    """Return the bearer token in a file; ``place`` says where the file was set.

    Raises:
        BadConfiguration: it cannot be read, or holds no token.
    """
    try:
        with path.open("rb") as file:
            token = file.read(LONGEST_TOKEN + 1).strip()
    except OSError as error:
        raise BadConfiguration(f"{place}: {path}: cannot be read ({error.strerror})") from None
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN or not TOKEN.fullmatch(token):
        raise BadConfiguration(
            f"{place}: {path}: found no token in it, expected {SHORTEST_TOKEN} or more letters, "
            "digits and ._~+/=-"
        )
    return token
