"""What goes wrong, as RFC 9457 has it: ``application/problem+json`` with a type, a title, a status and a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.errors import (
    BluebookError,
    IllegalTransition,
    Invalid,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    Refused,
    StaleState,
    TryLater,
    Unreadable,
)
from engine.services import changed, once

CONTENT_TYPE = "application/problem+json"
DOCS = "/api/docs"


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What went wrong. ``type`` leads to its explanation, ``detail`` says it in a sentence, ``field`` names the input at
    fault, ``retry_after`` is in seconds, and ``instance`` finds it in Bluebook's log."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    field: str = ""
    retry_after: int | None = None


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem: its status, its title, and what the caller is to do about it."""

    status: int
    title: str
    todo: str


KINDS: dict[str, Kind] = {
    "malformed": Kind(400, "The request cannot be read", "Correct its form: the detail says where it breaks."),
    "unauthorised": Kind(
        401, "Who calls is not known", "Send a token that is in force: Authorization: Bearer bb_… (`bluebook tokens add`)."
    ),
    "forbidden": Kind(
        403, "The token may not do this", "Take a token with the scope that is named, of a user whose role allows it."
    ),
    "not-found": Kind(404, "There is no such thing", "Look it up by the list it should be in."),
    "method-not-allowed": Kind(405, "This address does not take this method", "The header Allow has those it takes."),
    "timeout": Kind(408, "The body did not come in time", "Send the request again, as a whole."),
    "conflict": Kind(
        409, "As things stand this cannot be done", "The detail says why. Read it again, and decide again."
    ),
    "in-flight": Kind(
        409, "The same call is under way",
        "Send it again under the same key after retry_after seconds. That is soon; once the call is under way for 30 seconds, it "
        "is when the call can be made anew if it died with its process, 10 minutes after it began.",
    ),
    "gone": Kind(
        410, "The cursor leads nowhere any more",
        "The database was restored or replaced since. Begin anew: by since, at a moment before that, or without a cursor.",
    ),
    "changed": Kind(412, "It was changed meanwhile", "Read it again, and send the change with its new ETag."),
    "too-large": Kind(413, "The body is too large", "Send it in parts."),
    "unsupported-type": Kind(415, "This content type is not taken", "The detail has those that are."),
    "invalid": Kind(422, "Something in the request cannot be used", "The detail says what; field names it."),
    "key-reused": Kind(422, "The key was used for another call", "Take a new Idempotency-Key for each call."),
    "unguarded": Kind(428, "Say which state you saw", "Send the ETag of what you read as If-Match."),
    "too-many": Kind(429, "Too many calls", "Wait retry_after seconds."),
    "internal": Kind(500, "Something went wrong here", "Bluebook's log has the details under the instance."),
    "other-side": Kind(
        502, "A channel or supplier did not answer as it should", "Look at what became of it before you try again."
    ),
    "try-later": Kind(503, "Not now", "Nothing was done. Send it again later."),
}  # fmt: skip
"""Every kind, by the last part of its ``type``."""


class Trouble(Exception):
    """A request that is answered by a problem of this kind."""

    def __init__(
        self, kind: str, detail: str, *, field: str = "", retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.kind, self.detail, self.field, self.retry_after = kind, detail, field, retry_after
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind].status

    def told(self, instance: str) -> Problem:
        """The problem as it is written."""
        kind = KINDS[self.kind]
        return Problem(
            type=f"{DOCS}#{self.kind}", title=kind.title, status=kind.status, detail=self.detail, instance=instance,
            field=self.field, retry_after=self.retry_after,
        )  # fmt: skip


def trouble(error: Exception, *, guarded: bool) -> Trouble:
    """What a service raised, as its caller may know it. ``guarded``: the call said which state it had seen."""
    match error:
        case Trouble():
            return error
        case Invalid(message=message, field="Idempotency-Key"):
            return Trouble("key-reused", message, field="Idempotency-Key")
        case Invalid(message=message, field=field):
            return Trouble("invalid", message, field=field or "")
        case changed.Gone(message=message):
            return Trouble("gone", message, field="cursor")
        case NotFound(message=message):
            return Trouble("not-found", message)
        case Refused(message=message, code="role"):
            return Trouble("forbidden", message)
        case once.UnderWay(message=message, retry_after=after):
            return Trouble("in-flight", message, retry_after=after)
        case StaleState(message=message) if guarded:
            return Trouble("changed", message)
        case Refused(message=message) | IllegalTransition(message=message) | StaleState(message=message):
            return Trouble("conflict", message)
        case TryLater(message=message, retry_after=after):
            return Trouble("try-later", message, retry_after=max(1, round(after)) if after else None)
        case OutcomeUnknown(message=message) | Unreadable(message=message) | NotAuthorised(message=message):
            return Trouble("other-side", message)
        case BluebookError():  # our own database, or a setting: its message may name hosts and files
            return Trouble("try-later", "Bluebook cannot do its part now; its log has the details.")
        case _:
            return Trouble("internal", "Bluebook's log has the details under this instance.")
