"""Whether settings go together, and whether they are safe."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from pathlib import Path
from typing import Final

from stream.daemon.config.certificates import load_certificate
from stream.daemon.config.exports import check_exports
from stream.daemon.config.layout import check_layout
from stream.daemon.config.money import check_money
from stream.daemon.config.problems import Problems
from stream.daemon.config.settings import MAX_PORT, Http, Settings
from stream.records.errors import BadConfiguration
from stream.records.windows import DAY

__all__ = ["check_settings", "token_of"]

SHORTEST_TOKEN: Final = 16
LONGEST_TOKEN: Final = 4096
TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/=-]+")


def check_settings(settings: Settings, problems: Problems) -> None:
    """See that the settings go together; of keys that are bad by themselves no more is said."""
    check_sources(settings, problems)
    check_polls(settings, problems)
    check_retention(settings, problems)
    check_names(settings, problems)
    check_money(settings, problems)
    check_exports(settings.export, problems)
    check_layout(settings, problems)
    check_http(settings.http, problems)


def check_sources(settings: Settings, problems: Problems) -> None:
    """See that there are sources, and that none stands still."""
    sources = (*settings.watches, *settings.pace)
    if not sources and problems.is_good("watch", "pace", "poll"):
        problems.note("watch", "found no source, expected [[watch]], [[poll]] or [[pace]]")
    for index, pace in enumerate(settings.pace):
        key = f"pace[{index}].speed"
        if not pace.rate and problems.is_good(key):
            problems.note(key, f'found "{pace.speed}", expected more than 0')


def check_polls(settings: Settings, problems: Problems) -> None:
    """See that the days from which accounts are asked are some."""
    for index, poll in enumerate(settings.poll):
        key = f"poll[{index}].since"
        if not problems.is_good(key):
            continue
        try:
            dt.date.fromisoformat(poll.since)
        except ValueError:
            problems.note(key, f'found "{poll.since}", expected a day')


def check_retention(settings: Settings, problems: Problems) -> None:
    """See that windows are kept for a day at least, and as long as they may still change."""
    kept = settings.retention
    if kept is None or not problems.is_good("retention", "poll"):
        return
    found = f"found {kept:g} seconds"
    if kept < DAY:
        problems.note("retention", f'{found}, expected a day or more, such as "400d"')
    for poll in settings.poll if problems.is_good("poll") else ():
        settles = max(poll.settle, poll.costs_settle) + DAY
        if kept < settles:
            told = f"expected more than poll {poll.name} takes to settle ({settles:g} seconds)"
            problems.note("retention", f"{found}, {told}")


def check_names(settings: Settings, problems: Problems) -> None:
    """See that each source has a name of its own, by which state knows its pages."""
    accounts = Counter(
        poll.name
        for index, poll in enumerate(settings.poll)
        if problems.is_good(f"poll[{index}].name")
    )
    for index, poll in enumerate(settings.poll):
        if accounts[poll.name] > 1:
            said = f'found "{poll.name}" twice, expected a name for each account'
            problems.note(f"poll[{index}].name", said)
    names = Counter(accounts.keys())
    evidence = settings.watches[len(settings.watch) :]
    names.update(one.name for one in evidence)
    plain = [(f"watch[{index}].name", one.name) for index, one in enumerate(settings.watch)]
    plain += [(f"pace[{index}].name", one.name) for index, one in enumerate(settings.pace)]
    names.update(name for key, name in plain if problems.is_good(key))
    for name, count in names.items():
        if count > 1:
            said = f'two sources named "{name}"' if name else "two sources without a name"
            problems.note(
                "watch", f"found {said}, expected a name for each: state knows pages by it"
            )


def check_http(http: Http, problems: Problems) -> None:
    """See that other machines can only ask with a token, or because somebody said so.

    The port must be one, the token's file hold a token, and a certificate go with its key.
    """
    if http.address[1] > MAX_PORT:
        problems.note_bad("http.listen", f'found "{http.listen}", expected a port up to {MAX_PORT}')
    if http.token_file is not None:
        try:
            token_of(http.token_file)
        except BadConfiguration as error:
            problems.note("http.token_file", str(error))
    elif not http.loopback and not http.allow_anonymous:
        asked = problems.is_good("http.listen", "http.token_file", "http.allow_anonymous")
        if asked:
            problems.note(
                "http.listen",
                f'found "{http.listen}", which other machines can reach, '
                "expected http.token_file, or http.allow_anonymous = true",
            )
    check_certificate(http, problems)


def check_certificate(http: Http, problems: Problems) -> None:
    """See that a certificate has its key, and that both can be used."""
    if not problems.is_good("http.tls_cert", "http.tls_key"):
        return
    match http.tls_cert, http.tls_key:
        case None, None:
            return
        case Path(), None:
            problems.note("http.tls_key", "found nothing, expected the key of http.tls_cert")
        case None, Path():
            problems.note("http.tls_cert", "found nothing, expected the certificate of its key")
        case Path() as certificate, Path() as key:
            try:
                load_certificate(certificate, key)
            except BadConfiguration as error:
                problems.note("http.tls_cert", str(error))


def token_of(path: Path) -> bytes:
    """Return the bearer token in a file.

    Raises:
        BadConfiguration: it cannot be read, or holds no token.
    """
    try:
        with path.open("rb") as file:
            token = file.read(LONGEST_TOKEN + 1).strip()
    except OSError as error:
        raise BadConfiguration(f"{path}: cannot be read ({error.strerror})") from None
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN or not TOKEN.fullmatch(token):
        raise BadConfiguration(
            f"{path}: found no token in it, expected {SHORTEST_TOKEN} or more letters, "
            "digits and ._~+/=-"
        )
    return token
