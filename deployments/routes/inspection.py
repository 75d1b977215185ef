"""A look at files before anything is made of them."""

import asyncio
import uuid

from fastapi import APIRouter, Request

from deployments.routes.receiving import receive
from deployments.serve_stages import stage_result
from deployments.service import service_of
from emo_hallo_ray.schemas import InspectionView, PortraitView, RecordingView

router = APIRouter(prefix="/api/v1/inspect", tags=["inference"])

BINARY = {"type": "string", "format": "binary"}
FORM = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "image_file": {**BINARY, "description": "portrait, JPG or PNG"},
        "audio_file": {**BINARY, "description": "speech, WAV, MP3, OGG or M4A"},
    },
}
BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}


@router.post("", response_model=InspectionView, summary="Look at files without creating a task", openapi_extra=BODY)
async def inspect_files(request: Request) -> InspectionView:
    """Where the face is, how long the sound is, or what is wrong with either; nothing is kept."""
    service = service_of(request)
    files = service.storage.task(str(uuid.uuid4()))
    preprocessor, timeout_s = service.stages.handles.preprocessor, service.settings.limits.inspect_timeout_s
    try:
        files.make_folders()
        upload = await receive(request, files, needs_all=False)
        for name, path in (("image_file", files.image), ("audio_file", files.audio)):
            if name in upload.digests:
                await asyncio.to_thread(files.keep, path)
        image = audio = None
        if "image_file" in upload.digests:
            image = await stage_result(preprocessor.describe_portrait.remote(files), timeout_s)
        if "audio_file" in upload.digests:
            audio = await stage_result(preprocessor.describe_recording.remote(files), timeout_s)
    finally:
        await asyncio.to_thread(files.delete)
    return InspectionView(image=image and PortraitView(**image), audio=audio and RecordingView(**audio))
