"""What goes wrong with a checkpoint."""


class WrongCheckpoint(Exception):
    """The file's tensors do not fit the networks; the message says which, without naming the file."""
