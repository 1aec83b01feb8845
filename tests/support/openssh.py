"""Debian's real OpenSSH server on a loopback port, for one directory, as whoever runs the tests."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import debian

SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class OpenSsh:
    """What a client needs. ``root`` is the absolute directory the session starts in; ``log`` is sshd's own."""

    host: str
    port: int
    username: str
    private_key: str
    host_key: str
    root: Path
    log: Path
    pid: int

    @property
    def fingerprint(self) -> str:
        """The host key's fingerprint, as ssh-keygen computes it."""
        key = self.log.with_name("host_ed25519.pub")
        return subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout.split()[1]

    def cut(self) -> None:
        """The sessions that are open now end at once; the server goes on."""
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(int(child), signal.SIGKILL)


def install() -> None:
    """sshd is there, installed with apt-get if it was not and we may; otherwise the test is skipped with the reason."""
    debian.install("openssh-server", SSHD)


def _key(path: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", path], check=True)


def free_port() -> int:
    """A loopback port nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def openssh(base: Path, *, root: Path | None = None, read_only: bool = False, port: int = 0) -> Iterator[OpenSsh]:
    """A running server with an Ed25519 and an ECDSA host key, stopped afterwards. ``base`` holds its own files."""
    install()
    base.mkdir(parents=True, exist_ok=True)
    root = root or base / "root"
    root.mkdir(parents=True, exist_ok=True)
    for name, kind in (("host_ed25519", "ed25519"), ("host_ecdsa", "ecdsa"), ("client", "ed25519")):
        if not (base / name).exists():
            _key(base / name, kind)
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where sshd drops its privileges
    log = base / "sshd.log"
    process, port = _start(base, root, port, read_only)
    server = None
    try:
        server = OpenSsh(
            "127.0.0.1",
            port,
            getpass.getuser(),
            (base / "client").read_text(),
            (base / "host_ed25519.pub").read_text().strip(),
            root,
            log,
            process.pid,
        )
        yield server
    finally:
        if server is not None:
            server.cut()
        process.terminate()
        process.wait(60)


def _start(base: Path, root: Path, wanted: int, read_only: bool) -> tuple[subprocess.Popen[bytes], int]:
    """A listening sshd and its port. Without a wanted port, one that was snatched in between is replaced by another."""
    for _ in range(5):
        port = wanted or free_port()
        config, log = base / "sshd_config", base / "sshd.log"
        config.write_text(
            f"""ListenAddress 127.0.0.1
Port {port}
HostKey {base / "host_ed25519"}
HostKey {base / "host_ecdsa"}
AuthorizedKeysFile {base / "client.pub"}
PidFile {base / "sshd.pid"}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {root}{" -R" if read_only else ""}
"""
        )
        with log.open("wb") as errors:
            process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=errors, stdin=subprocess.DEVNULL)
        if _listens(process, port, log):
            return process, port
        process.kill()
        process.wait(60)
    pytest.fail(f"sshd does not listen: {log.read_text()}")


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    """True once this sshd itself says so: another process may hold the port."""
    for _ in range(6_000):
        if process.poll() is not None:
            return False
        if f"Server listening on 127.0.0.1 port {port}" in log.read_text(errors="replace"):
            return True
        time.sleep(0.025)
    return False
