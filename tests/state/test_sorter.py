"""Samples that are sorted outside memory."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.state.sqlite.sorter import Sample, SampleSorter

LABELS = st.text(st.sampled_from("\0\1\2a\u00e9\uffff\U0001f600"), max_size=3)
SAMPLES = st.builds(
    Sample,
    st.integers(0, 2),
    st.tuples(LABELS, LABELS),
    st.integers(0, 3),
    st.sampled_from(["1", "-2.5"]),
)
SORT = """
import sys
from pathlib import Path
from stream.state.sqlite.sorter import Sample, SampleSorter
count = int(sys.argv[1])
sorter = SampleSorter()
sorter.take(Sample(1, (f"project {n * 7919 % count}", "model"), n, "1") for n in range(count))
assert sum(1 for _ in sorter.sort()) == count
lines = Path("/proc/self/status").read_text("ascii").splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
"""


@given(st.lists(SAMPLES))
def test_samples_come_back_in_order(samples: list[Sample]) -> None:
    """Whatever is taken comes back as Python sorts it, control characters and all."""
    with closing(SampleSorter()) as sorter:
        sorter.take(samples)
        found = list(sorter.sort())
    assert sorted(found) == sorted(samples)
    assert [one[:3] for one in found] == sorted(one[:3] for one in samples)


@pytest.mark.no_cover
def test_memory_does_not_grow_with_samples() -> None:
    """Once what SQLite keeps of pages is full, twice the samples take as much memory."""
    small, large = (
        int(
            subprocess.run(
                [sys.executable, "-c", SORT, count], capture_output=True, text=True, check=True
            ).stdout
        )
        for count in ("200000", "400000")
    )
    assert large < small + 4 * 1024  # KiB
