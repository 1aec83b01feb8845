"""Backup: a copy of the database that is consistent while workers go on, and where the key to its credentials is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from datetime import UTC
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from engine import clock
from engine.errors import Invalid, Misconfigured, Refused, Unreachable
from engine.settings import Settings, masked_url


class Backup(msgspec.Struct, frozen=True):
    """``file`` has the whole database in ``bytes`` bytes; ``key`` says where what opens its credentials is, and is not."""

    file: str
    bytes: int
    kind: str
    key: str


async def make(conf: Settings, target: str) -> Backup:
    """The database is copied to a new file; ``target`` is its name, or a folder it is put in under the time it is made.

    Raises Invalid where the file is there already, Misconfigured and Unreachable where there is no database or no tool.
    """
    sqlite = conf.database.startswith("sqlite:")
    final = _place(target, "sqlite3" if sqlite else "dump")
    part = final.with_name(f".{final.name}.part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        # Names and addresses of customers are in it: its owner's only, from its first byte.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        if sqlite:
            await asyncio.to_thread(_copy, Path(unquote(urlsplit(conf.database).path)), part)
        else:
            await _dump(conf.database, part)
        await asyncio.to_thread(_settle, part, final)
    finally:
        part.unlink(missing_ok=True)
    return Backup(str(final), final.stat().st_size, "SQLite" if sqlite else "PostgreSQL", _key(conf))


def _place(named: str, suffix: str) -> Path:
    target = Path(named).expanduser()
    if target.is_dir():
        target = target / f"bluebook-{clock.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.{suffix}"
    if target.exists():
        raise Invalid(f"{target} is there already, and a backup overwrites nothing: name another file", "path")
    return target


def _copy(source: Path, part: Path) -> None:
    if not source.exists():
        raise Misconfigured(f"there is no database at {source} yet; `bluebook init` makes it")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as live,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            # In one step: it is one reader's view of the log, so writers neither wait nor show in it.
            live.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            found = [row[0] for row in copy.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        raise Unreachable(f"the database {source} cannot be copied to {part.parent}: {error}") from error
    if found != ["ok"]:
        raise Refused(f"the database {source} is damaged, and so would be its copy: {'; '.join(found)}")


async def _dump(url: str, part: Path) -> None:
    parts = urlsplit(url)
    where = ["--host", parts.hostname or "127.0.0.1", "--port", str(parts.port or 5432)]
    where += ["--username", unquote(parts.username)] if parts.username else []
    arguments = ["--format=custom", "--no-owner", *where, "--dbname", parts.path.lstrip("/")]
    tool = shutil.which("pg_dump")
    if tool is None:
        raise Misconfigured(
            f"this machine has no pg_dump, which copies {masked_url(url)}: install PostgreSQL's client tools, or run where "
            f"they are: pg_dump {' '.join(arguments)} --file=bluebook.dump"
        )
    environ = {**os.environ, **({"PGPASSWORD": unquote(parts.password)} if parts.password else {})}
    ssl = dict(parse_qsl(parts.query)).get("ssl")
    environ |= {"PGSSLMODE": ssl} if ssl else {}
    running = await asyncio.create_subprocess_exec(
        tool, *arguments, "--no-password", f"--file={part}", env=environ, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await running.communicate()
    if running.returncode:
        told = " ".join(said.decode(errors="replace").split())[:500]
        raise Unreachable(f"pg_dump could not copy {masked_url(url)}: {told or f'it ended with {running.returncode}'}")


def _settle(part: Path, final: Path) -> None:
    """The file is on the disk under its name; one that appeared there meanwhile is not overwritten."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(part, final)
    except FileExistsError as error:
        raise Invalid(f"{final} appeared while it was made: name another file", "path") from error
    except OSError:  # a file system without hard links
        part.replace(final)


def _key(conf: Settings) -> str:
    if conf.secret_key:
        names = ", ".join(part.strip().partition(":")[0] for part in conf.secret_key.split(",") if part.strip())
        return (
            f"the credentials in it are sealed with the key in BLUEBOOK_SECRET_KEY ({names}), which is not in the copy: "
            "keep it too, and elsewhere"
        )
    path = conf.home_path / "secret.key"
    there = "which is not in the copy: keep it too, and elsewhere" if path.exists() else "which is missing: see doctor"
    return f"the credentials in it are sealed with the key {path}, {there}"
