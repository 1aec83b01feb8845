"""``POST /as2/{supplier id}``: a partner's AS2 messages, answered by their MDN once they are kept, and its MDNs for ours.

What is not accepted is answered by an MDN that says why, as AS2 wants it, with 200; where no MDN was asked for, by a status.
A failure of ours is a 503 without an MDN, so that the partner sends it again.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from engine.services import messages

MAX_MESSAGE = 64 * 1024 * 1024  # bytes, as it travels
MESSAGE_SECONDS = 120.0


def add_routes(app: web.Application) -> None:
    """The application takes AS2 messages."""
    app.router.add_post("/as2/{id:[0-9]{1,9}}", _message)


async def _message(request: web.Request) -> web.Response:
    supplier_id = int(request.match_info["id"])
    await messages.expect(supplier_id)
    receipt = await messages.take(supplier_id, request.headers, await _body(request))
    if receipt is None:
        return web.Response(status=200)
    return web.Response(status=200, headers=receipt.headers, body=receipt.body)


async def _body(request: web.Request) -> bytes:
    """The whole body. By itself aiohttp stops at the application's limit, which is for hooks."""
    found = bytearray()
    try:
        async with asyncio.timeout(MESSAGE_SECONDS):
            async for part in request.content.iter_any():
                found += part
                if len(found) > MAX_MESSAGE:
                    raise web.HTTPRequestEntityTooLarge(MAX_MESSAGE, len(found))
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    return bytes(found)
