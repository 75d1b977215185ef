"""The one settings tree: `args` of serve_config.yaml, then EMO_HALLO_<SECTION>__<FIELD> variables, then these defaults.

This is the only reader of the environment. It is resolved once, by the application builder (or the command line), and
every component receives only its own section.
"""

import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.media.limits import MediaLimits

ENV_PREFIX = "EMO_HALLO_"
# read by other parts of the project, not by the tree below
OTHER_VARIABLES = frozenset({"EMO_HALLO_SERVER", "EMO_HALLO_API_KEY"})

HASH_OF_NOTHING = sha256().hexdigest()
AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


def _folder_or_url(text: str) -> str:
    if "://" in text:
        return text.rstrip("/")
    return str(Path(text).expanduser().absolute())


FolderOrUrl = Annotated[str, BeforeValidator(str), AfterValidator(_folder_or_url)]

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.:\[\]-]+$")]  # as browsers send it: lower case, no path


def _key_hash(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("not a SHA-256 in 64 hexadecimal digits; `emo-hallo key` makes a key with its hash")
    if text.lower() == HASH_OF_NOTHING:  # what `printf %s "$KEY" | sha256sum` prints where KEY is not set
        raise ValueError("this is the SHA-256 of nothing: the key was empty when it was hashed")
    return text.lower()


KeyHash = Annotated[str, AfterValidator(_key_hash)]


def int_from_text(value: object) -> object:
    """Variables and forms hold text only, and `Literal` takes no text for a number."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Section(BaseModel):
    """A frozen part of the tree; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StorageSettings(Section):
    """Where uploads, segments, checkpoints and results live. On a cluster every node must reach it."""

    root: FolderOrUrl = Field(
        "~/.emo-hallo",
        validate_default=True,
        description="folder, made when missing, or an object store: s3://bucket/prefix, gs://bucket/prefix",
    )
    local: Path = Field(
        Path("~/.emo-hallo"), description="with an object store: each node's own folder, for copies and the cache"
    )
    options: dict[str, Any] = Field(
        {}, description="with an object store: what fsspec takes for it, such as endpoint_url; keys come from its SDK"
    )
    database: AbsolutePath | None = Field(
        None, description="file of the task database, on a disk of the head's own; else tasks.sqlite in the folder"
    )
    min_free_bytes: int = Field(512 * 1024**2, ge=0, description="with less left on a node's disk no task is accepted")

    @property
    def url(self) -> str | None:
        """Address of the object store; None where the root is a folder."""
        return self.root if "://" in self.root else None

    @property
    def folder(self) -> Path:
        """Where files are on a node: the root itself, or the copies of what is in the object store."""
        return self.local if self.url else Path(self.root)


class TaskSettings(Section):
    """How tasks queue and how long an attempt may be silent."""

    max_concurrent: int = Field(1, ge=1, description="tasks running at a time, over all replicas")
    max_queued: int = Field(100, ge=1, description="tasks waiting; one more is answered 429")
    max_attempts: int = Field(3, ge=1, description="runners that a task may cost in one place before it fails")
    lease_s: float = Field(15.0, gt=0, description="silence after which another attempt takes over")
    heartbeat_s: float = Field(1.0, gt=0, description="also how fast a forced cancellation reaches another replica")


class LimitSettings(Section):
    """What is refused before it costs anything."""

    upload_bytes: int = Field(500 * 1024 * 1024, ge=1, description="whole request body")
    upload_idle_s: float = Field(30.0, gt=0, description="longest pause within an upload")
    upload_timeout_s: float = Field(1_800.0, gt=0, description="one whole upload")
    image_pixels: int = Field(50_000_000, ge=1, description="width times height; checked before decoding")
    audio_s: float = Field(4 * 3600.0, gt=0, description="longest recording")
    inspect_timeout_s: float = Field(120.0, gt=0, description="checking one upload")
    segment_timeout_s: float = Field(
        3600.0, gt=0, description="one segment (3 s of video) in one stage, on the slowest hardware"
    )

    def media(self) -> MediaLimits:
        """The part that the media layer enforces."""
        return MediaLimits(
            max_pixels=self.image_pixels, max_audio_s=self.audio_s, tool_timeout_s=self.inspect_timeout_s
        )


class CacheSettings(Section):
    """Preprocessing results, kept by content hash."""

    max_bytes: int = Field(2 * 1024**3, ge=0, description="the least recently used entries go first")


class RetentionSettings(Section):
    """How long files stay. Nothing of a task that waits or runs is ever touched."""

    age_s: float = Field(
        30 * 86_400.0, ge=0, description="after its end a task's uploads, video and log go; 0 is never"
    )
    max_bytes: int = Field(0, ge=0, description="of all tasks' files; the oldest ended tasks' go first; 0 is no limit")
    scratch_s: float = Field(3_600.0, ge=0, description="after its end a task's segments and intermediate results go")
    orphan_s: float = Field(86_400.0, ge=0, description="what no task owns, such as broken-off uploads, goes")
    record_age_s: float = Field(365 * 86_400.0, ge=0, description="the bare record of an ended task goes; 0 is never")
    sweep_every_s: float = Field(300.0, gt=0, description="how often all this is looked at")


class EngineSettings(Section):
    """Which engine runs where the request says `auto`."""

    default: str = Field("auto", description="auto, or the name of an engine")
    extra: dict[str, str] = Field({}, description="further engines by name, each as module:attribute")


class WeightsSettings(Section):
    """Released model files. On a cluster every node that runs a model stage must have them, or fetch them."""

    root: AbsolutePath = Field(
        Path("pretrained_models"), validate_default=True, description="folder, laid out as Hallo2's own"
    )
    source: str = Field(
        "",
        pattern=r"^$|^[a-z0-9]+://",
        description="object store with such a folder, from which each node fetches what it lacks; empty is none",
    )
    options: dict[str, Any] = Field({}, description="what fsspec takes for the source, such as endpoint_url")


class Hallo2Settings(Section):
    """How the Hallo2 engine uses the machine."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto is a GPU where there is one")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto is the GPU's best half precision; float32 on a CPU"
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile for the denoiser: minutes at start, faster steps; auto does it on a GPU"
    )


class SuperResolutionSettings(Section):
    """How enlargement uses the machine."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto is a GPU where there is one")
    tile_px: int = Field(
        512, ge=64, description="side of the parts in which a background is enlarged; less needs less memory"
    )


