"""Whether the programs that speak are installed."""

import ctypes.util
import shutil


def missing_packages() -> list[str]:
    """Names of the Debian packages to install; empty where both are there."""
    missing = [] if ctypes.util.find_library("espeak-ng") else ["espeak-ng"]
    return missing + ([] if shutil.which("flite") else ["flite"])
