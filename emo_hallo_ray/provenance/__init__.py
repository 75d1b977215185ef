"""How a video says where it comes from: in its metadata always; to the eye, and signed, where that is configured."""

from dataclasses import dataclass

from emo_hallo_ray.provenance.credentials import ContentCredentials
from emo_hallo_ray.provenance.mark import VisibleMark
from emo_hallo_ray.settings import ProvenanceSettings


@dataclass(frozen=True)
class Provenance:
    """What goes beyond the metadata."""

    mark: VisibleMark | None = None
    credentials: ContentCredentials | None = None

    @classmethod
    def of(cls, settings: ProvenanceSettings) -> "Provenance":
        """As the settings say.

        Raises:
            InvalidSettings: the mark cannot be written, or nothing can be signed with what is configured.
        """
        mark = VisibleMark(settings.visible_mark) if settings.visible_mark else None
        if settings.signing_key is None or settings.signing_certificate is None:
            return cls(mark)
        return cls(
            mark, ContentCredentials.of(settings.signing_key, settings.signing_certificate, settings.timestamp_url)
        )
