"""Pushing orders into a channel of files: the body is the file, read by the channel's saved mapping of columns."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rest import named
from engine.api.rest.named import ChannelRef
from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid, Unreadable
from engine.services import push
from engine.services.push import Pushed

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ENDINGS = {"text/csv": "csv", "application/json": "json", "application/x-ndjson": "jsonl", XLSX: "xlsx"}


class PushQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where the orders go, and what the file is called in messages about it."""

    channel: ChannelRef
    name: Annotated[str, Meta(max_length=100, pattern=r"^[^/\\]*$")] = ""


async def push_orders(call: Call, query: PushQuery, body: bytes) -> Pushed:
    """Push new orders.

    The body is a file of orders, CSV, Excel or JSON, as the channel's `columns` and `constants` say how to read it. Good
    orders go in; each bad one is told in `wrong` with its lines and the reason, and waits in the inbox. The same orders
    again change nothing.
    """
    where = await named.channel(query.channel)
    ending = _ENDINGS[call.content_type]
    name = query.name or f"pushed.{ending}"
    try:
        return await push.take(
            where.id, name if name.lower().endswith(f".{ending}") else f"{name}.{ending}", body, call.by
        )
    except Unreadable as error:
        raise Invalid(f"no order can be made of the body: {error.message}", "body") from error


ROUTES = (
    route(
        "POST", "/orders", Scope.ORDERS_PUSH, Permission.EDIT, push_orders, noun="orders", takes=tuple(_ENDINGS)
    ),
)  # fmt: skip
