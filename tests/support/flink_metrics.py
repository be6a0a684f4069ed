"""What Flink's Prometheus reporter shows of a job: names and labels, as scraped from a run."""

from __future__ import annotations

JOB = frozenset({"host", "job_id", "job_name"})
TASKMANAGER = frozenset({"host", "tm_id"})
TASK = (
    JOB
    | TASKMANAGER
    | frozenset({"subtask_index", "task_attempt_id", "task_attempt_num", "task_id", "task_name"})
)
OPERATOR = TASK | frozenset({"operator_id", "operator_name"})

FLINK = {
    f"flink_{scope}_{name}": labels
    for scope, labels, names in (
        (
            "jobmanager_job",
            JOB,
            (
                "allSubTasksRunningOrFinishedTime",
                "lastCheckpointCompletedTimestamp",
                "lastCheckpointDuration",
                "lastCheckpointFullSize",
                "lastCheckpointSize",
                "numRestarts",
                "numberOfCompletedCheckpoints",
                "numberOfFailedCheckpoints",
                "uptime",
            ),
        ),
        (
            "taskmanager_Status",
            TASKMANAGER,
            (
                "Flink_Memory_Managed_Total",
                "Flink_Memory_Managed_Used",
                "JVM_CPU_Load",
                "JVM_Memory_Heap_Max",
                "JVM_Memory_Heap_Used",
            ),
        ),
        (
            "taskmanager_job_task",
            TASK,
            ("backPressuredTimeMsPerSecond", "busyTimeMsPerSecond"),
        ),
        (
            "taskmanager_job_task_operator",
            OPERATOR,
            (
                "accState_rocksdb_total_sst_files_size",
                "numLateRecordsDropped",
                "python_state_changed_rocksdb_total_sst_files_size",
                "python_state_entries_rocksdb_total_sst_files_size",
                "python_state_said_rocksdb_total_sst_files_size",
                "usage_stream_dead_letters",
                "usage_stream_pages",
                "usage_stream_rows_duplicate",
                "usage_stream_rows_new",
                "usage_stream_rows_revised",
                "usage_stream_rows_superseded",
            ),
        ),
    )
    for name in names
}
"""Flink shows all of them as gauges."""
