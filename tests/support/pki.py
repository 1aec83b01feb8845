"""Keys and certificates for tests, made by openssl's own command line, once each a session."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from engine.transports.as2.certificates import Credential, Trusted, credential, trusted


class Pair(msgspec.Struct, frozen=True):
    """A certificate and its key, as PEM and as files."""

    certificate: str
    key: str
    certificate_file: Path
    key_file: Path

    @property
    def own(self) -> Credential:
        return credential(self.certificate, self.key, "", "certificate", "private_key")

    @property
    def public(self) -> Trusted:
        return trusted(self.certificate, "certificate")


def openssl(*arguments: str | Path, body: bytes = b"", fails: bool = False) -> bytes:
    """What openssl printed; it must end well, or badly where it ``fails``."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=body, capture_output=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr.decode()
    return done.stdout


def make(folder: Path, name: str, *, begins: str = "20250101000000Z", ends: str = "20491231235959Z") -> Pair:
    """A self-signed certificate of RSA-2048, valid between these times."""
    key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
    subject = f"/CN={name}/O=Bluebook tests"
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", subject, "-out", request)
    (folder / f"{name}.ca").mkdir(exist_ok=True)
    config = folder / f"{name}.cnf"
    config.write_text(
        f"[ca]\ndefault_ca=d\n[d]\nnew_certs_dir={folder / f'{name}.ca'}\ndatabase={folder / f'{name}.ca'}/index\n"
        f"rand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\norganizationName=optional\n"
        "[x]\nsubjectKeyIdentifier=hash\nkeyUsage=digitalSignature,keyEncipherment\n"
        "extendedKeyUsage=emailProtection\n"
    )
    (folder / f"{name}.ca" / "index").touch()
    openssl(
        "ca", "-batch", "-config", config, "-selfsign", "-keyfile", key, "-in", request, "-out", certificate,
        "-startdate", begins, "-enddate", ends, "-notext",
    )  # fmt: skip
    return Pair(certificate.read_text(), key.read_text(), certificate, key)
