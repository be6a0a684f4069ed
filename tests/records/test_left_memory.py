"""What a command held is left to the system where the process ends with it, and freed elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from weakref import ref

import pytest

from stream.intake.intake import Intake
from stream.records import left_memory
from stream.records.left_memory import expect_end
from tests.support.pages import bucket, page, put_all, used
from tests.support.running import replay

END = """
import gc, sys
from stream.records.left_memory import expect_end, leave_memory
class Held:
    def __del__(self): print("freed")
{expect}
leave_memory(Held())
gc.freeze()
print("ends")
"""


@pytest.mark.parametrize("is_last", [True, False])
def test_a_replay_leaves_its_windows_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_last: bool
) -> None:
    """As long as nobody says that the process ends they go when the report is written."""
    monkeypatch.setattr(left_memory, "LEFT", [])
    found: list[ref[Intake]] = []
    real = Intake.judge

    def note(one: Intake) -> None:
        found.append(ref(one))
        real(one)

    monkeypatch.setattr(Intake, "judge", note)
    if is_last:
        expect_end()
    pages = put_all(tmp_path, {"usage_completions.json": page(bucket(used(1)))})
    assert replay(pages).code == 0
    (intake,) = found
    assert (intake() is not None) is is_last


@pytest.mark.parametrize(
    ("expect", "said"), [("expect_end()", "ends\n"), ("", "freed\nends\n")], ids=["last", "not"]
)
def test_python_does_not_free_it_on_its_way_out(expect: str, said: str) -> None:
    """Nothing is looked through once more when the interpreter ends."""
    command = [sys.executable, "-c", END.format(expect=expect)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == said
