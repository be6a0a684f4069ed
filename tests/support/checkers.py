"""Programs that check files, and what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def told(program: str | Path, *arguments: str | Path) -> tuple[int, str]:
    """Run a checking program; return its exit code and all that it said."""
    command = [program, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr
