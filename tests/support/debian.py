"""Programs from Debian that tests use as they are."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

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


def kept(package: str, *programs: str) -> list[str]:
    """Copies of the package's programs that stay where another package takes these away: of FTP servers Debian has one."""
    folder = Path(tempfile.gettempdir()) / f"bluebook-programs-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in other processes install the other one
        for program in programs:
            copy = folder / program
            if not copy.exists():
                install(package, program)
                found = shutil.which(program)
                assert found is not None
                shutil.copy2(found, copy.with_suffix(".part"))
                copy.with_suffix(".part").rename(copy)
    return [str(folder / program) for program in programs]
