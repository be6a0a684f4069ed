"""Replays that several processes share, and those on Flink."""
