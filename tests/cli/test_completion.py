"""Shells complete commands, options and files, once they have the script."""

from __future__ import annotations

import os
import subprocess
import sysconfig

import pytest

from tests.support.places import ROOT
from tests.support.running import PLAIN, run

VARIABLE = "_USAGE_STREAM_COMPLETE"
PATH = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
README = (ROOT / "README.md").read_text("utf-8")

PRESSED = """
words=("$@")
function=$(complete -p usage-stream | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
compopt() { echo "files"; }
COMP_WORDS=(usage-stream "${words[@]}")
COMP_CWORD=${#words[@]}
"$function" usage-stream
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""What bash does when somebody presses Tab; ``compopt`` says that file names may follow."""


def completed(*words: str) -> list[str]:
    """Let bash complete the last word, set up as the README says."""
    (line,) = [line for line in README.splitlines() if f'eval "$({VARIABLE}=bash' in line]
    done = subprocess.run(
        ["bash", "-euc", line.partition("#")[0] + PRESSED, "bash", *words],
        env={**PLAIN, "PATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["rep"], ["replay"]),
        (["c"], ["capture", "check-config", "check-key"]),
        (["flink", "s"], ["submit"]),
        (["replay", "--allow"], ["--allow-incomplete"]),
        (["replay", "--on-error", "f"], ["fail"]),
        (["replay", "fix"], ["files"]),
        (["replay", "--state", ""], ["files"]),
        (["nothing", "--of-the-kind"], []),
    ],
)
def test_bash_completes(words: list[str], wanted: list[str]) -> None:
    """Bash completes commands, options, choices, and leaves file names to its own ways."""
    assert completed(*words) == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of each shell is printed with exit code 0, as the README asks for it."""
    asked = f"{VARIABLE}={shell}_source usage-stream"
    assert asked in README
    monkeypatch.setenv(VARIABLE, f"{shell}_source")
    code, output, errors = run([])
    assert (code, errors) == (0, "")
    assert f"{VARIABLE}={shell}_complete" in output


def test_an_unknown_shell_is_a_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that nobody knows ends in 2, and the known ones are named."""
    monkeypatch.setenv(VARIABLE, "tcsh_source")
    code, output, errors = run([])
    assert (code, output) == (2, "")
    assert "zsh_source" in errors
