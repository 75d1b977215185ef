"""Telling other servers of a task's end: where to, signed by whom, and when again."""
