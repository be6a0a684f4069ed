"""The job on a real Flink cluster; these run when they are asked for: make test-flink."""
