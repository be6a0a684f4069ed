"""What the state comes to."""
