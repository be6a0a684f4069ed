"""The certificate that the daemon shows, and its key, from files."""

from __future__ import annotations

import ssl
from pathlib import Path

from stream.records.errors import BadConfiguration

__all__ = ["load_certificate"]


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Load a certificate with its chain, and its key, in PEM, to begin connections with.

    Raises:
        BadConfiguration: a file cannot be read, holds none, or the two do not belong together.
    """
    for path in (certificate, key):
        try:
            with path.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise BadConfiguration(f"{path}: cannot be read ({error.strerror})") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")  # or OpenSSL asks for one
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "reason", None)
        words = str(reason or "a password is wanted").lower().replace("_", " ")
        raise BadConfiguration(
            f"found {certificate} with the key {key}, expected a certificate and its own key, "
            f"in PEM, without a password ({words})"
        ) from None
    return context
