"""The commands: their options, outputs, ends and documents."""
