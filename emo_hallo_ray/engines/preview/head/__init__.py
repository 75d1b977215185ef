"""The head turns in space; the background does not."""
