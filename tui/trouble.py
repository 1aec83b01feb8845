"""Errors as people are told them: one sentence; what nobody expected is in the log with its traceback."""

from __future__ import annotations

from engine.services.trouble import is_lost
from tui import logs

__all__ = ["explain", "is_lost", "told"]


def told(error: Exception, doing: str) -> str:
    """What happened and what to do, in a sentence."""
    return explain(error, doing)[0]


def explain(error: Exception, path: str) -> tuple[str, int]:
    """What to tell a person, and the exit code."""
    from engine.services import trouble

    return trouble.explain(error, path, logs.unexpected)
