"""Enlarging finished frames."""
