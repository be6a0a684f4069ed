"""The way of a page from its source to the state, or to the dead letters."""
