"""What can go wrong between the hub and the disk; a file that is itself wrong is an `UnusableModelFile`."""

from emo_hallo_ray.errors import EmoHalloError


class NotEnoughDisk(EmoHalloError):
    """The weights root has less free space than the missing files need."""

    code = "NOT_ENOUGH_DISK"


class DownloadFailed(EmoHalloError):
    """The hub, or the way there, did not deliver a file; what arrived is kept for the next attempt."""

    code = "DOWNLOAD_FAILED"