class WebhookSettings(Section):
    """How others are told of a task's end, where its request names a `webhook_url`."""

    secret: SecretStr = Field(SecretStr(""), description="signs every message; empty is no signature")
    allow_private_addresses: bool = Field(
        False, description="also to addresses of this machine and its networks; right where all callers are trusted"
    )
    allowed_hosts: tuple[str, ...] = Field((), description="only to these hosts; none is any")
    timeout_s: float = Field(10.0, gt=0, le=50, description="one try")
    max_attempts: int = Field(12, ge=1, description="tries before a message is given up; twelve take three hours")
    first_retry_s: float = Field(10.0, gt=0, description="after the first try; doubles with each one")
    longest_retry_s: float = Field(3_600.0, gt=0, le=86_400, description="between two tries")


class TracingSettings(Section):
    """Where traces of tasks go; wants `pip install 'emo-hallo-ray[tracing]'`."""

    endpoint: str = Field("", description="OTLP over HTTP, such as http://localhost:4318/v1/traces; empty is nowhere")
    service_name: str = Field("emo-hallo-ray", description="as it appears in traces")


class LoggingSettings(Section):
    """How the service's log looks."""

    format: Literal["text", "json"] = Field("text", description="json is a line an object, with task and request id")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="what is left out below it")


class ProvenanceSettings(Section):
    """How videos say that a machine made them, beyond their metadata."""

    visible_mark: str = Field("", max_length=40, description="words in a corner of every frame; empty is none")
    signing_key: AbsolutePath | None = Field(None, description="PEM file; videos get content credentials (C2PA)")
    signing_certificate: AbsolutePath | None = Field(None, description="PEM file with the key's chain")
    timestamp_url: str = Field("", description="authority that confirms the time of signing; empty asks nobody")

    @model_validator(mode="after")
    def _key_and_certificate(self) -> "ProvenanceSettings":
        if (self.signing_key is None) != (self.signing_certificate is None):
            raise ValueError("signing_key and signing_certificate are of use only together")
        return self


