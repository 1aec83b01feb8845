"""Programs from Debian that tests use as they are."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def install(package: str, program: str) -> None:
    """The program is there, its package installed with apt-get if it was not and we may; else the test is skipped."""
    if shutil.which(program):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"{program} is missing and only root can install {package}")
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, env=environment, capture_output=True, check=False).returncode != 0:
        subprocess.run(["apt-get", "update", "-q"], env=environment, capture_output=True, check=True)
        subprocess.run(command, env=environment, capture_output=True, check=True)
