"""Errors as people are told them: one sentence for each, and whether it is the database that went away."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import BluebookError, Unreachable

LOST = frozenset(
    {
        "DBConnectionError", "InterfaceError", "ConnectionDoesNotExistError", "AdminShutdownError", "CannotConnectNowError",
        "CrashShutdownError", "ObjectNotInPrerequisiteStateError", "PostgresConnectionError", "TooManyConnectionsError",
        "ConnectionFailureError", "InvalidCatalogNameError",
    }
)  # fmt: skip
"""What Tortoise and asyncpg raise where no answer came at all; by name, so that nothing is imported to look."""


def is_lost(error: BaseException) -> bool:
    """Is it the database that went away, rather than something about an order?"""
    if isinstance(error, Unreachable):
        return True
    if isinstance(error, BluebookError):
        return False
    if type(error).__name__ in LOST or isinstance(error, (ConnectionError, TimeoutError)):
        return True
    said = str(error)
    return any(part in said for part in ("unable to open database", "disk I/O error", "closed", "no such table"))


def explain(error: Exception, doing: str, logged: Callable[[BaseException, str], str]) -> tuple[str, int]:
    """What to tell a person, and the exit code. ``logged`` writes down what nobody expected and says where."""
    if isinstance(error, BluebookError):
        return error.message, error.exit_code
    said = str(error)
    known = type(error).__module__.partition(".")[0] in ("tortoise", "sqlite3", "asyncpg")
    if known and "locked" in said:
        return "the database is busy with another writer; nothing was changed, try again", 75
    if known and ("readonly" in said or "read-only" in said):
        return f"the database cannot be written ({said}); check the rights of its file and folder", 4
    if known and type(error).__name__ in LOST:
        return f"the database went away: {said}", 5
    if isinstance(error, OSError) and error.filename is not None:
        return _about_file(error), 4
    return f"{doing} failed: {type(error).__name__}; {logged(error, doing)}", 1


def _about_file(error: OSError) -> str:
    from engine.settings import settings

    home = str(settings().home_path)
    hint = ""
    if home.startswith(str(error.filename)) or str(error.filename).startswith(home):
        hint = f"; Bluebook keeps its database, key and logs in {home}: set BLUEBOOK_HOME to a folder you can write to"
    return f"{error.filename}: {error.strerror}{hint}"
