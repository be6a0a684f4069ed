"""The daemon, mostly a real one on loopback."""
