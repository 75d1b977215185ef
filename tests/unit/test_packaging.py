"""What `pip install` puts on a machine where the project is not edited: clusters install it so."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("emo_hallo_ray", "emo_hallo", "deployments")


def test_the_wheel_has_every_file_that_the_project_has(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a fresh one: setuptools would pack what an earlier build left
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={source}/"], cwd=ROOT, check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")

    packed = set(zipfile.ZipFile(wheel).namelist())

    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert set(listed) <= packed
