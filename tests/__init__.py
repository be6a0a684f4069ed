"""What usage-stream promises, one behaviour a test."""
