"""Keep secrets and personal data out of everything that is written.

Dimension values that look like a key or an email become digests before they enter the state
(:func:`shield_value`); texts and JSON values on their way to a message or a dead letter are masked
(:func:`mask_text`, :func:`mask_json`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

__all__ = [
    "digest_text",
    "find_secrets",
    "is_private_name",
    "mask_json",
    "mask_text",
    "one_line",
    "shield_value",
]

EMAIL: Final = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}")
KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|rk|pk|sess)-[A-Za-z0-9_-]{8,}"
    r"|(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?<![A-Za-z0-9])(?:ghp|gho|ghs|github_pat|glpat|xox[abpr])[_-][A-Za-z0-9_-]{10,}"
    r"|\b[Bb]earer\s{1,8}[A-Za-z0-9._~+/-]{8,}=*"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----"
    r"|(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
)
PRIVATE_NAME: Final = re.compile(
    r"(?:^|_)(?:e_?mails?|phones?|passwords?|passwd|secrets?|fingerprint|credentials?|authorization"
    r"|cookie|ssn|person|owner|redacted_value|ip_address|ip|customer_name|contact|surname)(?:_|$)"
    r"|^(?:user_|first_|last_|full_|display_|given_|family_)?name$|^username$|(?:^|_)token$"
    r"|^address$|(?:^|_)(?:api|private|access|secret)_?key$",
)
HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MASK: Final = "***"
WORD: Final = 63  # bits that every JSON writer can hold in a number
CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def digest_text(value: str) -> str:
    """Return a short stable stand-in for ``value``: equal values stay equal, and unreadable."""
    return "sha256:" + hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:16]


def is_private_name(name: str) -> bool:
    """Tell whether a field of that name, in snake or camel case, speaks of a person or a secret."""
    return PRIVATE_NAME.search(HUMP.sub("_", name).lower().replace("-", "_")) is not None


def shield_value(value: str) -> str:
    """Return ``value``, or its digest when it looks like an email or an API key."""
    if ("@" in value and EMAIL.search(value)) or KEY.search(value):
        return digest_text(value)
    return value


def find_secrets(text: str) -> list[tuple[str, int]]:
    """List what must not stand in a published file: (kind, offset); example.com is allowed."""
    found = [("a key-like string", match.start()) for match in KEY.finditer(text)]
    found += [
        ("an email outside example.com", match.start())
        for match in EMAIL.finditer(text)
        if not match[0].lower().endswith(("@example.com", ".example.com"))
    ]
    return sorted(found, key=lambda one: one[1])


def mask_text(text: str) -> str:
    """Return ``text`` with emails and key-like strings hidden."""
    text = KEY.sub(MASK, text)
    return EMAIL.sub(MASK, text) if "@" in text else text


def mask_json(value: Any) -> Any:
    """Return a copy of a JSON value with private members and secret-looking strings hidden."""
    if isinstance(value, dict):
        return {
            mask_text(name): MASK
            if is_private_name(name) and member is not None
            else mask_json(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [mask_json(member) for member in value]
    if isinstance(value, int) and value.bit_length() > WORD:
        return str(value)
    return mask_text(value) if isinstance(value, str) else value


def one_line(text: str) -> str:
    """Return ``text`` masked and on one line, its control characters escaped."""
    return CONTROL.sub(
        lambda match: match[0].encode("unicode_escape", errors="surrogatepass").decode("ascii"),
        mask_text(text),
    )
