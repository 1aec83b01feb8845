"""Where a channel sends its owner's browser back to: a plain route, since the browser comes from elsewhere."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from engine.domain.roles import Permission
from engine.errors import BluebookError
from engine.services import authorise
from engine.services.sessions import Person
from webui import downloads, words
from webui.plain_pages import page

PATH = "/authorised"


async def authorised(request: Request, person: Person) -> Response:
    """What the owner said is redeemed; a page says what came of it."""
    try:
        found = await authorise.answer(dict(request.query_params), person.actor("web:channels"))
    except BluebookError as error:
        return page("authorised", 400, error=words.sentence(error.message))
    freed = words.many(found.freed, "waiting order") if found.freed else ""
    return page("authorised", found=found, freed=freed)


ROUTES = [downloads.route(PATH, Permission.CHANNELS, authorised)]
