"""What was accepted, beside the files that came with it: from this a lost row of the database can be made again."""

from dataclasses import asdict
from pathlib import Path

from emo_hallo_ray.storage import load_json, save_json
from emo_hallo_ray.tasks.model import NewTask, TaskParams
from emo_hallo_ray.tasks.rows import webhook_from


def save_manifest(path: Path, new: NewTask) -> None:
    """Write it before the task is created; a task that is refused loses it with its folder."""
    save_json(path, asdict(new))


def load_manifest(path: Path) -> NewTask:
    """Read what `save_manifest` wrote."""
    fields = load_json(path)
    parts = {"params": TaskParams(**fields["params"]), "webhook": webhook_from(fields.get("webhook"))}
    return NewTask(**{**fields, **parts})
