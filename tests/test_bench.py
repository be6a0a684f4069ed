"""The benchmark runs; its times are nobody's business here."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import main


def test_benchmark_agrees_with_the_floor_and_prints_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both contenders see the same rows, and the table ends with their ratio."""
    main(total=2_000, runs=1)
    assert capsys.readouterr().out.splitlines()[-1].startswith("ratio")
