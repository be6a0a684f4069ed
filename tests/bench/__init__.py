"""The benchmark: a replay beside a script that only reads and decodes the same files."""
