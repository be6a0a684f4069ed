"""The job on Apache Flink, as far as it needs no cluster."""
