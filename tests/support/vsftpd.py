"""Debian's real vsftpd on a loopback port, for one directory: FTP, or FTPS that demands the control connection's TLS session."""

from __future__ import annotations

import getpass
import hashlib
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import debian
from tests.support.openssh import free_port


@dataclass(frozen=True)
class Vsftpd:
    """What a client needs. ``root`` is the directory the session starts in; ``log`` tells every command and reply."""

    host: str
    port: int
    username: str
    password: str
    certificate: str  # PEM; "" where it speaks no TLS
    root: Path
    log: Path
    pid: int

    @property
    def fingerprint(self) -> str:
        """The certificate's, as openssl prints it."""
        return "SHA256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate)).hexdigest()

    def settings(self) -> dict[str, object]:
        """How a connection reaches it."""
        return {
            "transport": "ftps" if self.certificate else "ftp", "host": self.host, "port": self.port,
            "username": self.username, "password": self.password, "certificate": self.certificate,
        }  # fmt: skip

    def kill(self) -> None:
        """The server is gone, in the middle of whatever it did."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)  # so that it starts no other session
        self.cut()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def cut(self) -> None:
        """The sessions that are open now end at once, in whatever they do; the server goes on."""
        for child in _below(self.pid):
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(child, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    """The processes under this one; vsftpd has two or three for each session."""
    try:
        mine = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [found for child in mine for found in (*_below(child), child)]


@contextmanager
def vsftpd(base: Path, *, root: Path, tls: bool = True, port: int = 0, **settings: str) -> Iterator[Vsftpd]:
    """A running server, stopped afterwards. ``base`` holds its own files; ``settings`` are vsftpd's, over those here."""
    [program] = debian.kept("vsftpd", "vsftpd")
    base.mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    certificate = certify(base)[1] if tls else base
    log = base / "vsftpd.log"
    log.write_bytes(b"")
    process, port = _start(program, base, root, tls, port, settings)
    server = Vsftpd(
        "127.0.0.1", port, "anonymous", "s3cret@example", certificate.read_text() if tls else "", root, log, process.pid
    )
    try:
        yield server
    finally:
        server.cut()
        process.terminate()
        process.wait(60)


def certify(base: Path) -> tuple[Path, Path]:
    """The key and the certificate of 127.0.0.1, made by openssl if they were not; both lie in ``base``."""
    key, certificate = base / "ftp.key", base / "ftp.pem"
    if not certificate.exists():
        debian.install("openssl", "openssl")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
    return key, certificate


def _start(
    program: str, base: Path, root: Path, tls: bool, wanted: int, settings: dict[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """A listening vsftpd and its port. Without a wanted port, one that was snatched in between is replaced by another."""
    log, words = base / "vsftpd.log", base / "passwords"
    words.write_text("s3cret@example\n")
    for _ in range(5):
        port = wanted or free_port()
        config = {
            "listen": "YES", "listen_address": "127.0.0.1", "listen_port": str(port), "background": "NO",
            "run_as_launching_user": "YES", "seccomp_sandbox": "NO", "secure_chroot_dir": str(base),
            # Whoever knows the one password may read and write: the only login that needs no account of this machine.
            "anonymous_enable": "YES", "anon_root": str(root), "ftp_username": getpass.getuser(), "write_enable": "YES",
            "anon_upload_enable": "YES", "anon_mkdir_write_enable": "YES", "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO", "anon_umask": "022", "allow_writeable_chroot": "YES",
            "secure_email_list_enable": "YES", "email_password_file": str(words), "delay_failed_login": "0",
            "xferlog_enable": "YES", "log_ftp_protocol": "YES", "vsftpd_log_file": str(log), "xferlog_std_format": "NO",
        }  # fmt: skip
        if tls:
            config |= {
                "ssl_enable": "YES", "allow_anon_ssl": "YES", "force_anon_logins_ssl": "YES", "force_anon_data_ssl": "YES",
                "require_ssl_reuse": "YES", "strict_ssl_read_eof": "YES", "ssl_ciphers": "HIGH",
                "rsa_cert_file": str(base / "ftp.pem"), "rsa_private_key_file": str(base / "ftp.key"),
            }  # fmt: skip
        path = base / "vsftpd.conf"
        path.write_text("".join(f"{name}={value}\n" for name, value in (config | settings).items()))
        path.chmod(0o600)
        process = subprocess.Popen(
            [program, path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if listens(process, port):
            return process, port
        process.kill()
        process.wait(60)
    pytest.fail(f"vsftpd does not listen: {log.read_text() if log.exists() else 'it says nothing'}")


def listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """True once this server, and no other process, has the port."""
    wanted = f"0100007F:{port:04X}"
    for _ in range(6_000):
        if process.poll() is not None:
            return False
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == wanted and fields[3] == "0A" and _has(process.pid, fields[9]):
                return True
        time.sleep(0.025)
    return False


def _has(pid: int, inode: str) -> bool:
    try:
        return any(os.readlink(f) == f"socket:[{inode}]" for f in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
