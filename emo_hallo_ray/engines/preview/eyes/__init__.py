"""Lids that close and eyes that look around."""
