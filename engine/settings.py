"""Settings: ``BLUEBOOK_*`` in the environment over ``bluebook.toml`` over the defaults below."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from platformdirs import user_data_dir

from engine.errors import Misconfigured

SECRET = frozenset({"secret_key", "smtp_password"})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. URLs may carry passwords: show them through ``shown`` only."""

    home: str = ""
    database_url: str = ""
    broker_url: str = ""
    secret_key: str = ""
    undo_seconds: float = 10.0
    bulk_orders: int = 250
    bulk_value: Decimal = Decimal(25_000)
    worker_threads: int = 6
    batch_size: int = 64
    lease_seconds: float = 60.0
    poll_milliseconds: int = 100
    keep_done_hours: float = 24.0
    max_attempts: int = 12
    max_backoff_seconds: float = 900.0
    public_url: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_starttls: bool = True
    smtp_from: str = "bluebook@localhost"
    api_calls: int = 600
    log_level: str = "INFO"
    log_json: bool = False
    actor: str = ""

    @property
    def home_path(self) -> Path:
        """Where the embedded database, the key and the logs are."""
        return Path(self.home or user_data_dir("bluebook", appauthor=False))

    @property
    def database(self) -> str:
        """The database URL in force: SQLite under ``home`` unless one is set."""
        return self.database_url or f"sqlite:///{self.home_path / 'bluebook.sqlite3'}"

    @property
    def broker(self) -> str:
        """The broker URL in force: ``sql://`` (the outbox itself) unless one is set."""
        return self.broker_url or "sql://"


def masked_url(url: str) -> str:
    """The URL with its password, if any, replaced by ***."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}{port}"))


def shown(settings: Settings) -> dict[str, Any]:
    """The settings in force, with every secret masked."""
    values: dict[str, Any] = msgspec.to_builtins(settings)
    for name in SECRET:
        values[name] = "***" if values[name] else ""
    values["home"] = str(settings.home_path)
    values["database_url"] = masked_url(settings.database)
    values["broker_url"] = masked_url(settings.broker)
    return values


def read(environ: Mapping[str, str], folder: Path | None = None) -> Settings:
    """The settings an environment and a folder's ``bluebook.toml`` give; raises Misconfigured naming the setting."""
    values: dict[str, Any] = {}
    file = Path(environ.get("BLUEBOOK_CONFIG", "") or (folder or Path.cwd()) / "bluebook.toml")
    if file.is_file():
        try:
            values.update(tomllib.loads(file.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{file} cannot be read: {error}") from error
    known = set(Settings.__struct_fields__)
    for name, value in environ.items():
        field = name.removeprefix("BLUEBOOK_").lower()
        if name.startswith("BLUEBOOK_") and field in known:
            values[field] = value
    unknown = sorted(set(values) - known)
    if unknown:
        raise Misconfigured(f"{file}: there is no setting called {', '.join(unknown)}; see README.md, Configuration")
    try:
        found = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        name = path.rstrip("`")
        raise Misconfigured(
            f"BLUEBOOK_{name.upper()} (or {name} in {file.name}) has the wrong form: {what[:1].lower() + what[1:]}"
        ) from error
    if found.public_url and urlsplit(found.public_url).scheme not in ("https", "http"):
        raise Misconfigured(f"BLUEBOOK_PUBLIC_URL (or public_url in {file.name}) must begin with https:// or http://")
    return found


_forced: Settings | None = None


@lru_cache(maxsize=1)
def _from_environment() -> Settings:
    return read(os.environ)


def settings() -> Settings:
    """The settings of this process."""
    return _forced or _from_environment()


def force(value: Settings | None) -> None:
    """From here on this process has these settings (None: those of the environment); for the demo and for tests."""
    global _forced
    _forced = value
    _from_environment.cache_clear()
