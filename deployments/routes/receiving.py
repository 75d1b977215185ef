"""Uploads into a task's folder, within the limits of the settings."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from deployments.service import service_of
from deployments.uploads import Upload, UploadLimits, receive_upload
from emo_hallo_ray.errors import InputError
from emo_hallo_ray.storage import TaskFiles, disk_trouble


async def receive(request: Request, files: TaskFiles, needs_all: bool = True) -> Upload:
    """Read the request's form; its files lie in the folder afterwards.

    Raises:
        InputError: the form or a file of it cannot be used.
        StorageUnavailable: the disk is full or cannot be written.
    """
    limits = service_of(request).settings.limits
    upload_limits = UploadLimits(limits.upload_bytes, limits.upload_idle_s, limits.upload_timeout_s)
    destinations = {"image_file": files.image, "audio_file": files.audio}
    try:
        with disk_trouble():
            return await receive_upload(request.headers, request.stream(), destinations, upload_limits, needs_all)
    except ClientDisconnect as error:  # nobody reads this answer; it is no fault of the service
        raise InputError("The upload broke off") from error
