"""The account that is asked: its key, its organization, and where its API is."""

from __future__ import annotations

from pathlib import Path

import click

from stream.cli.basics import FILE, add_options
from stream.sources.api.http import OPENAI_URL, HttpTransport
from stream.sources.api.key import KEY_VARIABLE, AdminKey
from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = ["account_options", "transport_of"]

account_options = add_options(
    click.option(
        "--key-file",
        metavar="FILE",
        type=FILE,
        help=f"A file that you alone may read, with the admin key. Without it: {KEY_VARIABLE}.",
    ),
    click.option(
        "--organization", metavar="ORG", help="The organization, where a key has several."
    ),
    click.option(
        "--base-url",
        metavar="URL",
        default=OPENAI_URL,
        show_default=True,
        help="Where the API is: https, or http on this machine.",
    ),
)
"""Gives a command the options that say which account is asked."""


def transport_of(key_file: Path | None, organization: str | None, base_url: str) -> HttpTransport:
    """Return what carries requests to an account; nothing is connected yet.

    Raises:
        BadConfiguration: there is no key, or the organization or the URL cannot be one.
    """
    key = AdminKey.load(key_file)
    return HttpTransport(base_url, key, organization, max_bytes=DEFAULT_PAGE_BYTES)
