"""Sources walk page chains and emit pages in order; a chain that waits for its turn holds no page."""
