"""Task state: what a task is, how it may change, and where it is kept."""
