"""Other programs' words, made fit for strangers: callers may know a file's name, but not where it lies."""

import re

# not after a word, a dot or a colon: those are ratios, relative paths and URLs
FOLDERS = re.compile(r"(?<![\w.:/])(?:file:)?/(?:[^\s/'\":,;()\[\]]+/)+")
ADDRESSES = re.compile(r" ?(?:at|@) 0x[0-9a-fA-F]+")


def without_folders(text: str) -> str:
    """The text with absolute paths cut to their last part, and without addresses in memory."""
    return ADDRESSES.sub("", FOLDERS.sub("", text))
