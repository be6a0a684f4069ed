"""Kills, signals, floods, and what must not grow."""
