"""The demo's own home: apart from real data, wiped at the start, and used by one demo at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.errors import Misconfigured
from engine.settings import Settings

MARK = "bluebook-demo.lock"


def demo_settings(home: Path, *, undo_seconds: float) -> Settings:
    """The demo's settings: those of a fresh installation under ``home``, whatever the environment says."""
    return Settings(home=str(home), undo_seconds=undo_seconds, poll_milliseconds=50, actor="dana")


def environment(settings: Settings, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child that has these settings and none of ours."""
    inner = {name: value for name, value in outer.items() if not name.startswith("BLUEBOOK_")}
    plain = Settings()
    for name in Settings.__struct_fields__:
        value = getattr(settings, name)
        if value != getattr(plain, name):
            inner[f"BLUEBOOK_{name.upper()}"] = str(value)
    # A bluebook.toml in the folder we were started from is for real data, so the child must not find it.
    inner["BLUEBOOK_CONFIG"] = str(settings.home_path / "bluebook.toml")
    return inner


@contextlib.contextmanager
def fresh(home: Path) -> Iterator[None]:
    """The home exists, is empty and nobody else's within; what the demo leaves there stays.

    Raises Misconfigured for a folder that cannot be written, that holds anything but a demo, or where one runs.
    """
    mark = home / MARK
    try:
        if home.exists() and not mark.exists() and any(home.iterdir()):
            raise Misconfigured(
                f"{home} is not empty and was not made by the demo, which would wipe it; choose another with --home"
            )
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = mark.open("a+")
    except OSError as error:
        raise Misconfigured(
            f"the demo cannot use {home}: {error.strerror or error}; choose a folder you may write with --home"
        ) from error
    with lock:
        _lock(lock.fileno(), home)
        try:
            _wipe(home)
            lock.seek(0)
            lock.truncate()
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        except OSError as error:
            raise Misconfigured(
                f"the demo cannot wipe {home}: {error.strerror or error}; choose another with --home"
            ) from error
        yield


def _lock(descriptor: int, home: Path) -> None:
    try:
        import fcntl
    except ImportError:  # there is none for Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Misconfigured(f"a demo is running in {home}; end it, or choose another folder with --home") from error


def _wipe(home: Path) -> None:
    for entry in home.iterdir():
        if entry.name == MARK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
