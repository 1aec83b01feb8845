"""Every deliberate error, named by what the caller must do.

BluebookError               has a message for people: what happened, to what, what to do next
├── TryLater                nothing happened: retry with backoff, honour ``retry_after`` (seconds)
├── Refused                 a definite no: to a person
├── OutcomeUnknown          it was sent and there was no answer: ask, never resend
├── NotAuthorised           pause that connection and tell someone
├── Unreadable              the other side broke its contract: park the payload, alarm
├── IllegalTransition       this move is not allowed from this state
├── StaleState              someone else moved it first: read again, decide again
│   └── Overtaken           somebody set the same setting otherwise: who, when and what
├── NotFound                no such order, channel, supplier …
├── Invalid                 what the user gave cannot be used; says which field and why
├── Misconfigured           settings are missing or wrong
└── Unreachable             our own database or broker does not answer
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any


class BluebookError(Exception):
    """The root: ``message`` is fit to be shown to a person, ``exit_code`` is what the CLI ends with."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TryLater(BluebookError):
    """Nothing happened at the other side; ``retry_after`` is what it asked for, in seconds."""

    exit_code = 75

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(BluebookError):
    """A definite no. ``code`` is the other side's own code or HTTP status, where it gave one."""

    exit_code = 3

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class OutcomeUnknown(BluebookError):
    """The request left and no answer came back. Ask the other side; never resend blindly."""

    exit_code = 3


class NotAuthorised(BluebookError):
    """The credentials were not accepted. The connection pauses until a person looks."""

    exit_code = 4


class Unreadable(BluebookError):
    """A payload does not have the shape its contract promises. ``field`` is the path to the culprit, where known."""

    exit_code = 3

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class IllegalTransition(BluebookError):
    """The move is not allowed from the state the thing is in."""

    exit_code = 3


class StaleState(BluebookError):
    """Someone else moved it first."""

    exit_code = 75


class Overtaken(StaleState):
    """Somebody has set otherwise what was to be set, since it was looked at.

    ``changes`` are theirs, the newest of each name; those of ``wanted`` were to be set, the others were relied on.
    """

    def __init__(self, message: str, changes: Sequence[Any], wanted: Collection[str]) -> None:
        super().__init__(message)
        self.changes, self.wanted = tuple(changes), frozenset(wanted)


class NotFound(BluebookError):
    """There is no such thing."""

    exit_code = 2


class Invalid(BluebookError):
    """What was given cannot be used. ``field`` names the input, where there is one."""

    exit_code = 2

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Misconfigured(BluebookError):
    """A setting is missing or wrong; the message names it. ``field`` is the setting's own name, where it is a connector's."""

    exit_code = 4

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Unreachable(BluebookError):
    """Our own database or broker does not answer."""

    exit_code = 5
