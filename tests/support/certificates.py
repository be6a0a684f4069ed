"""Certificates of an authority that only a test knows, for 127.0.0.1 and localhost."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificate(NamedTuple):
    """A certificate and its key, in PEM."""

    path: Path
    key: Path


def make_authority(place: Path) -> Certificate:
    """Make an authority in a directory: ``ca.pem`` and ``ca-key.pem``."""
    made = Certificate(place / "ca.pem", place / "ca-key.pem")
    order("-x509", *NEW_KEY, "-subj", "/CN=A test", "-keyout", made.key, "-out", made.path)
    return made


def make_certificate(authority: Certificate, place: Path, serial: int = 1) -> Certificate:
    """Make a certificate that the authority has signed: ``cert.pem`` and ``key.pem``."""
    made = Certificate(place / "cert.pem", place / "key.pem")
    signers = ("-CA", authority.path, "-CAkey", authority.key, "-set_serial", str(serial))
    subject = ("-subj", "/CN=localhost", "-addext", NAMES)
    order("-x509", *signers, *NEW_KEY, *subject, "-keyout", made.key, "-out", made.path)
    return made


def order(*arguments: str | Path) -> None:
    """Have openssl make a certificate."""
    subprocess.run(["openssl", "req", *arguments], capture_output=True, check=True)
