"""Creating tasks, and the defaults that new tasks get."""

import asyncio
import uuid
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import ValidationError

from deployments.http_errors import describe_invalid
from deployments.logs import logger, note_task
from deployments.routes.receiving import receive
from deployments.serve_stages import stage_result
from deployments.service import Service, caller_of, service_of
from deployments.task_registry import TaskRegistry
from deployments.uploads import Upload
from emo_hallo_ray.errors import EmoHalloError, IdempotencyConflict, QueueFull, SubmissionFailed
from emo_hallo_ray.hallo2.presets import scheduler_for, steps_for
from emo_hallo_ray.schemas import ConfigChange, ConfigChanged, ConfigView, InferenceForm, Submitted
from emo_hallo_ray.storage import TaskFiles
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.tasks.manifest import save_manifest
from emo_hallo_ray.tasks.model import EngineDefaults, NewTask, Task, TaskParams
from emo_hallo_ray.tasks.store import queue_full

MAX_REQUEST_ID = 100  # callers may choose it

router = APIRouter(prefix="/api/v1/inference/hallo2", tags=["inference"])


def _form_schema() -> dict[str, Any]:
    """The multipart body for the OpenAPI page: it is parsed as it streams in, so FastAPI does not see it."""
    binary = {"type": "string", "format": "binary"}
    files = {
        "image_file": {**binary, "description": "portrait, JPG or PNG"},
        "audio_file": {**binary, "description": "speech, WAV, MP3, OGG or M4A"},
    }
    fields = {name: _without_null(field) for name, field in InferenceForm.model_json_schema()["properties"].items()}
    schema = {"type": "object", "required": list(files), "properties": files | fields, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A form has no way to say null: what is left out is None."""
    if field.get("default", ...) is None:
        del field["default"]
    kinds = [kind for kind in field.pop("anyOf", []) if kind != {"type": "null"}]
    return field | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})


@router.post("", response_model=Submitted, summary="Create a task", openapi_extra=_form_schema())
async def create_task(
    request: Request,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Submitted:
    """Accept a portrait and a recording; both are decoded and a face is found before the task is queued.

    The same `Idempotency-Key` with the same request gives the same task again; with another request, 409.
    """
    service = service_of(request)
    task_id = str(uuid.uuid4())
    files = service.storage.task(task_id)
    keep_files = False
    await _refuse_early(service, is_repeatable=idempotency_key is not None)
    try:
        files.make_folders()
        upload = await receive(request, files)
        form = _validate(upload)
        if form.webhook_url:
            await service.courier.check(form.webhook_url)
        params, engine_reason = await _settle_params(form, service)
        new = NewTask(
            task_id=task_id,
            params=params,
            engine_reason=engine_reason,
            owner=caller_of(request),
            idempotency_key=idempotency_key,
            request_digest=upload.digest(),
            webhook=form.webhook(),
            request_id=request.headers.get("x-request-id", "")[:MAX_REQUEST_ID] or None,
            clips_per_segment=service.settings.video.clips_per_segment,
        )
        await asyncio.to_thread(files.sync_inputs)  # the stage that looks at them may be on another node
        await stage_result(
            service.stages.handles.preprocessor.inspect.remote(files),
            service.settings.limits.inspect_timeout_s,
        )
        await asyncio.to_thread(_make_durable, files, new)
        keep_files = True  # from here on the task may be stored even if the answer gets lost
        task: Task = await service.registry.call(TaskRegistry.create, new)
        keep_files = task.task_id == task_id  # else it is the earlier task of a repeated request
    except (QueueFull, IdempotencyConflict):
        keep_files = False
        raise
    except EmoHalloError:
        raise
    except Exception as error:
        logger.exception("request %s: task could not be submitted", request.headers.get("x-request-id"))
        raise SubmissionFailed(type(error).__name__) from error
    finally:
        if not keep_files:
            await asyncio.to_thread(files.delete)
    note_task(task)
    logger.info("task %s accepted, engine %s", task.task_id, task.params.engine)
    service.runner.notice_new_task()
    return Submitted(task_id=task.task_id, status=task.status, message="Inference task queued successfully")


@router.post("/config", response_model=ConfigChanged, summary="Change the defaults of new tasks")
async def configure(change: ConfigChange, request: Request) -> ConfigChanged:
    """Keys that are left out keep their values; tasks that exist already keep theirs."""
    await service_of(request).registry.call(TaskRegistry.set_defaults, change.model_dump(exclude_none=True))
    return ConfigChanged()


@router.get("/config", response_model=ConfigView, summary="The defaults of new tasks")
async def configuration(request: Request) -> ConfigView:
    """What the next task gets where its request says nothing."""
    return ConfigView(**asdict(await service_of(request).registry.call(TaskRegistry.defaults)))


async def _refuse_early(service: Service, is_repeatable: bool) -> None:
    """Spare a large upload that could not be taken; what happens meanwhile is seen when the task is created.

    Raises:
        QueueFull, StorageUnavailable: see there.
    """
    settings = service.settings
    await asyncio.to_thread(service.storage.check_room, settings.storage.min_free_bytes)
    if is_repeatable:  # it may be a task that was accepted before
        return
    n_waiting, _ = await service.registry.call(TaskRegistry.queue)
    if n_waiting >= settings.tasks.max_queued:
        raise queue_full(n_waiting)


def _make_durable(files: TaskFiles, new: NewTask) -> None:
    """What is accepted must outlast a power cut; waiting for the disk is no business of the event loop."""
    save_manifest(files.manifest, new)
    files.keep(files.manifest)


def _validate(upload: Upload) -> InferenceForm:
    try:
        # an empty field is what browsers send for one that was left alone
        return InferenceForm.model_validate({name: text for name, text in upload.fields.items() if text != ""})
    except ValidationError as error:
        raise describe_invalid(error) from error


async def _settle_params(form: InferenceForm, service: Service) -> tuple[TaskParams, str]:
    """Every parameter with its final value, and why this engine."""
    defaults: EngineDefaults = await service.registry.call(TaskRegistry.defaults)
    engine = service.engines.choose(form.engine or service.settings.engine.default)
    preset = _first(form.preset, defaults.preset)
    enlarging, _ = service.enlargers.settle(
        EnlargeOptions(form.upscale, form.fidelity_weight, form.restore_faces, form.restore_background)
    )
    params = TaskParams(
        engine=engine.name,
        seed=form.seed,
        guidance_scale=_first(form.guidance_scale, defaults.guidance_scale),
        inference_steps=steps_for(preset, form.inference_steps, defaults.inference_steps),
        pose_weight=form.pose_weight,
        face_weight=form.face_weight,
        lip_weight=form.lip_weight,
        upscale=form.upscale,
        use_cache=_first(form.use_cache, defaults.enable_cache),
        preset=preset,
        scheduler=scheduler_for(preset, form.scheduler),
        fidelity_weight=form.fidelity_weight,
        restore_faces=bool(enlarging.restore_faces),
        restore_background=bool(enlarging.restore_background),
    )
    return params, engine.reason


def _first(value: Any, default: Any) -> Any:
    return default if value is None else value
