"""Where pages come from: fixtures, captures, files that grow."""
