"""Where a command's log goes: to ``<home>/logs/bluebook.log``, so that stderr stays free for what people must read."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import IO

MOST_BYTES = 10_000_000


def path() -> Path:
    """The log file; in the system's folder for temporary files where there are no settings to say where home is."""
    from engine.errors import BluebookError
    from engine.settings import settings

    try:
        return settings().home_path / "logs" / "bluebook.log"
    except BluebookError:
        return _elsewhere()


def _elsewhere() -> Path:
    return Path(tempfile.gettempdir()) / f"bluebook-{os.getuid() if hasattr(os, 'getuid') else 'user'}.log"


def _open(wanted: Path) -> tuple[IO[str], Path] | None:
    for file in (wanted, _elsewhere()):
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if file.is_file() and file.stat().st_size > MOST_BYTES:
                file.replace(file.with_suffix(".log.1"))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            return os.fdopen(os.open(file, flags, 0o600), "a", encoding="utf-8"), file
        except OSError:
            continue
    return None


def unexpected(error: BaseException, command: str) -> str:
    """The error with its traceback is in the log; where that is, or why there is none."""
    import traceback
    from datetime import UTC, datetime

    found = _open(path())
    if found is None:
        return f"it could not be logged: neither {path()} nor {_elsewhere()} can be written"
    file, where = found
    with file:
        file.write(f"{datetime.now(UTC).isoformat()} [error] {command} failed unexpectedly\n")
        file.write("".join(traceback.format_exception(error)))
    return f"the details are in {where}"


class _File:
    """The log file, opened when the first line is written, so that commands with nothing to tell make no file."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def write(self, text: str) -> int:
        if self._file is None:
            found = _open(path())
            self._file = found[0] if found else open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return self._file.write(text)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


_open_now: list[tuple[_File, logging.Handler]] = []


def set_up() -> None:
    """From here on what the engine logs, at the level of the settings, is in the file."""
    import structlog

    from engine.settings import settings

    level = logging.getLevelNamesMapping().get(settings().log_level.upper(), logging.INFO)
    last = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
        if settings().log_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    close()
    file = _File()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=file),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    # Libraries log by themselves; only their warnings matter, and they belong in the file too.
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _open_now.append((file, handler))


def close() -> None:
    """What is logged goes where it went before ``set_up``, and the file is closed; for processes that run many commands."""
    import structlog

    while _open_now:
        file, handler = _open_now.pop()
        structlog.reset_defaults()
        logging.root.removeHandler(handler)
        file.close()
