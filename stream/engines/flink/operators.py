"""The job on Apache Flink: captures → lines → parts, keyed → facts → SQL that only sums.

The unit is a bucket, not a row: a line is cut into the buckets of each UTC day, and what crosses
the network or stands in state are packed columns. Flink gives what the rules do not ask for:
shuffles, state that survives, and sums.

Run it with ``usage-stream flink submit``, or ``flink run -py`` this file and the same arguments.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import zstandard
from msgspec.msgpack import decode, encode
from pyflink.common import Row, RowKind, Types
from pyflink.datastream import (
    DataStream,
    ExternalizedCheckpointRetention,
    KeyedProcessFunction,
    OutputTag,
    ProcessFunction,
    RuntimeContext,
    StreamExecutionEnvironment,
)
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor
from pyflink.table import Schema, StreamTableEnvironment, Table
from pyflink.table.changelog_mode import ChangelogMode

from stream import __version__
from stream.decode.values import BYTE_ORDER_MARK
from stream.engines.flink import tables
from stream.engines.flink.facts import Fact, Facts, Sum, changes_between, limbs_of, read_number
from stream.engines.flink.job import Job, read_arguments
from stream.engines.flink.lines import Lines
from stream.engines.flink.output import LETTERS, WINDOWS
from stream.engines.flink.parts import DayPart, engine_part_of
from stream.records.money import plain_text_of
from stream.records.windows import Outcomes
from stream.sources.captures import is_input
from stream.state.sqlite.codec import Codec

__all__ = ["build_job", "main"]

END: Final = 2**63 - 2
"""The last moment of event time: all input has been read."""

BYTES: Final = Types.PRIMITIVE_ARRAY(Types.BYTE())
PIECE: Final = Types.ROW_NAMED(["part", "body"], [Types.STRING(), BYTES])
FACT: Final = Types.ROW_NAMED(
    [*Fact._fields, "times", "whole", "fraction", "rest"],
    [*[Types.STRING()] * len(Fact._fields), Types.LONG(), *[Types.BIG_DEC()] * 3],
)
WINDOW: Final = Types.ROW_NAMED(
    ["endpoint", "name", "version", "entry"], [Types.STRING(), Types.STRING(), Types.LONG(), BYTES]
)
LETTER: Final = OutputTag(LETTERS, Types.STRING())
KEPT: Final = OutputTag(WINDOWS, WINDOW)


class CutFunction(ProcessFunction):
    """Reads lines, and cuts them into what each part is to take."""

    def __init__(self, job: Job) -> None:
        """Know the job; what cannot be sent to other machines is made there."""
        self.job = job
        self.version = __version__

    def open(self, runtime_context: RuntimeContext) -> None:
        """Start on the machine that this is to run on."""
        if self.version != __version__:
            said = f"submitted by usage-stream {self.version}"
            raise RuntimeError(
                f"{said}, and the TaskManager has {__version__}: install one of them"
            )
        now = self.job.now
        self.lines = Lines(
            lambda: int(time.time()) if now is None else now, self.job.max_page_bytes
        )
        self.pages, self.letters = counters_of(runtime_context, "pages", "dead_letters")

    def process_element(self, value: Row, _: ProcessFunction.Context) -> Iterator[Any]:
        """Read a line: yield a piece for each part, and dead letters beside."""
        line = bytes(value[0] or b"").removesuffix(b"\r").removeprefix(BYTE_ORDER_MARK)
        path = value[1]
        name = path.rpartition("/")[2]
        if not line.strip() or not is_input(name):
            return
        parts, letters = self.lines.read_line(name, line)
        for part, body in parts:
            yield Row(part, body)
        for letter in letters:
            yield LETTER, letter.decode().rstrip("\n")
        self.pages.inc()
        self.letters.inc(len(letters))


class PartsFunction(KeyedProcessFunction):
    """Holds the parts; each takes what comes, and says after a while what has changed."""

    def __init__(self, job: Job) -> None:
        """Know the job."""
        self.job = job

    def open(self, runtime_context: RuntimeContext) -> None:
        """Find the state of the key at hand."""
        self.codec = Codec()
        entries = MapStateDescriptor("entries", Types.STRING(), Types.PICKLED_BYTE_ARRAY())
        changed = MapStateDescriptor("changed", Types.STRING(), Types.STRING())
        said = ValueStateDescriptor("said", Types.PICKLED_BYTE_ARRAY())
        self.entries = runtime_context.get_map_state(entries)
        self.changed_names = runtime_context.get_map_state(changed)
        self.last_facts = runtime_context.get_state(said)
        self.due_time = runtime_context.get_state(ValueStateDescriptor("due", Types.LONG()))
        names = [f"rows_{outcome}" for outcome in Outcomes._fields]
        self.outcomes = counters_of(runtime_context, *names)

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> None:
        """Let a part take a piece; it is to say what it comes to when its time has come."""
        part = engine_part_of(value[0], self.entries, self.codec)
        outcomes, name = part.take(bytes(value[1]))
        for counter, count in zip(self.outcomes, outcomes, strict=True):
            counter.inc(count)
        if name is not None and self.job.details:
            self.changed_names.put(name, name)
        if self.due_time.value() is None:
            timers = ctx.timer_service()
            timers.register_event_time_timer(END)
            due = END
            if self.job.follow is not None:
                due = timers.current_processing_time() + 1000 * self.job.every
                timers.register_processing_time_timer(due)
            self.due_time.update(due)

    def on_timer(self, _: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """Say what has changed: what was said before is taken back."""
        if self.due_time.value() is None:
            return
        self.due_time.clear()
        part = engine_part_of(ctx.get_current_key(), self.entries, self.codec)
        before, version = unpack_facts(self.last_facts.value())
        facts = part.facts()
        for fact, was, now in changes_between(before, facts):
            if was is not None:
                yield fact_row_of(
                    fact, was, RowKind.DELETE if now is None else RowKind.UPDATE_BEFORE
                )
            if now is not None:
                yield fact_row_of(
                    fact, now, RowKind.INSERT if was is None else RowKind.UPDATE_AFTER
                )
        self.last_facts.update(pack_facts(facts, version + 1))
        if isinstance(part, DayPart):
            for name in list(self.changed_names.keys()):
                yield KEPT, Row(part.endpoint, name, version + 1, self.entries.get(name))
            self.changed_names.clear()


def counters_of(runtime_context: RuntimeContext, *names: str) -> list[Any]:
    """Return counters that Flink's reporters show as ``usage_stream_<name>``."""
    group = runtime_context.get_metrics_group().add_group("usage_stream")
    return [group.counter(name) for name in names]


