"""The admin key: what can be one, who may read its file, and that nobody sees it."""

from __future__ import annotations

import copy
import os
import pickle
import traceback
from pathlib import Path

import pytest

from stream.records.errors import BadConfiguration
from stream.records.privacy import mask_json, mask_text, shield_value
from stream.sources.api.key import KEY_VARIABLE, AdminKey

CANARY = "sk-admin-canary_0123456789abcdef"


def write_key(path: Path, text: str = f"{CANARY}\n", mode: int = 0o600) -> Path:
    """Write a key's file."""
    path.write_text(text, "latin-1")
    path.chmod(mode)
    return path


def fault_of_file(path: Path) -> str:
    """Return why a file is refused; the message is one line, and does not show the key."""
    with pytest.raises(BadConfiguration) as caught:
        AdminKey.from_file(path)
    shown = "".join(traceback.format_exception(caught.value))
    assert "canary" not in shown
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_key_is_taken_from_a_file_or_the_environment(tmp_path: Path) -> None:
    """One line, with a line break or without; the variable is the official client's."""
    assert AdminKey.from_file(write_key(tmp_path / "key")).reveal() == CANARY
    assert AdminKey.from_file(write_key(tmp_path / "crlf", f"{CANARY}\r\n")).reveal() == CANARY
    assert AdminKey.from_environment({KEY_VARIABLE: CANARY}).reveal() == CANARY


@pytest.mark.parametrize(
    "text", ["", " ", "short", "two words here", "a\nb", "k" * 5_000, "schlüssel"]
)
def test_a_variable_that_holds_no_key_is_named(text: str) -> None:
    """The message names the variable, and does not show what is in it."""
    with pytest.raises(BadConfiguration, match=KEY_VARIABLE) as caught:
        AdminKey.from_environment({KEY_VARIABLE: text})
    assert text.strip() == "" or text not in str(caught.value)
    with pytest.raises(BadConfiguration, match="is not set"):
        AdminKey.from_environment({})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o666])
def test_a_file_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    """Whatever others may do with it, the message says what to do about it."""
    message = fault_of_file(write_key(tmp_path / "key", mode=mode))
    assert f"mode {mode:04o}" in message
    assert "chmod 600" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        (f"{CANARY}\n{CANARY}\n", "several lines"),
        (f"{CANARY} x\n", "blanks"),
        ("schlüssel-0123\n", "characters"),
        ("\0" * 20, "characters"),
        ("short\n", "expected 8"),
        (CANARY * 200, "larger than 4096"),
    ],
    ids=["empty", "blank", "lines", "blanks", "umlaut", "NUL", "short", "long"],
)
def test_a_file_that_holds_no_key_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    """The message says what is wrong with it."""
    assert reason in fault_of_file(write_key(tmp_path / "key", text))


def test_only_a_regular_file_of_its_own_directory_is_read(tmp_path: Path) -> None:
    """No FIFO is waited for, and no link leads out of the directory; inside it one may."""
    assert "cannot be read" in fault_of_file(tmp_path / "missing")
    assert "cannot be read (Is a directory)" in fault_of_file(tmp_path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "no regular file" in fault_of_file(tmp_path / "fifo")
    versions = tmp_path / "mounted" / "..2026_11_28"
    versions.mkdir(parents=True)
    write_key(versions / "key")
    (tmp_path / "mounted" / "..data").symlink_to(versions.name)
    (tmp_path / "mounted" / "key").symlink_to("..data/key")
    assert AdminKey.from_file(tmp_path / "mounted" / "key").reveal() == CANARY
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "key").symlink_to(versions / "key")
    assert "link out of its directory" in fault_of_file(tmp_path / "link" / "key")
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be read" in fault_of_file(tmp_path / "loop")


def test_a_key_is_neither_shown_nor_pickled_nor_copied() -> None:
    """Nothing that Python makes of an object by itself has the key in it."""
    key = AdminKey(CANARY)
    assert "canary" not in f"{key!r} {key} {key!s:>40} {[key]} {object.__repr__(key)}"
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            use(key)
    assert not hasattr(key, "__dict__")


def test_a_key_of_an_odd_shape_is_masked_everywhere() -> None:
    """From the moment that it is known; also as URLs and JSON spell it."""
    odd = 'odd"canary\\/+=%&42'
    assert "canary" in mask_text(f"see {odd}")
    AdminKey(odd)
    for spelling in (odd, "odd%22canary%5C%2F%2B%3D%25%2642", 'odd\\"canary\\\\/+=%&42'):
        assert "canary" not in mask_text(f"see {spelling}.")
    assert "canary" not in str(mask_json({"a": [f"x{odd}"], odd: 1}))
    assert shield_value(odd) == odd, "figures do not depend on who reads the pages"


def test_a_traceback_with_its_variables_does_not_show_a_key() -> None:
    """A text that is no key may still be one, such as a key and a note behind it."""
    with pytest.raises(BadConfiguration) as caught:
        AdminKey.from_environment({KEY_VARIABLE: f"{CANARY} # mine"})
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "stream/sources" in frame.filename]
    assert ours
    held = [str(frame.locals) for frame in ours if frame.name == "__init__"]
    assert "canary" not in "".join(held)
