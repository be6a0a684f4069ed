"""Keep secrets and personal data out of everything that is written.

Dimension values that look like a key or an email become digests before they enter the state
(:func:`shield_value`); texts and JSON values on their way to a message or a dead letter are masked
(:func:`mask_text`, :func:`mask_json`). A secret that the program itself was given is masked
whatever it looks like (:func:`register_secret`).
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, unquote

__all__ = [
    "digest_text",
    "escape_controls",
    "escape_json",
    "find_secrets",
    "is_private_name",
    "mask_json",
    "mask_text",
    "one_line",
    "register_secret",
    "shield_value",
    "show_label",
    "spell_name",
]

EMAIL: Final = r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}"
"""Compiled by ``re`` when one is looked for first, as few runs do; the start is quicker so."""
KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?=[srpwAgxbBe])(?:"  # once, and not for each kind: every name is looked at
    r"(?:sk|rk|pk|sess)-[A-Za-z0-9_-]{8,}"
    r"|(?:(?:sk|rk|pk)_(?:live|test|prod)|whsec)_[A-Za-z0-9]{8,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|AIza[A-Za-z0-9_-]{20,}"
    r"|(?:ghp|gho|ghs|github_pat|glpat|xox[abpr])[_-][A-Za-z0-9_-]{10,}"
    r"|[bB](?i:earer)[\s:=]{1,8}[A-Za-z0-9._~+/-]{8,}=*"
    r"|(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|eyJ[A-Za-z0-9_-]{8,256}\.[A-Za-z0-9_-]{8,}"  # bounded: it may begin often
    r")|(?s:-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----|.*))",
)
"""What looks like a key; of a PEM file all of it, and where its end is missing all that follows."""
PRIVATE_NAME: Final = (
    r"(?:^|_)(?:e_?mails?|mails?|phones?|mobiles?|passwords?|passwd|passphrases?|secrets?|bearers?"
    r"|fingerprints?|credentials?|authorization|cookies?|ssn|persons?|owners?|redacted_value"
    r"|ip_address(?:es)?|ips?|customer_name|contacts?|surnames?)(?:_|$)"
    r"|^(?:(?:user|first|last|full|display|given|family|member)_)?names?$|^usernames?$"
    r"|(?:^|_)token$|^tokens$|(?:^|_)(?:access|refresh|auth|bearer|session|id)_tokens?(?:_|$)"
    r"|^address(?:es)?$|(?:^|_)(?:remote|client|peer)_addr(?:ess)?(?:_|$)"
    r"|(?:^|_)(?:api|private|access|secret)_?keys?$"
)
"""As above."""
PERCENT: Final = r"%[0-9A-Fa-f]{2}"
BREAKS: Final = r"([\s\"'<>,;]+)"
UNQUOTED: Final = 3
"""How often a text may have been percent-encoded."""
HUMP: Final = r"(?<=[a-z0-9])(?=[A-Z])"
MASK: Final = "***"
WORD: Final = 63  # bits that every JSON writer can hold in a number
CONTROL: Final = (
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Compiled as above: of a text that can be printed nobody asks."""

SECRETS: Final[set[str]] = set()
"""Secrets of this program, and how they are spelled in URLs and in JSON."""


def register_secret(secret: str) -> None:
    """Have :func:`mask_text` hide this text from now on, in this process.

    Dimension values do not change by it: figures depend on pages, and not on who reads them.
    """
    import json  # noqa: PLC0415 -- 1 ms that most runs do not need

    SECRETS.update({secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]} - {""})


def digest_text(value: str) -> str:
    """Return a short stable stand-in for ``value``: equal values stay equal, and unreadable."""
    import hashlib  # noqa: PLC0415 -- 2 ms that most runs do not need

    return "sha256:" + hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:16]


def is_private_name(name: str) -> bool:
    """Tell whether a field of that name, in snake or camel case, speaks of a person or a secret."""
    return re.search(PRIVATE_NAME, re.sub(HUMP, "_", name).lower().replace("-", "_")) is not None


def shield_value(value: str) -> str:
    """Return ``value``, or its digest when it looks like an email or an API key."""
    if is_secret(value) or ("%" in value and is_encoded_secret(value)):
        return digest_text(value)
    return value


def is_secret(text: str) -> bool:
    """Tell whether a text has something that looks like an email or a key in it."""
    return ("@" in text and re.search(EMAIL, text) is not None) or KEY.search(text) is not None


def is_encoded_secret(text: str) -> bool:
    """Tell whether a text has such a thing in it that is percent-encoded."""
    for _ in range(UNQUOTED):
        if re.search(PERCENT, text) is None:
            return False
        text = unquote(text)
        if is_secret(text):
            return True
    return False


def find_secrets(text: str) -> list[tuple[str, int]]:
    """List what must not stand in a published file: (kind, offset); example.com is allowed."""
    found = [("a key-like string", match.start()) for match in KEY.finditer(text)]
    found += [
        ("an email outside example.com", match.start())
        for match in re.finditer(EMAIL, text)
        if not match[0].lower().endswith(("@example.com", ".example.com"))
    ]
    return sorted(found, key=lambda one: one[1])


def mask_text(text: str) -> str:
    """Return ``text`` with emails, key-like strings and this program's own secrets hidden."""
    for secret in sorted(SECRETS, key=len, reverse=True) if SECRETS else ():
        text = text.replace(secret, MASK)
    text = KEY.sub(MASK, text)
    if "@" in text:
        text = re.sub(EMAIL, MASK, text)
    if "%" in text and is_encoded_secret(text):
        words = re.split(BREAKS, text)
        shown = [MASK if "%" in word and is_encoded_secret(word) else word for word in words]
        text = "".join(shown) if shown != words else MASK
    return text


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
    return escape_controls(mask_text(text))


def escape_controls(text: str) -> str:
    """Return ``text`` without characters that a terminal obeys, or that turn its order around."""
    if text.isprintable():
        return text
    return re.sub(
        CONTROL,
        lambda match: match[0].encode("unicode_escape", errors="surrogatepass").decode("ascii"),
        text,
    )


def escape_json(written: bytes) -> bytes:
    """Return JSON that says the same without such characters; those between values stay."""
    text = written.decode(errors="surrogateescape")
    if text.replace("\n", "").isprintable():
        return written
    return re.sub(
        CONTROL,
        lambda match: match[0] if match[0] in "\n\r\t" else f"\\u{ord(match[0]):04x}",
        text,
    ).encode()


def show_label(value: str) -> str:
    """Return a label's value without such characters; values that differ stay different."""
    shown = escape_controls(value)
    return value if shown == value else f"{shown} ({digest_text(value)})"


def spell_name(name: str) -> str:
    """Return a file name as it may be written: bytes that are no UTF-8 escaped, secrets masked."""
    if not name.isascii():
        name = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return mask_text(name)
