"""What a job is asked to do: written by the command, and read by the job on the cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from stream.engines.flink.job import Job, arguments_of, read_arguments
from tests.support.commands import COMMANDS

COUNTS = st.integers(1, 2**40)
JOBS = st.builds(
    Job,
    captures=st.sampled_from(["file:///a b", "s3://bucket/captures"]),
    out=st.just("file:///out"),
    follow=st.none() | COUNTS,
    every=COUNTS,
    details=st.booleans(),
    now=st.none() | st.integers(0, 2**40),
    max_page_bytes=COUNTS,
)


@given(job=JOBS)
def test_a_job_is_read_as_it_was_written(job: Job) -> None:
    """Flink hands the arguments on as they are, and nothing of the job is lost."""
    assert read_arguments(arguments_of(job)) == job


def test_the_job_has_the_options_of_the_command_and_their_defaults() -> None:
    """``flink run -py`` with no options does what ``flink submit`` does with none."""
    places = ["file:///a", "file:///b"]
    bare = asdict(read_arguments(places))
    submit = COMMANDS["flink", "submit"].make_context("submit", places).params
    assert {name: submit[name] for name in bare} == bare


@pytest.mark.parametrize(
    "bad", [["--every", "0"], ["--now=-1"], ["--every", "x"], ["--fol", "3"], ["more"]], ids=str
)
def test_a_job_refuses_what_it_does_not_know(
    bad: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers that are too small or none, shortened options, and more places than two: 2."""
    with pytest.raises(SystemExit) as ended:
        read_arguments(["file:///a", "file:///b", *bad])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
