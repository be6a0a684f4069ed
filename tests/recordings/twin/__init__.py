"""The twin, in process and over loopback."""