class VideoSettings(Section):
    """What frames look like and how they are encoded."""

    frame_px: Annotated[Literal[256, 512, 768, 1024], BeforeValidator(int_from_text)] = Field(
        512, description="side of a frame, 256, 512, 768 or 1024; upscale multiplies it"
    )
    clips_per_segment: int = Field(5, ge=1, le=50, description="5 clips of 16 frames are 3.2 s")


class AccessSettings(Section):
    """API keys. None configured means open: right on loopback only."""

    api_key_hashes: tuple[KeyHash, ...] = Field(
        (), description="SHA-256 of each key, as hexadecimal digits; `emo-hallo key` makes one"
    )
    cors_origins: tuple[Origin, ...] = Field(
        (), description="web pages of these origins may call the API from a browser"
    )


class ResourceSettings(Section):
    """Whether the model stages ask Ray for a share of a GPU."""

    gpu: Literal["auto", "on", "off"] = Field(
        "auto", description="auto looks at the cluster; on is for clusters that start GPU machines on demand"
    )


class Settings(BaseSettings):
    """Everything that the service does; where and how widely it runs is said in serve_config.yaml."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
    )

    storage: StorageSettings = StorageSettings()
    tasks: TaskSettings = TaskSettings()
    limits: LimitSettings = LimitSettings()
    cache: CacheSettings = CacheSettings()
    retention: RetentionSettings = RetentionSettings()
    engine: EngineSettings = EngineSettings()
    weights: WeightsSettings = WeightsSettings()
    hallo2: Hallo2Settings = Hallo2Settings()
    super_resolution: SuperResolutionSettings = SuperResolutionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    tracing: TracingSettings = TracingSettings()
    logging: LoggingSettings = LoggingSettings()
    provenance: ProvenanceSettings = ProvenanceSettings()
    video: VideoSettings = VideoSettings()
    access: AccessSettings = AccessSettings()
    resources: ResourceSettings = ResourceSettings()
    build_id: str = Field("", description="change it to make `serve deploy` replace code under an unchanged file")


def read_settings() -> Settings:
    """The settings of a program that has no configuration file: variables and defaults.

    Raises:
        InvalidSettings: a variable has a value that cannot be.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidSettings("; ".join(_variable_and_problem(problem) for problem in error.errors())) from error


def _variable_and_problem(problem: Mapping[str, Any]) -> str:
    variable = ENV_PREFIX + "__".join(str(part).upper() for part in problem["loc"])
    return f"{variable}={problem['input']}: {problem['msg']}"


def unused_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """EMO_HALLO_ variables that name no setting: pydantic cannot see a misspelt section, so startup warns of these."""
    known = set(OTHER_VARIABLES)
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            known |= {f"{ENV_PREFIX}{name}__{key}".upper() for key in section.model_fields}
        known.add(f"{ENV_PREFIX}{name}".upper())
    return sorted(name for name in environ if name.startswith(ENV_PREFIX) and name not in known)


# how `emo-hallo serve` and `make serve` start Ray; docs/ARCHITECTURE.md has the measurements behind it
SERVE_ENVIRONMENT = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",  # streams uploads and answers many times more requests than Serve's own proxy
    # with a thread of its own for our code, Serve queues an upload faster than we write it, without bound
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    # silence of a caller who has not sent all of a request, or does not read its answer; the default is an hour
    "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "120",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",  # the default keeps Ctrl-C waiting for half a minute
    # every call of an actor is remembered for the dashboard; Ray's limit of 100,000 is hundreds of megabytes
    "RAY_task_events_max_num_task_in_gcs": "10000",
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing leaves the machine unasked
}


def serve_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for `serve run`: ours where the caller's says nothing else."""
    return {**SERVE_ENVIRONMENT, **environ}
