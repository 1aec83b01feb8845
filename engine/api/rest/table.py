"""A route of the API: what it is called by, who may call it, and, read from its handler, what it takes and answers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.services.lifecycle import Actor
from engine.services.tokens import Caller

JSON = "application/json"
PREFIX = "/api/v1"


@dataclass
class Call:
    """One call, as its handler sees it. ``answered`` are headers to be sent with the answer, ``http_status`` its status."""

    caller: Caller
    headers: Mapping[str, str]
    url: str
    content_type: str = ""
    http_status: int = 200
    answered: dict[str, str] = field(default_factory=dict)

    @property
    def by(self) -> Actor:
        """Who does it."""
        return self.caller.actor()


Handler = Callable[..., Awaitable[Any]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table. ``problems`` are the kinds that its handler may raise beside those that follow from its form.

    ``statuses`` are those it answers when all is well; ``tags`` headers it then has, with what each says; ``guard``: If-Match
    is needed ("needed") or heeded ("heeded"); ``takes`` the content types of its body; ``paged``: there may be a next page.
    """

    method: str
    path: str
    scope: Scope | None
    permission: Permission
    handler: Handler
    noun: str
    problems: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)
    tags: Mapping[str, str] = {}
    guard: str = ""
    takes: tuple[str, ...] = (JSON,)
    paged: bool = False
    hints: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        """Its name in the description: that of the handler."""
        return self.handler.__name__

    @property
    def params(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def pattern(self) -> str:
        """Its path for the router: ids are digits, so that ``/orders/counts`` is no order's address."""
        return re.sub(r"{(\w+_id)}", r"{\1:[0-9]{1,19}}", self.path)

    @property
    def query(self) -> Any:
        """The struct of its query, or None."""
        return self.hints.get("query")

    @property
    def body(self) -> Any:
        """The type of its body, ``bytes`` where the handler reads it, or None."""
        return self.hints.get("body")

    @property
    def answer(self) -> Any:
        """The type it answers; None for nothing."""
        return self.hints.get("return")

    @property
    def about(self) -> tuple[str, str]:
        """What it does: the first sentence of its handler's docstring, and the rest."""
        first, _, rest = inspect.cleandoc(self.handler.__doc__ or "").partition("\n\n")
        return " ".join(first.split()), rest.strip()

    def kinds(self) -> tuple[str, ...]:
        """Every kind of problem it may answer."""
        found = ["unauthorised", "forbidden", "too-many", "internal", "try-later", *self.problems]
        if self.params or self.query or self.body:
            found.append("invalid")
        if self.params:
            found.append("not-found")
        if self.body:
            found += ["malformed", "timeout", "too-large", "unsupported-type"]
        if self.method == "POST":
            found += ["malformed", "timeout", "too-large", "conflict", "in-flight", "key-reused"]
        if self.guard:
            found += ["changed", "invalid", *(["unguarded"] if self.guard == "needed" else [])]
        return tuple(dict.fromkeys(found))


def route(
    method: str, path: str, scope: Scope | None, permission: Permission, handler: Handler, **more: Any
) -> Route:  # fmt: skip
    """The row; its noun is the handler's module, its types are the handler's annotations."""
    hints = dict(inspect.get_annotations(handler, eval_str=True))
    hints.pop("call", None)
    noun = handler.__module__.rpartition(".")[2]
    return Route(
        method=method, path=path, scope=scope, permission=permission, handler=handler, noun=more.pop("noun", noun),
        hints=hints, **more,
    )  # fmt: skip


def of(rows: Sequence[Route]) -> tuple[Route, ...]:
    """The rows, each once: raises ValueError where two are called alike, or a path's names are not its handler's."""
    seen: set[object] = set()
    for row in rows:
        for key in ((row.method, row.path), row.name):
            if key in seen:
                raise ValueError(f"{key} is there twice")
            seen.add(key)
        if set(row.params) - set(row.hints):
            raise ValueError(f"{row.path} has names that {row.name} does not take")
    return tuple(rows)
