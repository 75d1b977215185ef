"""Talking-portrait service: a portrait photo and a speech recording in, a lip-synced MP4 out."""

__version__ = "0.1.0"
