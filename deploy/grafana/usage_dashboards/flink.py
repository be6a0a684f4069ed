"""The job on Apache Flink: what it reads, its checkpoints, its tasks and their processes."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat

from usage_dashboards.board import Names, Row, board, choice
from usage_dashboards.panels import ALARM, WARN, colours, figure, series, stacked
from usage_dashboards.queries import INSTANCE, Query

NAMES = Names(
    "usage-stream-flink",
    "usage-stream: the job on Flink",
    "Whether the job on Apache Flink reads, keeps its state, and what is wrong with what it reads.",
)

# Other jobs of the same cluster are left out.
OURS = 'job_name=~"usage_stream.*"'
JOB = f'{{{OURS},job_name=~"$flink"}}'
JOBMANAGER = "flink_jobmanager_job_"
TASK = "flink_taskmanager_job_task_"
OPERATOR = f"{TASK}operator_"
COUNTER = f"{OPERATOR}usage_stream_"
JVM = "flink_taskmanager_Status_"

VARIABLES = (
    choice("flink", "Job", f"label_values({JOBMANAGER}uptime{{{OURS}}}, job_name)"),
    choice("instance", "TaskManager", f"label_values({JVM}JVM_CPU_Load, instance)"),
)

OUTCOMES = ("new", "duplicate", "revised", "superseded")
STATES = {
    "python_state_entries": "windows",
    "python_state_said": "facts",
    "python_state_changed": "changed",
    "accState": "sums",
}
"""What of the job's state is called what."""


def of_job(metric: str, how: str = "max") -> str:
    """Ask for a job's figure; where several jobs are chosen, each has its own."""
    return f"{how} by (job_name) ({metric}{JOB})"


def rate(counter: str) -> str:
    """How much a counter of ours grows in a second; Flink shows it as a gauge."""
    return f"sum(rate({COUNTER}{counter}{JOB}[$__rate_interval]))"


def each(title: str, description: str, unit: str, expression: str) -> stat.Panel:
    """Show the newest figure of each job."""
    return figure(title, description, unit, Query(expression, "{{job_name}}"))


STATUS = Row(
    "",
    (
        each(
            "Running for",
            "How long the job runs without a break.",
            "ms",
            of_job(f"{JOBMANAGER}uptime"),
        ),
        each(
            "Restarts",
            "How often the job went back to its last checkpoint, since it was submitted.",
            "short",
            of_job(f"{JOBMANAGER}numRestarts"),
        ).thresholds(colours(WARN)),
        each(
            "Last checkpoint",
            "How long ago; what the job writes is committed with checkpoints.",
            "s",
            f"time() - {of_job(f'{JOBMANAGER}lastCheckpointCompletedTimestamp', 'min')} / 1000",
        ),
        each(
            "Failed checkpoints",
            "Since the job was submitted; those that come due while it starts are among them.",
            "short",
            of_job(f"{JOBMANAGER}numberOfFailedCheckpoints"),
        ).thresholds(colours(WARN)),
        each(
            "Dead letters",
            "Pages and records that were set aside, since the job's last start.",
            "short",
            of_job(f"{COUNTER}dead_letters", "sum"),
        ).thresholds(colours(ALARM)),
        each(
            "State",
            "The size of the last checkpoint, with what it shares with earlier ones.",
            "bytes",
            of_job(f"{JOBMANAGER}lastCheckpointFullSize"),
        ),
    ),
)

INTAKE = Row(
    "Intake",
    (
        series(
            "Lines",
            "Lines of captures that were read in a second; each is a page.",
            "short",
            Query(rate("pages"), "lines"),
        ),
        stacked(
            "Rows by outcome",
            "What became of the rows that were delivered, in a second.",
            "short",
            *(Query(rate(f"rows_{outcome}"), outcome) for outcome in OUTCOMES),
        ).height(8),
        series(
            "Dead letters over time",
            "Pages and records that were set aside in a second.",
            "short",
            Query(rate("dead_letters"), "dead letters"),
        ),
    ),
)

CHECKPOINTS = Row(
    "Checkpoints",
    (
        series(
            "Duration of the last checkpoint",
            "From its start to its end.",
            "ms",
            Query(of_job(f"{JOBMANAGER}lastCheckpointDuration"), "{{job_name}}"),
        ).span(6),
        series(
            "Size of the last checkpoint",
            "What it has written itself, and the whole state, of which earlier ones have the rest.",
            "bytes",
            Query(of_job(f"{JOBMANAGER}lastCheckpointSize"), "{{job_name}} written"),
            Query(of_job(f"{JOBMANAGER}lastCheckpointFullSize"), "{{job_name}} whole"),
        ).span(6),
        series(
            "Age of the last checkpoint",
            "How long ago it was completed.",
            "s",
            Query(
                f"time() - {of_job(f'{JOBMANAGER}lastCheckpointCompletedTimestamp', 'min')} / 1000",
                "{{job_name}}",
            ),
        ).span(6),
        series(
            "Checkpoints, restarts",
            "Since the job was submitted.",
            "short",
            Query(of_job(f"{JOBMANAGER}numberOfCompletedCheckpoints"), "{{job_name}} completed"),
            Query(of_job(f"{JOBMANAGER}numberOfFailedCheckpoints"), "{{job_name}} failed"),
            Query(of_job(f"{JOBMANAGER}numRestarts"), "{{job_name}} restarts"),
        ).span(6),
    ),
)


def by_task(metric: str) -> Query:
    """Ask for the share of a second, of the busiest of a task's slots."""
    return Query(f"max by (task_name) ({TASK}{metric}MsPerSecond{JOB}) / 1000", "{{task_name}}")


TASKS = Row(
    "Tasks",
    (
        series(
            "Busy",
            "Share of the time in which a task works, its busiest slot: near 1 it is the limit. "
            "Where one slot is far above the others, one day of one endpoint has most of the rows.",
            "percentunit",
            by_task("busyTime"),
        ),
        series(
            "Held back",
            "Share of the time in which a task waits for the next one to take what it has.",
            "percentunit",
            by_task("backPressuredTime"),
        ),
        series(
            "State on disk",
            "RocksDB's files: windows, the facts that were said, what has changed, and the sums.",
            "bytes",
            *(
                Query(f"sum({OPERATOR}{state}_rocksdb_total_sst_files_size{JOB})", name)
                for state, name in STATES.items()
            ),
        ),
    ),
)

PROCESSES = Row(
    "TaskManagers",
    (
        series(
            "Java's memory",
            "The heap, and how large it may get. The Python processes are not in it, and Flink "
            "does not show theirs: see the container's, or the machine's.",
            "bytes",
            Query(f"{JVM}JVM_Memory_Heap_Used{INSTANCE}", "{{instance}} heap"),
            Query(f"{JVM}JVM_Memory_Heap_Max{INSTANCE}", "{{instance}} limit"),
        ),
        series(
            "RocksDB's and Python's share",
            "Managed memory: what is given out of it, and how much there is.",
            "bytes",
            Query(f"{JVM}Flink_Memory_Managed_Used{INSTANCE}", "{{instance}} used"),
            Query(f"{JVM}Flink_Memory_Managed_Total{INSTANCE}", "{{instance}} limit"),
        ),
        series(
            "Java's processor time",
            "Share of the machine's cores; the Python processes are not in it.",
            "percentunit",
            Query(f"{JVM}JVM_CPU_Load{INSTANCE}", "{{instance}}"),
        ),
    ),
)


def flink() -> str:
    """Write the dashboard of the job on Flink."""
    return board(NAMES, VARIABLES, (STATUS, INTAKE, CHECKPOINTS, TASKS, PROCESSES))
