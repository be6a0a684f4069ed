"""Sources walk page chains and emit their pages in order."""
