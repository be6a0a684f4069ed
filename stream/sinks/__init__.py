"""Sinks render from state: the report, the console summary, the notes, the dead letters."""
