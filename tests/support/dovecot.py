"""Debian's real Dovecot over TLS on a loopback port, with one mailbox, as whoever runs the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import certificates, debian

PROGRAM = "/usr/sbin/dovecot"
USER, PASSWORD = "orders", "s3cret"


@dataclass(frozen=True)
class Dovecot:
    """What a client needs. ``base`` holds its own files."""

    port: int
    ca: str
    base: Path
    pid: int

    @property
    def box(self) -> Path:
        """The mailbox, a Maildir."""
        return self.base / "mail"

    def put(self, body: bytes) -> None:
        """A letter is delivered."""
        number = len(list((self.box / "new").iterdir())) + len(list((self.box / "cur").iterdir()))
        name = f"{time.time_ns() // 1000}.M{number}P1.test"
        hidden = self.box / "tmp" / name
        hidden.write_bytes(body)
        _give(hidden)
        hidden.rename(self.box / "new" / name)

    def letters(self) -> int:
        """How many letters are in the mailbox."""
        return sum(len(list((self.box / part).iterdir())) for part in ("new", "cur"))

    def seen(self) -> int:
        """How many of them are marked as seen."""
        return sum("S" in path.name.partition(":2,")[2] for path in (self.box / "cur").iterdir())

    def forget(self) -> None:
        """Its numbers for letters are lost, as after a restore: it gives new ones."""
        for path in self.box.glob("dovecot*"):
            path.unlink()
        (self.box / "dovecot-uidlist").write_text(f"3 V{int(time.time()) + 1000} N1\n")
        _give(self.box / "dovecot-uidlist")

    def cut(self) -> int:
        """The sessions that are open now are killed; how many there were. The server goes on."""
        count = 0
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # some end by themselves meanwhile
                command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0]
                if command in (b"dovecot/imap", b"dovecot/imap-login"):
                    os.kill(int(child), signal.SIGKILL)
                    count += 1
        return count


def _give(path: Path) -> None:
    if os.geteuid() == 0:  # Dovecot opens no mailbox as root
        user = pwd.getpwnam("mail")
        os.chown(path, user.pw_uid, user.pw_gid)


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """A running server, stopped afterwards."""
    debian.install("dovecot-imapd", PROGRAM)
    base = Path(tempfile.mkdtemp(prefix="bb-dovecot-"))  # not in pytest's folder, which only its owner may enter
    base.chmod(0o755)
    try:
        certificate, key = certificates.make(base)
        for part in ("", "new", "cur", "tmp"):
            (base / "mail" / part).mkdir(exist_ok=True)
            _give(base / "mail" / part)
        (base / "home").mkdir()
        _give(base / "home")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        (base / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        (base / "users").chmod(0o644)
        config = base / "dovecot.conf"
        config.write_text(_config(base, certificate, key, port))
        process = subprocess.Popen([PROGRAM, "-F", "-c", config], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            if not _listens(process, port):
                log = base / "dovecot.log"
                pytest.fail(f"dovecot does not listen: {log.read_text() if log.exists() else 'no log'}")
            yield Dovecot(port, certificate.read_text(), base, process.pid)
        finally:
            process.terminate()
            process.wait(60)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _config(base: Path, certificate: Path, key: Path, port: int) -> str:
    root = os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid()).pw_name
    mail = pwd.getpwnam("mail") if root else pwd.getpwuid(os.geteuid())
    users = "" if root else f"default_internal_user = {me}\ndefault_login_user = {me}\n"
    return f"""base_dir = {base}/run
log_path = {base}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
mail_location = maildir:{base}/mail
{users}passdb {{
  driver = passwd-file
  args = {base}/users
}}
userdb {{
  driver = static
  args = uid={mail.pw_uid} gid={mail.pw_gid} home={base}/home
}}
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    for _ in range(6_000):
        if process.poll() is not None:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60):
                return True
        except OSError:
            time.sleep(0.025)
    return False
