"""What is private, by name or by shape: one list, and wherever it could leave the process."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from stream.records.privacy import (
    CONTROL,
    escape_json,
    is_private_name,
    mask_json,
    one_line,
    shield_value,
    show_label,
    spell_name,
)
from tests.support.bad_pages import ONE
from tests.support.pages import bucket, letters_in, page, put_all, used
from tests.support.running import replay

NAMES = [
    "email",
    "e_mail",
    "emails",
    "mail",
    "user_mail",
    "phone",
    "mobile",
    "mobiles",
    "password",
    "passphrase",
    "secret",
    "secrets",
    "fingerprint",
    "fingerprints",
    "credentials",
    "authorization",
    "cookie",
    "ssn",
    "owner",
    "ip",
    "ip_address",
    "remote_addr",
    "clientAddr",
    "address",
    "name",
    "user_name",
    "userName",
    "member_name",
    "surname",
    "username",
    "token",
    "tokens",
    "refresh_token_value",
    "accessToken",
    "bearer",
    "api_key",
    "apiKeys",
    "private_key",
    "customer_name",
    "contact",
]
NOT_PRIVATE = [
    "project_id",
    "model",
    "input_tokens",
    "output_tokens",
    "input_cached_tokens",
    "num_model_requests",
    "batch",
    "zip",
    "project_kind",
    "shipping",
    "token_type",
    "line_item",
    "service_tier",
]
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEhidden\nhidden==\n-----END RSA PRIVATE KEY-----"
SHAPES = {
    "sk-proj-Hidden0123456789": "a key",
    "sk_live_Hidden0123456789": "a key of another house",
    "AIzaHidden0123456789Hidden0123456789abc": "a key of a cloud",
    "hidden.doe@corp.test": "a mail address",
    "hidden%2Edoe%40corp%2Etest": "one that is percent-encoded",
    "sk%2Dproj%2DHidden0123456789": "a key that is percent-encoded",
    "sk%252Dproj%252DHidden0123456789": "one that is so twice",
    "Bearer Hidden0123456789": "a header",
    "x_BEARER Hidden0123456789": "one behind an underscore",
    "t_eyJHidden0123456.Hidden0123456789": "a web token behind an underscore",
    "t-eyJHidden0123456.Hidden0123456789": "a web token behind a dash",
    PEM: "a key file",
    PEM.partition("-----END")[0]: "a key file that is cut",
}
TERMINAL = "a\x9b31mb\x1b]0;c\x07\u202ed\u200fe\u2066"


@pytest.mark.parametrize("name", NAMES)
def test_private_names(name: str) -> None:
    """What such a field holds is masked, whatever it looks like."""
    assert is_private_name(name)
    assert mask_json({name: "Jane"}) == {name: "***"}


@pytest.mark.parametrize("name", NOT_PRIVATE)
def test_other_names(name: str) -> None:
    """What counts, or tells records apart, is not private."""
    assert not is_private_name(name)


@pytest.mark.parametrize("secret", [*SHAPES], ids=[*SHAPES.values()])
def test_private_shapes(secret: str, tmp_path: Path) -> None:
    """Nothing of a secret leaves the process: not as a value, in a sentence, or as a name."""
    shown = [shield_value(secret), one_line(f'found "{secret}", expected'), spell_name(secret)]
    shown.append(str(mask_json({"note": [secret], secret: 1})))
    row = used(5, project_id=secret, note=secret)
    pages = put_all(tmp_path / "pages", {ONE: page(bucket(row, used(-1, model=secret)))})
    dead, notes, metrics = tmp_path / "dead", tmp_path / "notes.md", tmp_path / "m.prom"
    replayed = replay(
        pages, on_error="dead-letter", dead_letters=dead, notes=notes, metrics=metrics
    )
    assert replayed.code == 1
    shown += [replayed.raw.decode(), replayed.output, replayed.errors, str(letters_in(dead))]
    shown += [notes.read_text("utf-8"), metrics.read_text("utf-8")]
    assert [text for text in shown if "idden" in text] == []


def test_expectations_are_not_echoed(tmp_path: Path) -> None:
    """What was expected of a secret, or of a person, is not said in the report."""
    key = {"endpoint": "usage/completions", "projectId": "sk-proj-Hidden0123456789"}
    expected = {
        "keys": [{**key, "serviceTier": "hidden@corp.test", "metrics": {"input_tokens": 1}}],
        "survivors": [
            {
                "endpoint": "usage/completions",
                "label": "hidden@corp.test",
                "bucketTimestamp": "2024-11-01T00:00:00Z",
                "windowEnd": "2024-11-02T00:00:00Z",
                "dimensions": {"member_name": "Hidden Doe"},
            }
        ],
    }
    pages = put_all(tmp_path, {ONE: page(bucket(used(1))), "expectations.json": expected})
    replayed = replay(pages)
    assert replayed.code == 1
    assert "idden" not in replayed.raw.decode() + replayed.output


def test_a_terminal_obeys_nothing(tmp_path: Path) -> None:
    """Standard output, notes and metrics have no character that a terminal obeys."""
    row = used(1, **{TERMINAL: 1}, project_id=TERMINAL, model=TERMINAL, service_tier=TERMINAL)
    pages = put_all(tmp_path / "pages", {ONE: page(bucket(row))})
    notes, metrics = tmp_path / "notes.md", tmp_path / "m.prom"
    replayed = replay(pages, notes=notes, metrics=metrics)
    for text in (replayed.output, notes.read_text("utf-8"), metrics.read_text("utf-8")):
        assert [one for one in text if one != "\n" and not one.isprintable()] == []
    assert escape_json(b'"\xc2\x9b"') == b'"\\u009b"'


def test_what_can_be_printed_is_not_looked_through() -> None:
    """Text that can be printed stays the one it is: of what is escaped no character is such."""
    written = '{\n  "name": "né"\n}\n'.encode()
    assert escape_json(written) is written
    escaped = [one for one in map(chr, range(sys.maxunicode + 1)) if re.match(CONTROL, one)]
    assert len(escaped) > 2_000
    assert [one for one in escaped if one.isprintable()] == []


def test_labels_stay_apart() -> None:
    """Values that differ do so after their characters were escaped; others stay as they are."""
    assert show_label("plain") == "plain"
    assert show_label("a\x9b").startswith("a\\x9b (sha256:")
    assert show_label("a\x9b") != show_label("a\\x9b")
