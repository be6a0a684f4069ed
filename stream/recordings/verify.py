"""Verify a fixture directory: checksums both ways, registration, expectations, sanitisation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import anyio

from stream.figures.expectations import FILE as EXPECTATIONS
from stream.figures.expectations import decode_expectations
from stream.pipeline import Replay, replay
from stream.providers.openai import ENDPOINTS as REGISTRY
from stream.records.chains import ChainSummary
from stream.records.digests import CHECKSUMS, listed_sums
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import find_secrets
from stream.records.tally import Tally
from stream.sources.discovery import discover_chains, parse_name
from stream.sources.opening import read_regular
from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = ["Findings", "verify_fixtures"]

ENDPOINTS: Final = "ENDPOINTS.md"
ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
NAMED: Final = re.compile(r"(?<![\w.-])[\w.-]+\.json(?![\w-]|\.\w)")


class Findings(NamedTuple):
    """What is wrong: with the files themselves (exit 65), and with what they say (exit 1)."""

    files: list[str]
    content: list[str]

    @property
    def exit_code(self) -> int:
        """Return the command's exit code."""
        return BadInput.exit_code if self.files else int(bool(self.content))


def verify_fixtures(directory: Path, now: int) -> Findings:
    """Check a fixture directory.

    Raises:
        Unavailable: the directory or a file in it cannot be read.
    """
    discover_chains(directory)
    try:
        names = sorted(
            path.relative_to(directory).as_posix()
            for path in directory.rglob("*")
            if path.is_symlink() or not path.is_dir()
        )
    except OSError as error:
        raise Unavailable(f"{directory}: cannot be read ({error.strerror})") from None
    content, files = {}, []
    for name in names:
        try:
            content[name] = read_regular(directory / name, DEFAULT_PAGE_BYTES)
        except BadInput as error:
            files.append(str(error.name_place(name)))
    files += checksum_findings(content)
    said = [*registration_findings(content), *sanitisation_findings(content)]
    if EXPECTATIONS not in content:
        said.append(f"{EXPECTATIONS}: not there, so no figure is checked")
    try:
        outline = anyio.run(
            replay,
            Replay(directory=directory, now=now, report=None, is_compared=False),
            Tally(),
        ).outline
    except BadInput as error:
        files.append(str(error))
    else:
        said += outline.issues
        said += [f"{one.name}: left out: {one.reason}" for one in outline.left_out]
        said += unexpected_chains(content, outline.runs)
    return Findings(files, said)


def checksum_findings(content: dict[str, bytes]) -> Iterator[str]:
    """Compare the files with the list of their digests, both ways."""
    if CHECKSUMS not in content:
        yield f"{CHECKSUMS}: not there; make it with sha256sum"
        return
    listed: dict[str, bytes] = {}
    for number, name, digest in listed_sums(content[CHECKSUMS]):
        if not name:
            yield f"{CHECKSUMS}: line {number} is no line of sha256sum"
            continue
        if name in listed:
            yield f"{CHECKSUMS}: line {number} lists {name} again"
        listed[name] = digest
    for name in sorted(listed.keys() | content.keys() - {CHECKSUMS}):
        if name not in content:
            yield f"{name}: listed in {CHECKSUMS}, and not there"
        elif name not in listed:
            yield f"{name}: not listed in {CHECKSUMS}"
        elif hashlib.sha256(content[name]).digest() != listed[name]:
            yield f"{name}: changed since {CHECKSUMS} was made"


def registration_findings(content: dict[str, bytes]) -> Iterator[str]:
    """See that every fixture is registered, and that what is registered is there."""
    registered = set(NAMED.findall(content.get(ENDPOINTS, b"").decode(errors="replace")))
    if ENDPOINTS not in content:
        yield f"{ENDPOINTS}: not there, so no fixture is registered"
        return
    for name in sorted(content):
        if parse_name(name) is not None and name not in registered:
            yield f"{name}: not registered in {ENDPOINTS}"
    for name in sorted(registered - content.keys()):
        if parse_name(name) is not None:
            yield f"{name}: registered in {ENDPOINTS}, and not there"


def sanitisation_findings(content: dict[str, bytes]) -> Iterator[str]:
    """Say where key-like strings and emails outside example.com stand, not what they are.

    JSON escapes hide nothing, and names of files count too.
    """
    for name, payload in sorted(content.items()):
        for what, _ in find_secrets(name):
            yield f"{name}: the file's name holds {what}"
        text = ESCAPE.sub(
            lambda match: chr(int(match[1], 16)).strip() or " ", payload.decode(errors="replace")
        )
        for what, offset in find_secrets(text):
            yield f"{name}: line {text.count(chr(10), 0, offset) + 1} holds {what}"


def unexpected_chains(content: dict[str, bytes], runs: list[ChainSummary]) -> Iterator[str]:
    """Name chains of usage and costs that no expectation speaks of."""
    if EXPECTATIONS in content:
        chains = decode_expectations(content[EXPECTATIONS]).chains
        expected = {(one.endpoint, one.label) for one in chains}
        for endpoint, label in dict.fromkeys(run.chain[:2] for run in runs):
            if endpoint in REGISTRY and (endpoint, label) not in expected:
                yield f"{EXPECTATIONS}: nothing is expected of {endpoint} (label {label})"