def fact_row_of(fact: Fact, found: Sum, kind: RowKind) -> Row:
    """Write a fact as a row that comes or goes."""
    row = Row(*fact, found.times, *limbs_of(found.value))
    row.set_row_kind(kind)
    return row


def pack_facts(facts: Facts, version: int) -> bytes:
    """Write what a part has said as few bytes."""
    said = [(*fact, times, plain_text_of(value)) for fact, (times, value) in facts.items()]
    return zstandard.compress(encode((version, said)), 1)


def unpack_facts(written: bytes | None) -> tuple[Facts, int]:
    """Return what a part has said, and how often it has."""
    if written is None:
        return {}, 0
    version, said = decode(zstandard.decompress(written))
    return {Fact(*fact): Sum(times, read_number(value)) for *fact, times, value in said}, version


def build_job(job: Job, environment: StreamExecutionEnvironment) -> None:
    """Put the job together in an environment."""
    checkpoints = environment.get_checkpoint_config()
    if not checkpoints.is_checkpointing_enabled():
        environment.enable_checkpointing(60_000)  # files are committed with checkpoints
    if job.follow is not None and not checkpoints.is_externalized_checkpoints_enabled():
        checkpoints.set_externalized_checkpoint_retention(
            ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION  # a job goes on from them
        )
    flink = StreamTableEnvironment.create(environment)
    flink.execute_sql(tables.define_source(job))
    lines = flink.to_data_stream(flink.from_path(tables.LINES))
    pieces = lines.process(CutFunction(job), PIECE).name("read and cut lines")
    facts = pieces.key_by(part_in, Types.STRING()).process(PartsFunction(job), FACT).name("parts")
    flink.create_temporary_view(tables.FACTS, fact_table_of(flink, facts, job))
    statements = flink.create_statement_set()
    for sink in tables.define_sinks(job).values():
        flink.execute_sql(sink)
    for insert in tables.sum_statements_of(job).values():
        statements.add_insert_sql(insert)
    statements.add_insert(LETTERS, flink.from_data_stream(pieces.get_side_output(LETTER)))
    if job.details:
        statements.add_insert(WINDOWS, flink.from_data_stream(facts.get_side_output(KEPT)))
    statements.attach_as_datastream()


def part_in(piece: Row) -> str:
    """Return the part that a piece is for."""
    part: str = piece[0]
    return part


def fact_table_of(flink: StreamTableEnvironment, facts: DataStream, job: Job) -> Table:
    """Return facts as a table: of rows that come and go, or of rows that come once, at the end."""
    schema = Schema.new_builder()
    for name, kind in tables.FACT_COLUMNS:
        schema.column(name, kind)
    if job.follow is not None:
        return flink.from_changelog_stream(facts, schema.build(), ChangelogMode.all())
    schema.column_by_expression("moment", "TO_TIMESTAMP_LTZ(0, 3)")
    schema.watermark("moment", "SOURCE_WATERMARK()")
    return flink.from_data_stream(facts, schema.build())


def main() -> None:
    """Run the job that the process's arguments say."""
    job = read_arguments()
    environment = StreamExecutionEnvironment.get_execution_environment()
    build_job(job, environment)
    environment.execute(f"usage-stream {job.captures}")


if __name__ == "__main__":
    from stream.engines.flink.operators import (
        main as submitted,  # so that other machines find its classes
    )

    submitted()
