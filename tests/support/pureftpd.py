"""Debian's real Pure-FTPd on a loopback port: a server of another make, which tells facts (MLSD, MLST) where vsftpd does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import debian
from tests.support.openssh import free_port
from tests.support.vsftpd import certify, listens

USER, PASSWORD = "bluebook", "s3cret"


@contextmanager
def pureftpd() -> Iterator[tuple[dict[str, object], Path]]:
    """How a connection reaches it, and the directory it serves. Its one user is no account of this machine."""
    if os.geteuid() != 0:
        pytest.skip("Pure-FTPd becomes another user for each session, which only root may")
    program, passwords = debian.kept("pure-ftpd", "pure-ftpd", "pure-pw")
    base = Path(tempfile.mkdtemp())  # not pytest's own, which nobody else may enter
    try:
        base.chmod(0o755)
        root = base / "root"
        (root / "orders").mkdir(parents=True)
        for path in (root, root / "orders"):
            shutil.chown(path, "nobody", "nogroup")
        users = [f"-f{base / 'users'}", "-m", f"-F{base / 'users.db'}"]
        (base / "users").touch()
        subprocess.run(
            [passwords, "useradd", USER, "-unobody", "-gnogroup", f"-d{root}", *users], check=True, capture_output=True,
            input=f"{PASSWORD}\n{PASSWORD}\n".encode(),
        )  # fmt: skip
        key, certificate = certify(base)
        (base / "both.pem").write_text(key.read_text() + certificate.read_text())
        process, port = _start(program, base)
        try:
            yield {
                "transport": "ftps", "host": "127.0.0.1", "port": port, "username": USER, "password": PASSWORD,
                "certificate": certificate.read_text(),
            }, root  # fmt: skip
        finally:
            process.terminate()
            process.wait(60)
    finally:
        shutil.rmtree(base)


def _start(program: str, base: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(5):
        port = free_port()
        command = [
            program,
            "-S",
            f"127.0.0.1,{port}",
            f"-lpuredb:{base / 'users.db'}",
            "-E",
            "-A",
            "-H",
            "-u1",
            "-Y2",
        ]
        process = subprocess.Popen(
            [*command, "-2", base / "both.pem", "-g", base / "pid"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if listens(process, port):
            return process, port
        process.kill()
        process.wait(60)
        time.sleep(0.1)
    pytest.fail("pure-ftpd does not listen")
