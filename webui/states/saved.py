"""Saved views: Order History as someone likes it, under a name; shared with everybody if they want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.domain.roles import Permission
from engine.services import views
from webui import links, words
from webui.states.base import Book, on

LEFT_OUT = ("after", "audit")
"""Parameters of the address that a view does not keep."""


@dataclass
class ViewLink:
    """A saved view and its address."""

    id: int = 0
    name: str = ""
    href: str = ""
    mine: bool = False
    shared: bool = False
    owner: str = ""
    here: bool = False


class Saved(Book):
    """The person's views and those that are shared with them."""

    views: list[ViewLink] = []
    opened_in: int = 0
    """The visit in which the dialog was opened, which is the only one it is open in; 0: it is closed."""
    here: bool = False

    @on(Permission.VIEW)
    async def read(self) -> None:
        """The views as they are now."""
        assert self._person is not None
        here = self._query()
        self.views = [
            ViewLink(v.id, words.plain(v.name), f"/orders?{v.query}", v.mine, v.shared, v.owner, v.query == here)
            for v in await views.views(self._person)
        ]
        self.here = any(view.here for view in self.views)

    def _query(self) -> str:
        params = {name: value for name, value in self.params.items() if name not in LEFT_OUT}
        return links.orders(dict(sorted(params.items()))).partition("?")[2]

    @on(Permission.VIEW)
    def manage(self) -> None:
        """The dialog with one's views opens."""
        self.opened_in = self.visit

    @on(Permission.VIEW)
    def close(self) -> None:
        """The dialog is closed."""
        self.opened_in = 0

    @on(Permission.VIEW)
    async def save(self, form: dict[str, Any]) -> Any:
        """What is shown now has this name from now on."""
        assert self._person is not None
        saved = await views.save(
            self._person, str(form.get("name", "")), self._query(), shared=bool(form.get("shared"))
        )
        self.opened_in = 0
        self.say(f"The view {words.plain(saved.name)} is saved.", "good")
        return Saved.read

    @on(Permission.VIEW)
    async def rename(self, form: dict[str, Any]) -> Any:
        """The view has another name."""
        assert self._person is not None
        await views.rename(self._person, int(form.get("id", 0)), str(form.get("name", "")))
        return Saved.read

    @on(Permission.VIEW)
    async def share(self, view_id: int, shared: bool) -> Any:
        """Everybody sees the view, or only its owner."""
        assert self._person is not None
        await views.share(self._person, view_id, shared)
        return Saved.read

    @on(Permission.VIEW)
    async def delete(self, view_id: int) -> Any:
        """The view is gone; no order is touched."""
        assert self._person is not None
        await views.delete(self._person, view_id)
        return Saved.read
