"""Debian's real Exim on a loopback port: it takes mail by STARTTLS and a log-in, delivers into Maildirs, and bounces the rest.

It is the mail server of both sides: ``orders@acme.test`` is the supplier, ``purchasing@shop.test`` are we.
"""

from __future__ import annotations

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
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support import certificates, debian
from tests.support.mail_server import PASSWORD, USER

PROGRAM = "/usr/sbin/exim4"
_CONFIG = """
primary_hostname = mx.acme.test
exim_user = mail
exim_group = mail
deliver_drop_privilege = true
spool_directory = {base}/spool
log_file_path = {base}/log/%slog
pid_file_path = {base}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
queue_run_in_order
keep_environment =
timeout_frozen_after = 1h
begin acl
rcpt:
  accept authenticated = *
  deny message = log in first
data:
  warn condition = ${{if exists{{{base}/slow}}}}
       delay = 60s
  accept
begin routers
boxes:
  driver = accept
  local_parts = orders : purchasing
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = ${{if eq{{$local_part}}{{orders}}{{{base}/orders}}{{{ours}}}}}
  user = mail
  group = mail
begin retry
* * F,1h,1m
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
"""


class Exim:
    """The server, from outside."""

    def __init__(self, base: Path, tls: tuple[Path, Path], ours: Path) -> None:
        self.base, self.tls = base, tls
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        for part in ("spool", "log"):
            (base / part).mkdir()
            _give(base / part, "mail")
        (base / "orders").mkdir()
        _give(base / "orders", "mail")
        config = base / "exim.conf"
        config.write_text(
            _CONFIG.format(
                base=base, port=self.port, certificate=tls[0], key=tls[1], ours=ours, user=USER, password=PASSWORD
            )
        )
        self._command = [PROGRAM, "-C", str(config), "-bdf", "-q1s"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(6_000):
            if self._process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=60):
                    return
            except OSError:
                time.sleep(0.025)
        pytest.fail(f"exim does not listen: {self.log()}")

    def kill(self) -> int:
        """All its processes end at once; how many there were."""
        count = 0
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.base).encode() in (place / "cmdline").read_bytes():
                    os.kill(int(place.name), signal.SIGKILL)
                    count += 1
            except (FileNotFoundError, ProcessLookupError):  # ended by itself meanwhile
                continue
        if self._process is not None:
            self._process.wait(60)
            self._process = None
        return count

    def be_slow(self, slow: bool) -> None:
        """From here on it takes a minute to say what it thinks of a mail that it has whole."""
        (self.base / "slow").touch() if slow else (self.base / "slow").unlink()

    def talking(self) -> int:
        """How many mails it has whole and has not answered for."""
        return sum(path.name.endswith("-D") for path in (self.base / "spool").rglob("*-D")) if self._process else 0

    def log(self) -> str:
        """What it wrote about itself."""
        return "\n".join(path.read_text() for path in sorted((self.base / "log").iterdir()))

    def mails(self) -> list[Message]:
        """What was delivered to the supplier."""
        found = sorted((self.base / "orders" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [message_from_bytes(path.read_bytes()) for path in found]


def _give(path: Path, user: str) -> None:
    found = pwd.getpwnam(user)
    os.chown(path, found.pw_uid, found.pw_gid)


@contextmanager
def exim(ours: Path) -> Iterator[Exim]:
    """A running server that delivers our mail into the Maildir ``ours``; ended afterwards."""
    if os.geteuid() != 0:
        pytest.skip("Exim delivers for several users, which only root may")
    debian.install("exim4-daemon-light", PROGRAM)
    base = Path(tempfile.mkdtemp(prefix="bb-exim-"))
    base.chmod(0o755)
    try:
        certificate, key = certificates.make(base)
        _give(key, "mail")
        server = Exim(base, (certificate, key), ours)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(base, ignore_errors=True)
