"""Recorded and generated sets, and their checks."""
