"""Tasks as rows of the database."""

import json
import sqlite3
from typing import Any

from emo_hallo_ray.tasks.model import Task, TaskParams, TaskStatus, Webhook

JSON_COLUMNS = frozenset({"params", "segments", "stage_seconds", "result", "webhook"})


def task_from_row(row: sqlite3.Row, queue_position: int | None = None) -> Task:
    """One row of the table `tasks`."""
    return Task(
        task_id=row["task_id"],
        status=TaskStatus(row["status"]),
        progress=row["progress"],
        status_message=row["status_message"],
        params=TaskParams(**json.loads(row["params"])),
        engine_reason=row["engine_reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        owner=row["owner"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        attempts=row["attempts"],
        strikes=row["strikes"],
        fence=row["fence"],
        segments=tuple(json.loads(row["segments"])),
        stage_seconds=json.loads(row["stage_seconds"]),
        result=json.loads(row["result"]) if row["result"] else None,
        error=row["error"],
        error_code=row["error_code"],
        queue_position=queue_position,
        frames_done=row["frames_done"],
        frames_total=row["frames_total"],
        data_deleted_at=row["data_deleted_at"],
        request_id=row["request_id"],
        clips_per_segment=row["clips_per_segment"],
        webhook=webhook_from(json.loads(row["webhook"] or "null")),
    )


def webhook_from(fields: dict[str, Any] | None) -> Webhook | None:
    """What `asdict` made of one."""
    return None if fields is None else Webhook(fields["url"], tuple(fields["events"]))


def to_columns(values: dict[str, Any]) -> dict[str, Any]:
    """Values as the columns keep them."""
    return {name: json.dumps(value) if name in JSON_COLUMNS else value for name, value in values.items()}
