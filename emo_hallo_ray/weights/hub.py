"""The Hugging Face hub, or a mirror: what it says about a file, and the file's bytes. Needs huggingface_hub.

The library's own `hf_hub_download` starts anew after an interruption and puts a file under its final name before
anybody compares it with its checksum, so this uses the layer below: metadata by one HEAD request, bytes by `http_get`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from emo_hallo_ray.weights.checksum import Checksum
from emo_hallo_ray.weights.errors import DownloadFailed
from emo_hallo_ray.weights.lock import LOCK_NAME
from emo_hallo_ray.weights.manifest import Source

TRY_AGAIN = "what arrived is kept; the same command goes on from there"


@dataclass(frozen=True)
class HubFile:
    """A file as the hub describes it, at one commit."""

    source: Source
    commit: str
    size_bytes: int
    checksum: Checksum


def locate(source: Source, revision: str, endpoint: str | None) -> HubFile:
    """Ask the hub about a file.

    Args:
        revision: a branch, a tag or a commit.
        endpoint: address of a mirror; None for the hub itself.

    Raises:
        DownloadFailed: no answer, no such file, or an answer without the checksum that we compare with.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    with _no_telemetry(), _translated_errors(source):
        metadata = get_hf_file_metadata(
            hf_hub_url(source.repository, source.path, revision=revision, endpoint=endpoint), endpoint=endpoint
        )
    checksum = Checksum.from_etag(metadata.etag)
    if metadata.commit_hash is None or metadata.size is None or checksum is None:
        raise DownloadFailed(
            f"the answer about '{source.path}' lacks commit, size or checksum",
            "the endpoint is not a Hugging Face hub, or a mirror that leaves these out: try another HF_ENDPOINT",
        )
    return HubFile(source, metadata.commit_hash, metadata.size, checksum)


def fetch(file: HubFile, partial: Path, endpoint: str | None) -> None:
    """Append what is missing to a partial file until it has the size that the hub says.

    Shows a progress bar on stderr where that is a terminal. The content is not compared with the checksum.

    Raises:
        DownloadFailed: the transfer broke off; what arrived is in `partial`.
        OSError: the disk would not take it.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # the library exports it lazily

    partial.parent.mkdir(parents=True, exist_ok=True)
    with _no_telemetry(), _translated_errors(file.source), partial.open("ab") as output:
        http_get(
            # not the storage address that the hub redirects to: that is signed, and may expire under a slow transfer
            hf_hub_url(file.source.repository, file.source.path, revision=file.commit, endpoint=endpoint),
            output,
            resume_size=output.tell(),
            # ranges of a compressed body are not ranges of the file
            headers={**build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=file.size_bytes,
            displayed_filename=file.source.path,
        )


@contextmanager
def _no_telemetry() -> Iterator[None]:
    # left alone, the library tells the hub which torch is installed and asks it how to recognise coding agents;
    # nothing leaves the machine unasked
    from huggingface_hub import constants

    usual = constants.HF_HUB_DISABLE_TELEMETRY
    constants.HF_HUB_DISABLE_TELEMETRY = True  # its variable is read when the library is imported, maybe long ago
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = usual


@contextmanager
def _translated_errors(source: Source) -> Iterator[None]:
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        _fail(source, "its owner wants to be asked first", "accept the terms on its page, then set HF_TOKEN", error)
    except errors.RepositoryNotFoundError as error:  # also what a wrong token is answered with
        hint = "look at HF_TOKEN; if HF_ENDPOINT is set, the mirror may not have it"
        _fail(source, f"the hub shows no repository '{source.repository}'", hint, error)
    except (errors.RemoteEntryNotFoundError, errors.RevisionNotFoundError) as error:
        hint = f"if {LOCK_NAME} names a commit that is gone, delete it to take the newest"
        _fail(source, f"'{source.repository}' has no such file there", hint, error)
    except errors.OfflineModeIsEnabled as error:
        _fail(source, "HF_HUB_OFFLINE forbids it", "unset it", error)
    except errors.HfHubHTTPError as error:
        _fail(source, f"the hub answered {error.response.status_code}", TRY_AGAIN, error)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        _fail(source, str(error) or type(error).__name__, TRY_AGAIN, error)
    except OSError as error:
        if error.errno is not None:  # the disk's; the hub library's own have no number
            raise
        _fail(source, str(error).partition("\n")[0], TRY_AGAIN, error)


def _fail(source: Source, reason: str, hint: str, error: Exception) -> NoReturn:
    raise DownloadFailed(f"'{source.path}' was not downloaded: {reason}", hint) from error
