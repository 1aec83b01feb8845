"""What a person sets to connect a supplier by SFTP."""

from __future__ import annotations

from typing import Literal

import msgspec

Format = Literal["csv", "json", "xml"]


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A CSV column: its header, and a JMESPath over ``{purchase, line}`` (https://jmespath.org/specification.html)."""

    header: str
    value: str


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the server is, which directories are for what, and how the files look.

    ``host_key`` is required: an OpenSSH public key line or a ``SHA256:…`` fingerprint. An empty directory is not used.
    """

    host: str
    username: str
    host_key: str
    port: int = 22
    password: str = ""
    private_key: str = ""
    passphrase: str = ""
    timeout: float = 60.0

    orders_dir: str = "orders"
    staging_dir: str = ""  # same file system as orders_dir; empty: a dot name inside orders_dir
    cancels_dir: str = "cancels"
    acks_dir: str = ""
    shipments_dir: str = ""
    inventory_dir: str = ""
    acks_pattern: str = "*"
    shipments_pattern: str = "*"
    inventory_pattern: str = "*"

    format: Format = "csv"
    extension: str = ""  # empty: as the format
    columns: tuple[Column, ...] = ()  # empty: the built-in ones
    template: str = ""  # jinja2 over {purchase}; empty: the built-in document
    cancel_files: bool = True

    fields: dict[str, str] = {}  # ours -> theirs, e.g. {"tracking_number": "Sendungsnummer"}
    status_map: dict[str, str] = {}  # theirs -> ours, e.g. {"in stock": "acknowledged"}
    date_format: str = ""  # strptime; empty: ISO 8601
    timezone: str = "UTC"  # of times without an offset
    currency: str = "USD"  # of costs in inventory files

    settle_seconds: float = 2.0
    max_file_bytes: int = 32 * 1024 * 1024
    files_per_poll: int = 200
