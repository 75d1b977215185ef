"""Content credentials (C2PA): a signed statement inside the video of what made it, which breaks when a byte changes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emo_hallo_ray import __version__
from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.provenance.metadata import GENERATOR, source_type_of, tags_of
from emo_hallo_ray.storage import atomic_path
from emo_hallo_ray.tasks.model import Task

if TYPE_CHECKING:
    from c2pa import Signer

INSTALL = "pip install 'emo-hallo-ray[c2pa]'"


@dataclass(frozen=True)
class ContentCredentials:
    """Signs videos.

    Attributes:
        algorithm: C2PA's word for the key's kind.
        timestamp_url: of an authority (RFC 3161) that confirms the time; empty asks nobody.
    """

    key: Path
    certificate: Path
    algorithm: str
    timestamp_url: str

    @classmethod
    def of(cls, key: Path, certificate: Path, timestamp_url: str) -> "ContentCredentials":
        """Check that all of it fits, so that it fails at the start and not at the first video.

        Raises:
            InvalidSettings: a file cannot be read, the two do not belong together, or the library is not installed.
        """
        try:
            credentials = cls(key, certificate, _algorithm(key, certificate), timestamp_url)
            credentials._signer().close()
        except ImportError as error:
            raise InvalidSettings("provenance.signing_key is set, but c2pa-python is not installed", INSTALL) from error
        except OSError as error:
            raise InvalidSettings(f"A signing file cannot be read: {error.strerror}: {error.filename}") from error
        except InvalidSettings:
            raise
        except Exception as error:  # the library's own, of which it has many
            raise InvalidSettings(f"The signing key or certificate cannot be used: {error}") from error
        return credentials

    def sign(self, unsigned: Path, signed: Path, task: Task) -> None:
        """Write a signed copy of an MP4; it appears whole or not at all, and its frames are the same."""
        from c2pa import Builder

        with atomic_path(signed) as temporary, self._signer() as signer, Builder(_manifest(task)) as builder:
            builder.sign_file(unsigned, temporary, signer)

    def _signer(self) -> "Signer":
        from c2pa import C2paSignerInfo, Signer

        chain, key = self.certificate.read_bytes(), self.key.read_bytes()
        timestamp_url = self.timestamp_url.encode() or None
        return Signer.from_info(C2paSignerInfo(self.algorithm.encode(), chain, key, timestamp_url))


def _manifest(task: Task) -> str:
    action: dict[str, Any] = {
        "action": "c2pa.created",
        "digitalSourceType": source_type_of(task),
        "softwareAgent": {"name": GENERATOR, "version": __version__},
    }
    made_by = {"engine": task.params.engine, "seed": task.params.seed, "task_id": task.task_id}
    return json.dumps(
        {
            "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
            "title": tags_of(task)["title"],
            "format": "video/mp4",
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
                {"label": "org.emo-hallo-ray.task", "data": made_by},
            ],
        }
    )


def _algorithm(key: Path, certificate: Path) -> str:
    """What C2PA calls signing with a key of this kind; it allows no others."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    loaded = load_pem_private_key(key.read_bytes(), password=None)
    if load_pem_x509_certificates(certificate.read_bytes())[0].public_key() != loaded.public_key():
        raise ValueError("the first certificate of the chain is another key's")
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        return {256: "es256", 384: "es384", 521: "es512"}[loaded.key_size]
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(loaded, rsa.RSAPrivateKey):
        return "ps256"
    raise InvalidSettings(f"A {type(loaded).__name__} cannot sign videos", "use P-256, Ed25519 or RSA")
