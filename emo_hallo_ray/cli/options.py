"""Options that several commands share. Generation options have no default here: the service, or `render`, has it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

GENERATION = "Generation"
SERVICE = "Service"

IMAGE_HELP = "Portrait of one person, JPEG or PNG."
AUDIO_HELP = "Speech, WAV, MP3, OGG or M4A."


class EngineChoice(StrEnum):
    """Engines that can be asked for."""

    AUTO = "auto"
    HALLO2 = "hallo2"
    PREVIEW = "preview"


class PresetChoice(StrEnum):
    """Ways of hallo2 to trade quality for time."""

    QUALITY = "quality"
    BALANCED = "balanced"
    DRAFT = "draft"


class SchedulerChoice(StrEnum):
    """Ways of hallo2 from noise to a picture."""

    DDIM = "ddim"
    DPM = "dpm++"


class UpscaleChoice(StrEnum):
    """Factors of super-resolution; words, because choices on a command line are."""

    ONE = "1"
    TWO = "2"
    FOUR = "4"


def require_folder(path: Path | None) -> Path | None:
    """Refuse an output file whose folder does not exist, before any work is done."""
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder '{path.parent}'")
    return path


def given(**options: Any) -> dict[str, Any]:
    """The options that somebody set; the others are for the service, or `render`, to decide."""
    return {name: value for name, value in options.items() if value is not None}


Engine = Annotated[
    EngineChoice | None,
    typer.Option(
        metavar="NAME",
        help="auto, hallo2 (wants weights and a GPU) or preview (wants nothing).",
        rich_help_panel=GENERATION,
    ),
]
Preset = Annotated[
    PresetChoice | None,
    typer.Option(
        help="How hallo2 works: quality is exact; balanced and draft are faster at a price.",
        rich_help_panel=GENERATION,
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Same seed, same video.", rich_help_panel=GENERATION)
]
GuidanceScale = Annotated[
    float | None,
    typer.Option(metavar="X", min=1, max=20, help="How closely hallo2 follows the sound.", rich_help_panel=GENERATION),
]
InferenceSteps = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=200,
        help="Denoising steps of hallo2; by default the preset's.",
        rich_help_panel=GENERATION,
    ),
]
Scheduler = Annotated[
    SchedulerChoice | None,
    typer.Option(help="Scheduler of hallo2; by default the preset's.", rich_help_panel=GENERATION),
]
PoseWeight = Annotated[
    float | None,
    typer.Option(metavar="X", min=0, max=2, help="How much the head moves; 1 is natural.", rich_help_panel=GENERATION),
]
FaceWeight = Annotated[
    float | None,
    typer.Option(
        metavar="X", min=0, max=2, help="How much the face expresses; 1 is natural.", rich_help_panel=GENERATION
    ),
]
LipWeight = Annotated[
    float | None,
    typer.Option(metavar="X", min=0, max=2, help="How much the mouth moves; 1 is natural.", rich_help_panel=GENERATION),
]
Upscale = Annotated[UpscaleChoice | None, typer.Option(help="Enlarge the video.", rich_help_panel=GENERATION)]
FidelityWeight = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Of restored faces: 0 looks best, 1 is closest to the small video.",
        rich_help_panel=GENERATION,
    ),
]
RestoreFaces = Annotated[
    bool | None,
    typer.Option("--face/--no-face", help="Restore enlarged faces; by default where there are weights."),
]
RestoreBackground = Annotated[
    bool | None,
    typer.Option("--background/--no-background", help="Restore the rest; by default where there are weights."),
]
UseCache = Annotated[
    bool | None,
    typer.Option("--cache/--no-cache", help="Reuse what was worked out for equal files.", rich_help_panel=GENERATION),
]

WebhookUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Is told of the task's end.", rich_help_panel="Webhook")
]
WebhookEvents = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS",
        help="Of which it is told instead: processing, completed, failed, cancelled, with commas.",
        rich_help_panel="Webhook",
    ),
]

Server = Annotated[
    str, typer.Option(envvar="EMO_HALLO_SERVER", metavar="URL", help="Where it runs.", rich_help_panel=SERVICE)
]
ApiKey = Annotated[
    str | None,
    typer.Option(envvar="EMO_HALLO_API_KEY", metavar="KEY", help="If it wants one.", rich_help_panel=SERVICE),
]
DEFAULT_SERVER = "http://localhost:8001"
