"""What each provider answers with: cursors and the registry."""
