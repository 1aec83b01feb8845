"""Asking a channel's owner in a browser: the question as a page shows it, and what is said of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import BluebookError
from engine.services import authorise
from engine.services.authorise import Asked, LetIn
from engine.services.lifecycle import Actor
from webui import words
from webui.letting_in import PATH


@dataclass
class OwnerQuestion:
    """Where the owner is asked. ``returns``: the browser comes back to ``redirect_uri`` by itself."""

    url: str = ""
    redirect_uri: str = ""
    returns: bool = False


async def ask(
    connector: str, given: Mapping[str, Any], origin: str, by: Actor, *, name: str = "", channel_id: int = 0
) -> OwnerQuestion:
    """The question, which is open from now on; raises what ``authorise.ask`` raises. ``origin`` is what our pages are called."""
    asked: Asked = await authorise.ask(
        connector, given, f"{origin}{PATH}", by, name=name, channel_id=channel_id
    )  # fmt: skip
    return OwnerQuestion(asked.url, asked.redirect_uri, asked.returns)


async def taken(page: Any, form: Mapping[str, Any]) -> LetIn | None:
    """What came of an address that was pasted, which the page says; None where it was not the one, and what is wrong.

    For background handlers of pages with a ``problem``.
    """
    async with page:
        by, page.problem = page.by, ""
    try:
        found = await authorise.answer(authorise.pasted(str(form.get("address", ""))), by)
    except BluebookError as error:
        async with page:
            page.problem = words.sentence(error.message)
        return None
    async with page:
        page.say(*_told(found))
    return found


def _told(found: LetIn) -> tuple[str, str]:
    """A sentence on it, and its tone."""
    if found.problem:
        return f"{found.name} is let in, but its test failed: {found.problem}", "bad"
    freed = f"; {words.many(found.freed, 'waiting order')} go on" if found.freed else ""
    return f"{found.name} is let in: {found.answer}{freed}.", "good"
