"""A certificate for 127.0.0.1 that signs itself, for servers that tests start."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make(folder: Path) -> tuple[Path, Path]:
    """The paths of the certificate, which is also what to trust, and of its key; made by openssl."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out",
            certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
